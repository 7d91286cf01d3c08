/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_NFT_MONITOR_H
#define CULVERT_SYSTEM_NETLINK_NFT_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Hears of changes that others make to one firewall table of the family inet, by the kernel's
 * multicast group for nf_tables. Needs CAP_NET_ADMIN. One owner, netd.
 */

struct netlink_nft_monitor;

/* Errors are those of netlink_nft_open(). With words. */
int netlink_nft_monitor_open(struct netlink_nft_monitor **ret_monitor, struct problem *problem);
void netlink_nft_monitor_close(struct netlink_nft_monitor *monitor); /* accepts NULL */

/* Readable when there is something to hear; the monitor keeps owning it. */
int netlink_nft_monitor_fd(const struct netlink_nft_monitor *monitor);

/*
 * Takes what is there, up to a bound: what is left makes the descriptor readable again.
 * *ret_changed: somebody else than the socket of port `own` (netlink_nft_port()) changed the table
 * or what is in it. Events that were lost because there were too many count as a change. Negative
 * errno: it will hear nothing any more.
 */
int netlink_nft_monitor_read(
	struct netlink_nft_monitor *monitor, const char *table, uint32_t own, bool *ret_changed);

#endif
