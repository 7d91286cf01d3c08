/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables that hold packets back have in common (kill_switch.h, full_tunnel_guard.h): chains that drop what no rule of
 * theirs accepts, and shorter words for the terms of constant rules.
 */
#ifndef CULVERT_NETD_CLOSED_CHAINS_H
#define CULVERT_NETD_CLOSED_CHAINS_H

#include <linux/netfilter_ipv4.h>

#include "system/netlink_nft.h"

/* A term with a value, such as TERM_IS(PROTOCOL, IPPROTO_TCP), and one without, such as TERM(ACCEPT). */
#define TERM_IS(name, number)                                 \
	{                                                     \
		.kind = NETLINK_NFT_##name, .value = (number) \
	}
#define TERM(name)                         \
	{                                  \
		.kind = NETLINK_NFT_##name \
	}

/* The packets that this host's programs send. */
static const struct netlink_nft_chain closed_output = {
	.name = "output",
	.hook = NETLINK_NFT_OUTPUT,
	.priority = NF_IP_PRI_FILTER,
	.drop = true,
};

/* The packets of containers and virtual machines, and of those hosts that use this host as a gateway. */
static const struct netlink_nft_chain closed_forward = {
	.name = "forward",
	.hook = NETLINK_NFT_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.drop = true,
};

#endif
