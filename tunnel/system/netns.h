/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETNS_H
#define CULVERT_SYSTEM_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Foreign network namespaces: network_namespaces(7), ip-netns(8). A descriptor of a namespace keeps
 * it alive, and so does every socket made in it: close both soon. The process itself never changes
 * its namespace. Main thread of a single-threaded process, netd.
 */

#define NETNS_RUN_DIR "/run/netns" /* `ip netns add` makes them here */

/* Identifies a namespace by its nsfs inode. All zero: no foreign namespace. */
struct netns_id {
	uint64_t device, inode;
};

static inline bool netns_id_equal(const struct netns_id *a, const struct netns_id *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/*
 * Opens a namespace. `where` is a name in NETNS_RUN_DIR, a path that begins with a slash, or
 * "pid:NUMBER" for that of a process. The caller closes *ret_fd. On failure *problem says why and
 * what to do. -ENOENT: it does not exist. -EACCES: another user's process (CAP_SYS_PTRACE is
 * missing). -EINVAL: it is no network namespace. -EPERM: the process is in one of another user than
 * root and ours. Else an error of open(2).
 */
int netns_open(const char *where, int *ret_fd, struct problem *problem);

/* Returns true if `where` tells a process by its number, which another may get. */
bool netns_is_process(const char *where);

/* Negative errno of fstat(2). */
int netns_identify(int fd, struct netns_id *ret_id);

/* Identifies the namespace of the calling process. Negative errno: /proc is missing. */
int netns_own(struct netns_id *ret_id);

/*
 * Runs `call` in the namespace, on a thread of its own that ends before this returns. What the call
 * opens belongs to that namespace for good, and the process never has to switch back. Returns the
 * call's result. *problem reports only these failures: -EPERM: entering needs CAP_SYS_ADMIN here
 * and in the user namespace that owns it (setns(2)). -EAGAIN, -ENOMEM: no thread.
 */
int netns_call(int fd, int (*call)(void *context), void *context, struct problem *problem);

#endif
