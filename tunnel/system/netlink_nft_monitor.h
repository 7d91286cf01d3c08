/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_NFT_MONITOR_H
#define CULVERT_SYSTEM_NETLINK_NFT_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

/*
 * Watches one firewall table of the family inet for changes by other programs, by the kernel's
 * multicast group for nf_tables. Needs CAP_NET_ADMIN. One owner, netd.
 */

struct netlink_nft_monitor;

/* Errors: those of netlink_nft_open(). On failure *problem says why. */
int netlink_nft_monitor_open(struct netlink_nft_monitor **ret_monitor, struct problem *problem);
void netlink_nft_monitor_close(struct netlink_nft_monitor *monitor); /* accepts NULL */

/* Readable when there are events. Borrowed: the monitor closes it. */
int netlink_nft_monitor_fd(const struct netlink_nft_monitor *monitor);

/*
 * Reads pending events up to a limit; more events keep the descriptor readable. *ret_changed: a
 * socket other than that of port `own` (netlink_nft_port()) changed the table or its content. Lost
 * events count as a change. Negative errno: the monitor gets no more events.
 */
int netlink_nft_monitor_read(
	struct netlink_nft_monitor *monitor, const char *table, uint32_t own, bool *ret_changed);

/* Returns the name of the program that made the last such change; "": not known. Borrowed. */
const char *netlink_nft_monitor_program(const struct netlink_nft_monitor *monitor);

#endif
