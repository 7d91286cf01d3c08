/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_WORLD_H
#define CULVERT_ENGINE_SESSION_WORLD_H

#include <stdbool.h>

/*
 * What a session is lent for its life. The engine owns all of it, keeps it up to date, and outlives
 * its sessions. A session reads it only. Main thread.
 */

struct descriptors;
struct loop;
struct netd_link;
struct settings;

struct session_world {
	struct loop *loop;
	struct netd_link *netd;
	const struct settings *settings;
	const struct descriptors *descriptors; /* the reserve that no interface may use up */
	bool ready;    /* everything of the engine before has been adopted */
	bool stopping; /* the program ends, and netd removes all interfaces at once */
};

#endif
