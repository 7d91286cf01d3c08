/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_LINKS_H
#define CULVERT_SYSTEM_NETLINK_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/netlink.h"

/* What the kernel says of the links of a network namespace: kinds, bridges and their ports. */

enum { NETLINK_KIND_MAX = 15 };

struct netlink_link {
	uint32_t index;
	/* as in "ip link add type"; "": a network card, loopback, or a program's own device */
	char kind[NETLINK_KIND_MAX + 1];
	uint32_t master; /* the bridge, bond, ... whose port it is; 0: none */
	/* What it is made on, a veth's other end say, in this namespace; 0: none, or elsewhere. */
	uint32_t lower;
};

/*
 * Lists the links of this namespace. The caller frees *ret_links. Needs no privilege. Errors: those
 * of netlink.h.
 */
int netlink_links(struct netlink *netlink, struct netlink_link **ret_links, size_t *ret_count,
	struct problem *problem);

#endif
