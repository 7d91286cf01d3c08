/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_INTERNAL_H
#define CULVERT_SYSTEM_TOOL_INTERNAL_H

#include <sys/types.h>

#include "base/clock.h"

/*
 * Shared by the tool*.c files, which alone include it: starts a program of the host and waits for
 * it.
 */

/* The exit status of tool_start()'s child if it cannot execute the program. */
enum { TOOL_EXIT_NO_EXEC = 127 };

/*
 * Starts argv[0], an absolute path, with these descriptors as stdin, stdout and stderr. It gets an
 * environment of only PATH and LANG=C, default signals and no other descriptor. Returns its pid, or
 * fork(2)'s negative errno.
 */
pid_t tool_start(const char *const *argv, int in, int out, int err);

/*
 * Waits for the program to end and reaps it in every case. -ETIMEDOUT: it was killed at `deadline`.
 * Else an error of waiting.
 */
int tool_wait(pid_t pid, struct mono deadline, int *ret_status);

#endif
