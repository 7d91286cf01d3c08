/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SUPERVISOR_H
#define CULVERT_SYSTEM_SUPERVISOR_H

#include "base/problem.h"

/*
 * Tells the supervisor that started this program how it does: datagrams to the socket that
 * NOTIFY_SOCKET names, sd_notify(3), without libsystemd. One owner; one thread.
 */

struct supervisor {
	int fd; /* -1: there is none */
};

/*
 * Takes NOTIFY_SOCKET out of the environment, so that no child speaks for us. No supervisor is no
 * error, and every supervisor_tell() is then silent. -EINVAL: the variable names no Unix socket;
 * -ENAMETOOLONG; or what socket(2) and connect(2) say; with words, and with fd -1.
 */
int supervisor_open(struct supervisor *supervisor, struct problem *problem);

/*
 * Sends these lines, "READY=1\nSTATUS=...". Waits for a supervisor that is busy, SUPERVISOR_PATIENCE_S
 * at most. Negative errno of send(2): it has not heard.
 */
enum { SUPERVISOR_PATIENCE_S = 2 };
int supervisor_tell(const struct supervisor *supervisor, const char *lines);

/* Fine when there is none. */
void supervisor_close(struct supervisor *supervisor);

#endif
