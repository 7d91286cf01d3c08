/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_MIRROR_H
#define CULVERT_SYSTEM_NETLINK_MIRROR_H

#include "system/netlink.h"

/*
 * A routing table that shows the main table as it would be without Culvert. It has a copy of each
 * route to a network, but for the routes of RTPROT_CULVERT; the copies carry that protocol. It
 * omits link-local networks, routes by source, and routes with an encapsulation. Owner and errors:
 * those of netlink.h.
 */

enum { NETLINK_MIRROR_MAX = 2048 }; /* routes of one family that are copied */

/*
 * Updates the table from the main one: adds missing routes, then removes surplus ones. skip()
 * returns true for a link whose routes are omitted. Idempotent. A single route that the kernel
 * refuses to have twice is omitted. On these errors the table is unchanged: -E2BIG: the main table
 * has more than NETLINK_MIRROR_MAX routes. -EAGAIN: it changes faster than it is read.
 */
int netlink_mirror(struct netlink *netlink, uint8_t family, uint32_t table,
	bool (*skip)(const void *context, uint32_t link), const void *context,
	struct problem *problem);

/* Removes all our routes from the table. Does nothing when there are none. */
int netlink_mirror_clear(
	struct netlink *netlink, uint8_t family, uint32_t table, struct problem *problem);

#endif
