/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/getting_an_address.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	/* RFC 2131, section 4.1; RFC 8415, section 7.2 */
	DHCP_CLIENT = 68,
	DHCP_SERVER = 67,
	DHCP6_CLIENT = 546,
	DHCP6_SERVER = 547,
	MLD2_REPORT = 143, /* RFC 3810, section 5.2 */
};

#define IS(what, number)                                      \
	{                                                     \
		.kind = NETLINK_NFT_##what, .value = (number) \
	}
#define DO(what)                           \
	{                                  \
		.kind = NETLINK_NFT_##what \
	}

/* fe80::/10 */
#define LINK_LOCAL                                                                 \
	{                                                                          \
		.addr = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } }, .len = 10 \
	}

static const struct netlink_nft_rule rules[] = {
	{ "lets DHCP out",
		{ IS(FAMILY, AF_INET), IS(PROTOCOL, IPPROTO_UDP), IS(FROM_PORT, DHCP_CLIENT),
			IS(TO_PORT, DHCP_SERVER), DO(ACCEPT) } },
	{ "lets DHCPv6 out",
		{ { .kind = NETLINK_NFT_SOURCE, .prefix = LINK_LOCAL }, IS(PROTOCOL, IPPROTO_UDP),
			IS(FROM_PORT, DHCP6_CLIENT), IS(TO_PORT, DHCP6_SERVER), DO(ACCEPT) } },
	{ "lets router solicitations out",
		{ IS(FAMILY, AF_INET6), IS(PROTOCOL, IPPROTO_ICMPV6),
			IS(ICMP_TYPE, ND_ROUTER_SOLICIT), DO(ACCEPT) } },
	{ "lets neighbour solicitations out",
		{ IS(FAMILY, AF_INET6), IS(PROTOCOL, IPPROTO_ICMPV6),
			IS(ICMP_TYPE, ND_NEIGHBOR_SOLICIT), DO(ACCEPT) } },
	{ "lets neighbour advertisements out",
		{ IS(FAMILY, AF_INET6), IS(PROTOCOL, IPPROTO_ICMPV6),
			IS(ICMP_TYPE, ND_NEIGHBOR_ADVERT), DO(ACCEPT) } },
	{ "lets listener reports out",
		{ IS(FAMILY, AF_INET6), IS(PROTOCOL, IPPROTO_ICMPV6), IS(ICMP_TYPE, MLD2_REPORT),
			DO(ACCEPT) } },
};

void getting_an_address_accept(
	struct netlink_nft_batch *batch, const char *table, const char *chain)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		netlink_nft_rule_add(batch, table, chain, &rules[i]);
}
