/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_LISTENERS_H
#define CULVERT_NETD_LISTENERS_H

#include "netd/desired_item.h"
#include "netd/engine_files.h"
#include "system/loop.h"

/*
 * Keeps a server's listening sockets (netd/engine_files) listening. An administrator can end them
 * from outside (`ss -K`, SOCK_DESTROY in sock_diag(7)), and then nobody can connect any more. The
 * socket keeps its address, so netd makes it listen again; the engine has the same socket and needs
 * not be told. netd's only thread.
 */

struct listeners;

struct listener_end {
	struct listeners *owner;
	struct loop_watch watch; /* reports the end of one; not watched when that is known */
};

struct listeners {
	struct loop *loop; /* NULL: not started */
	const struct engine_files *files;
	struct listener_end ends[SETTINGS_LISTEN_MAX];
	struct desired_item item;
};

/* Starts watching. Borrows both. Without reports the slow check of netd/desired_state remains. */
void listeners_start(
	struct listeners *listeners, struct loop *loop, const struct engine_files *files);
/* Call it before the sockets are closed. Does nothing when *listeners is zeroed. */
void listeners_stop(struct listeners *listeners);

#endif
