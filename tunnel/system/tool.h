/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_H
#define CULVERT_SYSTEM_TOOL_H

#include <stddef.h>

#include "base/clock.h"
#include "base/problem.h"

/*
 * Programs of the host that do something for netd, such as resolvectl(1): run without a shell, with
 * arguments that are data, and waited for. Looked for in the system's directories alone, whatever
 * PATH says. From netd's only thread; system/tool_listing.h, for what a program prints, from the
 * command line's.
 */

enum { TOOL_PATH_MAX = 64 };

/* -ENOENT: none of the directories has a program of that name. */
int tool_find(const char *name, char out[static TOOL_PATH_MAX]);

/*
 * Runs `argv` (NULL-terminated; argv[0] is its absolute path) with `input` as its stdin, stderr as
 * here, an environment of nothing but PATH and LANG=C, signals at their defaults, no other descriptor.
 * Waits until it has ended with 0. -EPROTO: it ended otherwise; -ETIMEDOUT: it was killed when `limit`
 * was over; or what fork, execve and others say. With words.
 */
int tool_run(const char *const *argv, const void *input, size_t input_len, struct duration limit,
	struct problem *problem);

#endif
