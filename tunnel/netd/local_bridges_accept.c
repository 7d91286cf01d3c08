/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/local_bridges_accept.h"

#include "base/array.h"

/* What every link has: it is not forwarded from one to another. */
static const struct prefix whole_link[] = {
	{ { AF_INET, { 255, 255, 255, 255 } }, 32 },
	{ { AF_INET, { 224 } }, 24 }, /* RFC 5771, section 4: 224.0.0.0/24 */
	{ { AF_INET6, { 0xfe, 0x80 } }, 10 },
	{ { AF_INET6, { 0xff, 0x02 } }, 16 },
};

static void accept_to(struct netlink_nft_batch *batch, const char *table, const char *chain,
	uint32_t link, const struct prefix *to)
{
	const struct netlink_nft_rule rule = { "accepts packets to a local bridge",
		{ { .kind = NETLINK_NFT_OIF, .value = link },
			{ .kind = NETLINK_NFT_DESTINATION, .prefix = *to },
			{ .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, chain, &rule);
}

void local_bridges_accept(const struct local_bridges *local, struct netlink_nft_batch *batch,
	const char *table, const char *chain)
{
	uint32_t link = 0;

	for (size_t i = 0; local && i < local->count; i++) {
		accept_to(batch, table, chain, local->networks[i].link, &local->networks[i].prefix);
		if (local->networks[i].link == link)
			continue; /* they are sorted by their links */
		link = local->networks[i].link;
		for (size_t j = 0; j < ARRAY_SIZE(whole_link); j++)
			accept_to(batch, table, chain, link, &whole_link[j]);
	}
}

void local_bridges_refuse_from(const struct local_bridges *local, uint32_t tunnel,
	struct netlink_nft_batch *batch, const char *table, const char *chain)
{
	for (size_t i = 0; local && i < local->count; i++) {
		const struct netlink_nft_rule rule = {
			"rejects a local bridge's addresses from the tunnel",
			{ { .kind = NETLINK_NFT_IIF, .value = tunnel },
				{ .kind = NETLINK_NFT_SOURCE, .prefix = local->networks[i].prefix },
				{ .kind = NETLINK_NFT_COUNT }, { .kind = NETLINK_NFT_DROP } }
		};

		netlink_nft_rule_add(batch, table, chain, &rule);
	}
}
