/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SUPERVISOR_H
#define CULVERT_SYSTEM_SUPERVISOR_H

#include <stdbool.h>

#include "base/problem.h"

/*
 * Reports this program's state to its supervisor: datagrams to the socket in NOTIFY_SOCKET,
 * sd_notify(3), without libsystemd. One owner; one thread.
 */

struct supervisor {
	int fd;      /* -1: no supervisor */
	bool stores; /* it keeps descriptors for the next run: $FDSTORE */
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

/*
 * A supervisor may keep descriptors from one run of this program to the next (systemd's descriptor
 * store, sd_pid_notify_with_fds(3)), where its configuration allows that.
 *
 * take: gets the descriptor of that name from the run before, CLOEXEC, which the caller owns, and
 * closes all others that the supervisor has passed on. Call it once, before any thread. -ENOENT:
 * there is none.
 * keep: gives it a copy. It returns when the supervisor has it, so the caller may end then.
 * -EOPNOTSUPP: it keeps none; -ETIMEDOUT: it has not confirmed within SUPERVISOR_PATIENCE_S;
 * else errors of sendmsg(2).
 * drop: it closes its copy. Errors as supervisor_notify().
 */
int supervisor_take(const char *name, int *ret_fd);
int supervisor_keep(const struct supervisor *supervisor, const char *name, int fd);
int supervisor_drop(const struct supervisor *supervisor, const char *name);

/* Does nothing when there is no supervisor. */
void supervisor_close(struct supervisor *supervisor);

#endif
