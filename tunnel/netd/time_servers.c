/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/time_servers.h"

#include <netinet/in.h>

#include "netd/closed_chains.h"

void time_servers_accept(const struct settings *settings, struct netlink_nft_batch *batch,
	const char *table, const char *chain)
{
	size_t count = settings ? settings->kill_switch_time_count : 0;

	for (size_t i = 0; i < count; i++) {
		const struct netlink_nft_rule rule = { "accepts questions to a time server",
			{ { .kind = NETLINK_NFT_DESTINATION,
				  .prefix = prefix_host(&settings->kill_switch_time[i]) },
				TERM_IS(PROTOCOL, IPPROTO_UDP), TERM_IS(TO_PORT, TIME_SERVERS_PORT),
				TERM(ACCEPT) } };

		netlink_nft_rule_add(batch, table, chain, &rule);
	}
}
