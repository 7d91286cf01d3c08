/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SWEEP_H
#define CULVERT_NETD_SWEEP_H

#include <stdio.h>

#include "base/problem.h"
#include "system/netlink.h"

/*
 * Removes the leftovers of killed programs in this network namespace that the kernel has not
 * removed itself. Each module of netd that can leave something recognizes its own by names and
 * numbers, and its owner; this file lists the modules. The command line calls it: it needs
 * CAP_NET_ADMIN and no running program, and leaves alone what a running program uses.
 */

/*
 * Removes leftovers. Of kill switches that is the one of the instance `name`, or with NULL all;
 * nothing else shows whose it was, so all that no living program owns goes. Writes a line about
 * each to `out`; *ret_removed is their number. It goes on after a failure and returns the first error.
 * -EBUSY: that instance is running; else the kernel's errors. On failure *problem says why.
 */
int sweep(const char *name, FILE *out, unsigned *ret_removed, struct problem *problem);

/*
 * Removes and logs all leftovers at each start of netd, except kill switches, which stay by intent.
 * A failure is a warning.
 */
void sweep_at_start(struct netlink *netlink);

#endif
