/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_MOUNTS_H
#define CULVERT_SYSTEM_MOUNTS_H

#include <stddef.h>

#include "base/problem.h"

/*
 * Changes what a process sees of the file system. The process has a mount namespace of its own
 * (userns_unshare()): nothing shows outside it, and it ends with its last process.
 */

/*
 * Puts an empty directory over this one. Does nothing when there is none. Negative errno; on
 * failure *problem says why.
 */
int mounts_hide(const char *directory, struct problem *problem);

/* Makes an empty file in a hidden directory if mounts_replace() needs one there. */
int mounts_make_file(const char *path, struct problem *problem);

/*
 * Makes /sys show the network interfaces of the process's network namespace (sysfs(5)), and leaves
 * the rest of it, such as cgroups. Best effort: the kernel refuses it where parts of /sys are
 * hidden, as in containers. Then /sys does not show the process's own interfaces.
 */
void mounts_sys_net(void);

/*
 * Puts these bytes in place of the file, through symbolic links. *ret_fd is the new file, open for
 * writing; the caller closes it. On failure *problem says why. -ENOENT: there is no such file to
 * replace. Else a negative errno.
 */
int mounts_replace(
	const char *path, const void *data, size_t len, int *ret_fd, struct problem *problem);

#endif
