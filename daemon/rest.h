/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_REST_H
#define CULVERT_DAEMON_REST_H

#include "system/loop.h"

/*
 * Gives memory back to the kernel when a flood of connections is over. The C library keeps what
 * was freed, so that without this a server would stay as large as the flood has made it. Main
 * thread only.
 */

enum {
	REST_CONNECTIONS = 256, /* so many have ended: a flood */
	REST_MS = 5000,         /* the least time between looks at whether it is over */
};

struct rest {
	struct loop *loop;
	struct loop_timer timer;
	unsigned ended; /* connections, since memory was last given back */
	unsigned seen;  /* of these, at the last look */
};

void rest_init(struct rest *rest, struct loop *loop);
void rest_stop(struct rest *rest);
/* A connection has ended. */
void rest_note(struct rest *rest);

#endif
