/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SUPERVISOR_H
#define CULVERT_SYSTEM_SUPERVISOR_H

#include "base/problem.h"

/*
 * Reports this program's state to its supervisor: datagrams to the socket in NOTIFY_SOCKET,
 * sd_notify(3), without libsystemd. One owner; one thread.
 */

struct supervisor {
	int fd; /* -1: no supervisor */
};

/*
 * Removes NOTIFY_SOCKET from the environment, so that no child reports in our name. Without a
 * supervisor it succeeds, and supervisor_notify() does nothing. On failure *problem says why, and
 * fd is -1. -EINVAL: the variable names no Unix socket. -ENAMETOOLONG, or an error of socket(2) or
 * connect(2).
 */
int supervisor_open(struct supervisor *supervisor, struct problem *problem);

/*
 * Sends these lines, "READY=1\nSTATUS=...". Waits at most SUPERVISOR_PATIENCE_S for a busy
 * supervisor. Negative errno of send(2): the supervisor did not get them.
 */
enum { SUPERVISOR_PATIENCE_S = 2 };
int supervisor_notify(const struct supervisor *supervisor, const char *lines);

/* Does nothing when there is no supervisor. */
void supervisor_close(struct supervisor *supervisor);

#endif
