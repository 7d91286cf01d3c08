/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_INTERNAL_H
#define CULVERT_SYSTEM_TOOL_INTERNAL_H

#include <sys/types.h>

#include "base/clock.h"

/* What the files tool*.c share: how a program of the host is started and waited for. */

/* What the child of tool_start() ends with when it cannot become the program. */
enum { TOOL_EXIT_NO_EXEC = 127 };

/*
 * Starts argv[0], an absolute path, with these as its stdin, stdout and stderr, an environment of
 * nothing but PATH and LANG=C, signals at their defaults, no other descriptor. Returns its pid, or
 * fork(2)'s negative errno.
 */
pid_t tool_start(const char *const *argv, int in, int out, int err);

/*
 * Waits until it has ended. -ETIMEDOUT: it was killed when `deadline` was over; or why it cannot be
 * waited for. It is collected in every case.
 */
int tool_wait(pid_t pid, struct mono deadline, int *ret_status);

#endif
