/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SWEEP_H
#define CULVERT_NETD_SWEEP_H

#include <stdio.h>

#include "base/problem.h"
#include "system/netlink.h"

/*
 * Removes what programs that were killed have left in this network namespace, and what the kernel
 * has not taken away by itself. Each module of netd that leaves such things knows its own by their
 * names and numbers, and whose they are; here is the list of them. For the command line: needs
 * CAP_NET_ADMIN and no running program; what belongs to a running one is left alone.
 */

/*
 * Of the instance `name`, or NULL: of all. A line to `out` about each thing; *ret_removed: how
 * many. What cannot be removed does not keep the rest from being removed; the first error is returned then:
 * -EBUSY: that instance is running; else what the kernel says. With words.
 */
int sweep(const char *name, FILE *out, unsigned *ret_removed, struct problem *problem);

/*
 * What every start of netd takes away, with a line to the log: all of it but kill switches, which
 * stay by intent. That something cannot be removed is a warning.
 */
void sweep_at_start(struct netlink *netlink);

#endif
