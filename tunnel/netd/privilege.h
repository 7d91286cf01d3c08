/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_PRIVILEGE_H
#define CULVERT_NETD_PRIVILEGE_H

#include "base/problem.h"
#include "config/settings.h"

/*
 * The capabilities that netd needs at its start, and those that it keeps: for interfaces and
 * routes, to open a listener again, and to start an engine of another user and end it. Where an
 * interface lives in a foreign network namespace, there are two more: CAP_SYS_ADMIN to enter it
 * (setns(2)), and CAP_SYS_PTRACE where a process names it (proc(5)). netd's only thread.
 */

/*
 * Makes the permitted capabilities effective. -EPERM: CAP_NET_ADMIN is missing. On failure *problem
 * says why.
 */
int privilege_check(struct problem *problem);

/*
 * Keeps these capabilities and gives up the rest for ever. Errors: those of capset(2). On failure
 * *problem says why.
 */
int privilege_give_up(const struct settings *settings, struct problem *problem);

#endif
