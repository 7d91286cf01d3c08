/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_TRIM_H
#define CULVERT_DAEMON_TRIM_H

#include "system/loop.h"

/*
 * Gives memory back to the kernel when a flood of connections is over. The C library keeps what
 * was freed, so that without this a server would stay as large as the flood has made it. Main
 * thread only.
 */

enum {
	TRIM_CONNECTIONS = 256, /* so many have ended: a flood */
	TRIM_MS = 5000,         /* the least time between looks at whether it is over */
};

struct trim {
	struct loop *loop;
	struct loop_timer timer;
	unsigned ended; /* connections, since memory was last given back */
	unsigned seen;  /* of these, at the last look */
};

/* Borrows the loop. Nothing has ended yet. */
void trim_init(struct trim *trim, struct loop *loop);
/* Does nothing when *trim is zeroed. */
void trim_stop(struct trim *trim);
/* A connection has ended. */
void trim_note(struct trim *trim);

#endif
