/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_EXECUTABLE_H
#define CULVERT_BASE_EXECUTABLE_H

#include "base/problem.h"

/*
 * Decides whether a privileged process may execute a file: only root or the process's own user may
 * be able to write it. Any thread.
 */

/*
 * Opens the file (O_PATH, follows symbolic links) and checks the open file, so that no user can
 * exchange it between check and use. The caller closes *ret_fd. `stake` says in the text of
 * *problem why it matters, such as "the engine holds the private key". On failure *problem says why
 * and what to do. -EPERM: another user owns the file, or others can write it. -EACCES: not a
 * regular file, not executable, or out of reach. -ENOENT, or another error of open(2).
 */
int executable_open(const char *path, const char *stake, int *ret_fd, struct problem *problem);

#endif
