/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_USERNS_H
#define CULVERT_SYSTEM_USERNS_H

#include "base/problem.h"

/*
 * User namespaces: how an ordinary user gets network and mount namespaces of his own
 * (user_namespaces(7)). Only while the process has one thread. Where something forbids it, the words
 * name the setting.
 */

/*
 * The process goes on in a new user namespace: who it is stays, as nobody else is known there; it has
 * every capability over what the namespace owns, and none over the host. -ENOSPC, -EPERM, -EACCES,
 * -EINVAL, or what the files of proc(5) say, with words.
 */
int userns_enter(struct problem *problem);

/*
 * Gives the process a network and a mount namespace, owned by its user namespace: an empty network
 * but for the loopback, which is up, and mounts that follow those outside, where nothing of them shows.
 * Errors as above.
 */
int userns_unshare(struct problem *problem);

#endif
