/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_HANDOVER_H
#define CULVERT_NETD_HANDOVER_H

#include "base/problem.h"
#include "netd/bequest.h"

/*
 * A bequest in one descriptor: a socket in whose queue the bytes (a sealed memfd) and all other
 * descriptors lie. So a supervisor has to keep one descriptor, however many interfaces there are,
 * and cannot lose a part of it. A process that holds the socket holds all that is in it; when it
 * is closed the kernel closes that, too. netd's only thread.
 */

/*
 * Packs a bequest, which stays as it is. The caller closes *ret_fd. -ETOOMANYREFS: more descriptors
 * than this process may have on their way (RLIMIT_NOFILE); -ENOMEM and others. On failure *problem
 * says why.
 */
int handover_pack(const struct bequest *bequest, int *ret_fd, struct problem *problem);

/*
 * Unpacks it, once: the queue is empty then. Trusts nothing in it. -ENODATA: the queue is empty;
 * -EINVAL: the memfd is not sealed, or too large; -EMFILE; else the errors of bequest_read(). On
 * failure *problem says why, and all descriptors are closed.
 */
int handover_unpack(int fd, struct bequest **ret_bequest, struct problem *problem);

#endif
