/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_MONITOR_H
#define CULVERT_SYSTEM_NETLINK_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Hears of changes of this namespace's links, addresses, routes and policy rules, by the multicast
 * groups of rtnetlink(7). It tells that something changed, not what. Needs no privilege. One owner, netd.
 */

struct netlink_monitor;

/* -EMFILE, -ENOMEM and what else netlink says, with words. */
int netlink_monitor_open(struct netlink_monitor **ret_monitor, struct problem *problem);
void netlink_monitor_close(struct netlink_monitor *monitor);

/* Readable when there is something to hear; the monitor keeps owning it. */
int netlink_monitor_fd(const struct netlink_monitor *monitor);

/*
 * Takes what is there, up to a bound: what is left makes the descriptor readable again. *ret_changed:
 * something changed that does not belong to a link for which own() says true, and is neither a
 * route to a link of ours (RTPROT_CULVERT) nor a new rule of ours. Events that were lost because there were too many count as a change.
 * Negative errno: it will hear nothing any more.
 */
int netlink_monitor_read(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_changed);

/*
 * The opposite: *ret_touched says that something may have been taken from what is ours. That is a change of
 * a link for which own() says true or of its addresses, a removed route of ours, or any replaced route.
 * What we remove ourselves counts, too: the caller compares with the kernel. Lost events count.
 * Negative errno: it will hear nothing any more.
 */
int netlink_monitor_read_own(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_touched);

#endif
