/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_LOOKUP_H
#define CULVERT_SYSTEM_NETLINK_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "system/netlink.h"

/* Asks the kernel for a packet's route. Needs no privilege. */

struct netlink_way {
	uint32_t index;   /* of the link that the packet leaves by; of several, the one taken now */
	uint32_t table;   /* of the route; 0: not known */
	uint8_t protocol; /* of the route: RTPROT_* */
	uint8_t len;      /* of the route's prefix; 0: the default route */
	bool local;       /* an address of this host */
	bool unicast;     /* leads to another host: not local, not broadcast, not refused */
};

/*
 * Looks up the route to `to` for an unmarked packet of this host. -ENETUNREACH, -EHOSTUNREACH,
 * -EACCES, ...: the result of a route or of a missing one. Else the errors of system/netlink.h.
 */
int netlink_lookup(struct netlink *netlink, const struct addr *to, struct netlink_way *ret_way,
	struct problem *problem);

#endif
