/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_NEXTHOP_H
#define CULVERT_SYSTEM_NETLINK_NEXTHOP_H

#include <stddef.h>
#include <stdint.h>

#include "system/netlink.h"

/*
 * Nexthop objects (ip-nexthop(8), Linux 5.3), by which routing daemons set routes. Where
 * net.ipv4.nexthop_compat_mode is 0, a route only names its object (RTA_NH_ID). Owner: that of
 * netlink.h.
 */

struct netlink_nexthops;

/*
 * Reads all of the namespace; none if the kernel has no such objects. The caller frees them.
 * -ENOMEM, or a libnl error of the dump; netlink_dump() says which mean that it was interrupted.
 */
int netlink_nexthops_read(struct netlink *netlink, struct netlink_nexthops **ret_nexthops);
void netlink_nexthops_free(struct netlink_nexthops *nexthops); /* accepts NULL */

/*
 * Fills in links, gateways, `direct` and `dead` of a route with this object. An object that is not
 * known, as it was deleted meanwhile, makes the route a dead one.
 */
void netlink_nexthops_resolve(
	const struct netlink_nexthops *nexthops, uint32_t id, struct netlink_seen_route *route);

#endif
