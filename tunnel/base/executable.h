/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_EXECUTABLE_H
#define CULVERT_BASE_EXECUTABLE_H

#include "base/problem.h"

/*
 * May a privileged process execute this file? Only what nobody but root or its own user could have
 * written. Any thread.
 */

/*
 * Opens the file (O_PATH, follows symbolic links; the caller closes it) and judges what was opened,
 * so that nobody can exchange it any more. `stake` says in the words what is at stake, as in "the
 * engine holds the private key". -EPERM: another user owns it, or others can write it; -EACCES: no
 * regular file, not executable, or out of reach; -ENOENT and what open(2) says. With words that
 * name the cure.
 */
int executable_open(const char *path, const char *stake, int *ret_fd, struct problem *problem);

#endif
