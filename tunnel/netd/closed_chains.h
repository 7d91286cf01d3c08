/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts that the firewall tables of kill_switch.h and full_tunnel_guard.h share: chains that drop
 * every packet that no rule accepts, and short names for the terms of constant rules.
 */
#ifndef CULVERT_NETD_CLOSED_CHAINS_H
#define CULVERT_NETD_CLOSED_CHAINS_H

#include <linux/netfilter_ipv4.h>

#include "system/netlink_nft.h"

/*
 * TERM_IS makes a term with a value, as in TERM_IS(PROTOCOL, IPPROTO_TCP); TERM makes one without,
 * as in TERM(ACCEPT).
 */
#define TERM_IS(name, number)                                 \
	{                                                     \
		.kind = NETLINK_NFT_##name, .value = (number) \
	}
#define TERM(name)                         \
	{                                  \
		.kind = NETLINK_NFT_##name \
	}

/* This chain sees the packets that this host's programs send. */
static const struct netlink_nft_chain closed_output = {
	.name = "output",
	.hook = NETLINK_NFT_OUTPUT,
	.priority = NF_IP_PRI_FILTER,
	.drop = true,
};

/*
 * This chain sees the packets that this host forwards: those of containers, virtual machines and
 * hosts behind it.
 */
static const struct netlink_nft_chain closed_forward = {
	.name = "forward",
	.hook = NETLINK_NFT_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.drop = true,
};

#endif
