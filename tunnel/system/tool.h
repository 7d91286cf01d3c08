/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_H
#define CULVERT_SYSTEM_TOOL_H

#include <stddef.h>

#include "base/clock.h"
#include "base/problem.h"

/*
 * Runs programs of the host for netd, such as resolvectl(1), and waits for them. It uses no shell,
 * and arguments are data. It searches the system's directories only and ignores PATH. netd's only
 * thread; the command line's thread uses system/tool_listing.h to get a program's output.
 */

enum { TOOL_PATH_MAX = 64 };

/* -ENOENT: no such program in these directories. */
int tool_find(const char *name, char out[static TOOL_PATH_MAX]);

/*
 * Runs `argv` (NULL-terminated; argv[0] is its absolute path) with `input` as its stdin. It gets
 * our stderr, an environment of only PATH and LANG=C, default signals and no other descriptor.
 * Waits until the program has ended with 0. On failure *problem says why. -EPROTO: it ended
 * otherwise. -ETIMEDOUT: it was killed after `limit`. Else an error of fork, execve and others.
 */
int tool_run(const char *const *argv, const void *input, size_t input_len, struct duration limit,
	struct problem *problem);

#endif
