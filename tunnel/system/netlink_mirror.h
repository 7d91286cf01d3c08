/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_MIRROR_H
#define CULVERT_SYSTEM_NETLINK_MIRROR_H

#include "system/netlink.h"

/*
 * A routing table that shows the main one as it would be without Culvert: a copy of each route to a
 * network that is not of RTPROT_CULVERT, which the copy is. Left out are link-local networks, routes by
 * source, and those with an encapsulation. Same owner and same errors as netlink.h.
 */

enum { NETLINK_MIRROR_MAX = 2048 }; /* routes of a family that are copied */

/*
 * Brings the table to what the main one has now: adds what is missing, then removes what is too much.
 * skip() says of a link that its routes are left out. Idempotent. -E2BIG: the main table has more than
 * NETLINK_MIRROR_MAX; -EAGAIN: it changes faster than it is read. The table stays as it was then.
 * A single route that the kernel does not take twice is left out.
 */
int netlink_mirror(struct netlink *netlink, uint8_t family, uint32_t table,
	bool (*skip)(const void *context, uint32_t link), const void *context,
	struct problem *problem);

/* Removes all routes of ours from the table. That there is none is fine. */
int netlink_mirror_clear(
	struct netlink *netlink, uint8_t family, uint32_t table, struct problem *problem);

#endif
