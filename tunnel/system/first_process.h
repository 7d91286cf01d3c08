/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_FIRST_PROCESS_H
#define CULVERT_SYSTEM_FIRST_PROCESS_H

#include <stdbool.h>

/*
 * The first process of a PID namespace, as a program is in a container without an init of its own.
 * The kernel makes it the parent of every orphan, and orphans that nobody reaps stay zombies.
 */

/* True: this process is the first one. */
bool first_process_is(void);

/*
 * Splits the process in two. The new one returns 0 and goes on. The first one reaps orphans, passes
 * on signals that were sent to it, and returns 1 when the other has ended; *ret_status is its exit
 * status, or 128 and its signal. Negative errno of fork(2). Before there are threads, and before
 * signals are blocked.
 */
int first_process_split(int *ret_status);

#endif
