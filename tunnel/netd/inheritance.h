/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INHERITANCE_H
#define CULVERT_NETD_INHERITANCE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"
#include "netd/bequest.h"

/*
 * The successor's half of a restart: takes over what the run before has left (netd/bequest), which a
 * supervisor has kept, or the running process that this one succeeds gives. Everything stays in the
 * kernel as it is; then each part is judged by the configuration of now as requests are, and what
 * does not belong any more is removed. The engine adopts the interfaces as it does after another
 * engine's end, and has the same instance id, so that peers resume their sessions.
 *
 * The functions are steps of netd's ladder, in this order. Without a bequest they do nothing.
 * netd's only thread.
 */

struct netd;

#define INHERITANCE_NAME "culvert" /* of the descriptor that a supervisor keeps */

struct inheritance {
	struct bequest *bequest; /* NULL: there is none, or it is used up */
	bool taken;              /* this run goes on from another one */
	pid_t from;              /* the process that gives it; 0: a supervisor kept it */
	int predecessor;         /* the socket to that process; -1: none */
};

void inheritance_init(struct inheritance *inheritance, pid_t predecessor);

/*
 * Gets the bequest, and gives the listening sockets and the control socket to netd/engine_files.
 * Fails only where a process was to be succeeded: -ESRCH and others; *problem says why. A bequest
 * that a supervisor kept and that is of no use is logged and dropped: its interfaces, sockets and
 * tables end with it.
 */
int inheritance_receive(struct netd *netd, struct problem *problem);

/* Fills the registry and the modules, before anything looks at this host. Errors: those of netlink
 * and the loop. On failure *problem says why. */
int inheritance_take(struct netd *netd, struct problem *problem);

/* Removes what does not belong any more. Logs what and why. */
void inheritance_judge(struct netd *netd);

/* Gives the firewall tables' sockets to their modules, which are about to start. */
void inheritance_take_firewall(struct netd *netd);

/*
 * Adapts the full tunnel, frees the rest, and reports to the supervisor or the process before that
 * nothing of the bequest is needed any more. Errors: those of full_tunnel_adapt(). On failure
 * *problem says why.
 */
int inheritance_finish(struct netd *netd, struct problem *problem);

/*
 * The start has failed. A predecessor that lives goes on, so nothing of it is removed. Otherwise
 * what holds packets back in a full tunnel stays in force, as after netd was killed.
 */
void inheritance_fail(struct netd *netd);

/* Frees what is left, also after a failure. */
void inheritance_free(struct inheritance *inheritance);

#endif
