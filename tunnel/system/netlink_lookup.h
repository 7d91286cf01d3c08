/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_LOOKUP_H
#define CULVERT_SYSTEM_NETLINK_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "system/netlink.h"

/* Asks the kernel which route a packet takes. Needs no privilege. */

struct netlink_way {
	uint32_t index; /* of the link that it leaves by */
	uint8_t len;    /* of the route's prefix; 0: the default route */
	bool local;     /* an address of this host's own */
	bool unicast;   /* leads to somebody: neither local nor a broadcast address nor refused */
};

/*
 * The route to `to`, by the rules that hold for a packet of this host without a mark. -ENETUNREACH,
 * -EHOSTUNREACH, -EACCES, ...: what a route, or the want of one, says. Errors as in
 * system/netlink.h.
 */
int netlink_lookup(struct netlink *netlink, const struct addr *to, struct netlink_way *ret_way,
	struct problem *problem);

#endif
