/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_GETTING_AN_ADDRESS_H
#define CULVERT_NETD_GETTING_AN_ADDRESS_H

#include "system/netlink_nft.h"

/*
 * What every network wants to hear from a host before the host can do anything in it: DHCP, DHCPv6,
 * router and neighbour discovery. A firewall table that holds everything else back lets these out, or
 * the tunnel itself would have no network. Multicast listener reports are for switches, which otherwise
 * withhold what neighbour discovery sends (RFC 4861, section 7.2.1). netd's only thread.
 */

/* Adds rules that accept these at the end of an output chain. The names are borrowed until the commit. */
void getting_an_address_accept(
	struct netlink_nft_batch *batch, const char *table, const char *chain);

#endif
