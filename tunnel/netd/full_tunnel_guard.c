/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/full_tunnel_guard.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/log.h"

enum { DNS = 53, DNS_OVER_TLS = 853 }; /* also over QUIC: RFC 7858, RFC 9250 */

/* Before connections are tracked: what is dropped leaves no trace there. */
static const struct netlink_nft_chain prerouting = {
	.name = "prerouting",
	.hook = NETLINK_NFT_PREROUTING,
	.priority = NF_IP_PRI_RAW,
};

static const struct netlink_nft_chain output = {
	.name = "output",
	.hook = NETLINK_NFT_OUTPUT,
	.priority = NF_IP_PRI_FILTER,
};

static void add_accept(struct netlink_nft_batch *batch, const char *table, const char *chain,
	enum netlink_nft_kind kind, uint32_t value)
{
	const struct netlink_nft_rule rule = { "lets packets pass",
		{ { .kind = kind, .value = value }, { .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, chain, &rule);
}

static void add_drop(struct netlink_nft_batch *batch, const char *table, const struct addr *address)
{
	const struct netlink_nft_rule rule = { "keeps others from the tunnel's address",
		{ { .kind = NETLINK_NFT_DESTINATION, .prefix = prefix_host(address) },
			{ .kind = NETLINK_NFT_COUNT }, { .kind = NETLINK_NFT_DROP } } };

	if (addr_is_set(address))
		netlink_nft_rule_add(batch, table, prerouting.name, &rule);
}

static void add_bypass(struct netlink_nft_batch *batch, const char *table, const struct prefix *to)
{
	const struct netlink_nft_rule rule = { "lets what bypasses the tunnel pass",
		{ { .kind = NETLINK_NFT_DESTINATION, .prefix = *to },
			{ .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, output.name, &rule);
}

static void add_refusal(struct netlink_nft_batch *batch, const char *table, uint32_t protocol,
	uint32_t port, enum netlink_nft_kind how)
{
	const struct netlink_nft_rule rule = { "refuses lookups past the tunnel",
		{ { .kind = NETLINK_NFT_PROTOCOL, .value = protocol },
			{ .kind = NETLINK_NFT_TO_PORT, .value = port },
			{ .kind = NETLINK_NFT_COUNT }, { .kind = how } } };

	netlink_nft_rule_add(batch, table, output.name, &rule);
}

static void add_lookups(struct netlink_nft_batch *batch, const char *table,
	const struct settings *settings, uint32_t tunnel)
{
	netlink_nft_chain_add(batch, table, &output);
	add_accept(batch, table, output.name, NETLINK_NFT_OIF, tunnel);
	add_accept(batch, table, output.name, NETLINK_NFT_OIF, NETLINK_NFT_LOOPBACK);
	add_accept(batch, table, output.name, NETLINK_NFT_MARK, settings_mark(settings));
	for (size_t i = 0; i < settings->bypass.count; i++)
		add_bypass(batch, table, &settings->bypass.items[i]);
	add_refusal(batch, table, IPPROTO_UDP, DNS, NETLINK_NFT_REJECT);
	add_refusal(batch, table, IPPROTO_TCP, DNS, NETLINK_NFT_RESET);
	add_refusal(batch, table, IPPROTO_UDP, DNS_OVER_TLS, NETLINK_NFT_REJECT);
	add_refusal(batch, table, IPPROTO_TCP, DNS_OVER_TLS, NETLINK_NFT_RESET);
}

static int put(const struct full_tunnel_guard *guard, const struct interface *interface,
	struct problem *problem)
{
	char table[sizeof(FULL_TUNNEL_GUARD_TABLE) + SETTINGS_NAME_MAX];
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	(void)snprintf(table, sizeof(table), FULL_TUNNEL_GUARD_TABLE "%s", guard->settings->name);
	/* Whatever there was of it goes in the same moment in which the new one comes. */
	netlink_nft_table_add(batch, table, true);
	netlink_nft_table_delete(batch, table);
	netlink_nft_table_add(batch, table, true);
	netlink_nft_chain_add(batch, table, &prerouting);
	add_accept(batch, table, prerouting.name, NETLINK_NFT_IIF, interface->index);
	add_accept(batch, table, prerouting.name, NETLINK_NFT_IIF, NETLINK_NFT_LOOPBACK);
	add_drop(batch, table, &interface->now.local4);
	add_drop(batch, table, &interface->now.local6);
	if (guard->settings->use_dns)
		add_lookups(batch, table, guard->settings, interface->index);
	r = netlink_nft_commit(guard->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

void full_tunnel_guard_put(struct full_tunnel_guard *guard, const struct interface *interface)
{
	struct problem problem;
	int r = 0;

	if (guard->nft != NULL && guard->index == interface->index &&
		addr_equal(&guard->local4, &interface->now.local4) &&
		addr_equal(&guard->local6, &interface->now.local6))
		return;
	if (guard->nft == NULL)
		r = netlink_nft_open(&guard->nft, &problem);
	if (r == 0)
		r = put(guard, interface, &problem);
	if (r < 0) {
		if (!guard->told)
			log_warning(
				"full tunnel: %s; so lookups that are bound to another interface "
				"are not held back, nor what neighbours send to the tunnel's "
				"addresses",
				problem.text);
		guard->told = true;
		full_tunnel_guard_lift(guard);
		return;
	}
	guard->index = interface->index;
	guard->local4 = interface->now.local4;
	guard->local6 = interface->now.local6;
}

void full_tunnel_guard_lift(struct full_tunnel_guard *guard)
{
	netlink_nft_close(guard->nft); /* the table goes with it */
	guard->nft = NULL;
}
