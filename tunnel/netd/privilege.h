/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_PRIVILEGE_H
#define CULVERT_NETD_PRIVILEGE_H

#include "base/problem.h"
#include "config/settings.h"

/*
 * The capabilities that netd needs at its start, and those that it goes on to need: interfaces and
 * routes, a listener again, and what it takes to start an engine of another user and to end it.
 * Where an interface lives in another network namespace there are two more: CAP_SYS_ADMIN to enter it
 * (setns(2)), and, where it is told by a process, CAP_SYS_PTRACE to open it (proc(5)). netd's only
 * thread.
 */

/* Takes what it may have into use. -EPERM: CAP_NET_ADMIN is missing; with words. */
int privilege_check(struct problem *problem);

/* Keeps these and gives up the rest, for ever. Negative errno of capset(2), with words. */
int privilege_give_up(const struct settings *settings, struct problem *problem);

#endif
