/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_USERNS_H
#define CULVERT_SYSTEM_USERNS_H

#include "base/problem.h"

/*
 * User namespaces: they give an ordinary user network and mount namespaces of its own
 * (user_namespaces(7)). Only while the process has one thread. If a setting forbids it, *problem
 * names the setting.
 */

/*
 * Moves the process to a new user namespace. It keeps its user id, the only one known there. It has
 * every capability over what the namespace owns, and none over the host. On failure *problem says
 * why. -ENOSPC, -EPERM, -EACCES, -EINVAL, or an error of the files in proc(5).
 */
int userns_enter(struct problem *problem);

/*
 * Gives the process a network and a mount namespace, owned by its user namespace. The network is
 * empty but for the loopback, which is up. Its mounts follow those outside; changes inside do not
 * show outside. Errors: those of userns_enter().
 */
int userns_unshare(struct problem *problem);

#endif
