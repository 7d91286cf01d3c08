/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_MONITOR_H
#define CULVERT_SYSTEM_NETLINK_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Watches this namespace's links, addresses, routes, policy rules and settings of links for
 * changes, by the multicast groups of rtnetlink(7). It reports that something changed, not what.
 * Needs no privilege. One owner, netd.
 */

struct netlink_monitor;

/* On failure *problem says why. -EMFILE, -ENOMEM, or another error of netlink. */
int netlink_monitor_open(struct netlink_monitor **ret_monitor, struct problem *problem);
void netlink_monitor_close(struct netlink_monitor *monitor);

/*
 * From now on netlink_monitor_read_own() counts each change of the network, of ours or not, but for
 * a new route of RTPROT_CULVERT_HELD; or no longer. netlink_monitor_read() then counts other
 * programs' routes to links of ours as well.
 */
void netlink_monitor_count_all(struct netlink_monitor *monitor, bool all);

/* Readable when there are events. Borrowed: the monitor closes it. */
int netlink_monitor_fd(const struct netlink_monitor *monitor);

/*
 * Reads pending events up to a limit; more events keep the descriptor readable. *ret_changed:
 * something changed outside Culvert. Not counted are links for which own() is true, routes to links
 * of ours (RTPROT_CULVERT), held routes (RTPROT_CULVERT_HELD), and new rules of ours. Lost events
 * count as a change. Negative errno: the monitor gets no more events.
 */
int netlink_monitor_read(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_changed);

/*
 * Does the opposite. *ret_touched: something of ours may be gone. These count: a change of a link
 * for which own() is true or of its addresses; a removed route or rule of ours; any replaced route.
 * So does a change of a setting such as forwarding or rp_filter. Our own changes count, too, and
 * the caller compares with the kernel. Lost events count. Negative errno: the monitor gets no more
 * events.
 */
int netlink_monitor_read_own(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_touched);

/* Returns true once after the kernel has dropped events, which came faster than they were read. */
bool netlink_monitor_take_loss(struct netlink_monitor *monitor);

#endif
