/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/getting_an_address.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/array.h"
#include "netd/closed_chains.h"

enum {
	/* RFC 2131, section 4.1; RFC 8415, section 7.2 */
	DHCP_CLIENT = 68,
	DHCP_SERVER = 67,
	DHCP6_CLIENT = 546,
	DHCP6_SERVER = 547,
	MLD2_REPORT = 143, /* RFC 3810, section 5.2 */
};

/* fe80::/10 */
#define LINK_LOCAL                                                                 \
	{                                                                          \
		.addr = { .family = AF_INET6, .bytes = { 0xfe, 0x80 } }, .len = 10 \
	}

static const struct netlink_nft_rule rules[] = {
	{ "accepts outgoing DHCP",
		{ TERM_IS(FAMILY, AF_INET), TERM_IS(PROTOCOL, IPPROTO_UDP),
			TERM_IS(FROM_PORT, DHCP_CLIENT), TERM_IS(TO_PORT, DHCP_SERVER),
			TERM(ACCEPT) } },
	{ "accepts outgoing DHCPv6",
		{ { .kind = NETLINK_NFT_SOURCE, .prefix = LINK_LOCAL },
			TERM_IS(PROTOCOL, IPPROTO_UDP), TERM_IS(FROM_PORT, DHCP6_CLIENT),
			TERM_IS(TO_PORT, DHCP6_SERVER), TERM(ACCEPT) } },
	{ "accepts outgoing router solicitations",
		{ TERM_IS(FAMILY, AF_INET6), TERM_IS(PROTOCOL, IPPROTO_ICMPV6),
			TERM_IS(ICMP_TYPE, ND_ROUTER_SOLICIT), TERM(ACCEPT) } },
	{ "accepts outgoing neighbour solicitations",
		{ TERM_IS(FAMILY, AF_INET6), TERM_IS(PROTOCOL, IPPROTO_ICMPV6),
			TERM_IS(ICMP_TYPE, ND_NEIGHBOR_SOLICIT), TERM(ACCEPT) } },
	{ "accepts outgoing neighbour advertisements",
		{ TERM_IS(FAMILY, AF_INET6), TERM_IS(PROTOCOL, IPPROTO_ICMPV6),
			TERM_IS(ICMP_TYPE, ND_NEIGHBOR_ADVERT), TERM(ACCEPT) } },
	{ "accepts outgoing listener reports",
		{ TERM_IS(FAMILY, AF_INET6), TERM_IS(PROTOCOL, IPPROTO_ICMPV6),
			TERM_IS(ICMP_TYPE, MLD2_REPORT), TERM(ACCEPT) } },
};

void getting_an_address_accept(
	struct netlink_nft_batch *batch, const char *table, const char *chain)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		netlink_nft_rule_add(batch, table, chain, &rules[i]);
}
