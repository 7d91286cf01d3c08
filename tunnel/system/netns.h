/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETNS_H
#define CULVERT_SYSTEM_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Network namespaces other than our own: network_namespaces(7), ip-netns(8). A descriptor of one
 * keeps it alive, and so does every socket that was made in it: who does not want that closes both
 * soon. The process itself never changes its namespace. Single-threaded callers, netd's.
 */

#define NETNS_RUN_DIR "/run/netns" /* where `ip netns add` puts them */

/* Which one a descriptor stands for: nsfs inodes. All zero: none of others. */
struct netns_id {
	uint64_t device, inode;
};

static inline bool netns_id_equal(const struct netns_id *a, const struct netns_id *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/*
 * Opens the namespace that `where` tells: a name in NETNS_RUN_DIR, a path that begins with a slash,
 * or "pid:NUMBER", that of a process. -ENOENT: it is not there; -EACCES: another user's process
 * (CAP_SYS_PTRACE is missing); -EINVAL: something else is there; or what open(2) says. With words
 * that name the cure. The caller closes *ret_fd.
 */
int netns_open(const char *where, int *ret_fd, struct problem *problem);

/* Negative errno of fstat(2). */
int netns_identify(int fd, struct netns_id *ret_id);

/* The namespace of the calling process. Negative errno: /proc is not there. */
int netns_own(struct netns_id *ret_id);

/*
 * Calls `call` in the namespace, on a thread of its own that is gone when this returns: what it opens
 * belongs to the namespace for ever, and there is no way back to lose. Returns what the call returns.
 * -EPERM: entering needs CAP_SYS_ADMIN here and in the user namespace that owns it (setns(2)); -EAGAIN,
 * -ENOMEM: no thread to be had. `problem` tells of these failures only.
 */
int netns_call(int fd, int (*call)(void *context), void *context, struct problem *problem);

#endif
