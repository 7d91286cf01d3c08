/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_GETTING_AN_ADDRESS_H
#define CULVERT_NETD_GETTING_AN_ADDRESS_H

#include "system/netlink_nft.h"

/*
 * The packets that a host must exchange with any network before it can use it: DHCP, DHCPv6, router
 * and neighbour discovery. A firewall table that holds everything else back accepts these, or the
 * tunnel itself would have no network. Multicast listener reports are for switches, which otherwise
 * withhold the packets of neighbour discovery (RFC 4861, section 7.2.1). netd's only thread.
 */

/*
 * Adds rules that accept these packets at the end of an output chain. The names are borrowed until
 * the commit.
 */
void getting_an_address_accept(
	struct netlink_nft_batch *batch, const char *table, const char *chain);

#endif
