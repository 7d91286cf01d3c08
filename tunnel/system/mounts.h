/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_MOUNTS_H
#define CULVERT_SYSTEM_MOUNTS_H

#include <stddef.h>

#include "base/problem.h"

/*
 * Changes to what a process sees of the file system, for one that has a mount namespace of its own
 * (userns_unshare()): nothing of it shows outside, and all is gone with the last process in there.
 */

/* An empty directory in place of this one. Fine where there is none. Negative errno, with words. */
int mounts_hide(const char *directory, struct problem *problem);

/* An empty file in a directory that is hidden, where one is needed for mounts_replace(). */
int mounts_make_file(const char *path, struct problem *problem);

/*
 * What /sys says of network interfaces becomes that of the process's network namespace (sysfs(5)); the rest
 * of it, such as cgroups, stays. Best effort: the kernel refuses where parts of /sys are hidden, as
 * in containers, and then /sys says nothing about the process's own interfaces.
 */
void mounts_sys_net(void);

/*
 * These bytes in place of the file, which symbolic links may lead to. *ret_fd is the new one, open for
 * writing, and the caller's. -ENOENT: there is none, and so nothing that could be replaced; else negative
 * errno. With words.
 */
int mounts_replace(
	const char *path, const void *data, size_t len, int *ret_fd, struct problem *problem);

#endif
