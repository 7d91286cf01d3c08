/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/full_tunnel_guard.h"

#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/container.h"
#include "netd/answer_inbound.h"
#include "netd/closed_chains.h"
#include "netd/getting_an_address.h"
#include "netd/local_bridges_accept.h"
#include "netd/time_servers.h"

enum { TABLE_SIZE = sizeof(FULL_TUNNEL_GUARD_TABLE) + SETTINGS_NAME_MAX };
enum { DNS = 53, DNS_OVER_TLS = 853 }; /* also over QUIC: RFC 7858, RFC 9250 */

/* Comes before connection tracking, so that dropped packets leave no entry there. */
static const struct netlink_nft_chain prerouting = {
	.name = "prerouting",
	.hook = NETLINK_NFT_PREROUTING,
	.priority = NF_IP_PRI_RAW,
};

static void add_accept(struct netlink_nft_batch *batch, const char *table, const char *chain,
	enum netlink_nft_kind kind, uint32_t value)
{
	const struct netlink_nft_rule rule = { "accepts packets",
		{ { .kind = kind, .value = value }, { .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, chain, &rule);
}

static void add_drop(struct netlink_nft_batch *batch, const char *table, const struct addr *address)
{
	const struct netlink_nft_rule rule = { "rejects the tunnel's address from other interfaces",
		{ { .kind = NETLINK_NFT_DESTINATION, .prefix = prefix_host(address) },
			{ .kind = NETLINK_NFT_COUNT }, { .kind = NETLINK_NFT_DROP } } };

	if (addr_is_set(address))
		netlink_nft_rule_add(batch, table, prerouting.name, &rule);
}

static void add_bypass(struct netlink_nft_batch *batch, const char *table, const char *chain,
	const struct prefix *to)
{
	const struct netlink_nft_rule rule = { "accepts packets that bypass the tunnel",
		{ { .kind = NETLINK_NFT_DESTINATION, .prefix = *to },
			{ .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, chain, &rule);
}

static void add_lookup_refusal(struct netlink_nft_batch *batch, const char *table,
	uint32_t protocol, uint32_t port, enum netlink_nft_kind how)
{
	const struct netlink_nft_rule rule = { "refuses lookups past the tunnel",
		{ { .kind = NETLINK_NFT_PROTOCOL, .value = protocol },
			{ .kind = NETLINK_NFT_TO_PORT, .value = port },
			{ .kind = NETLINK_NFT_COUNT }, { .kind = how } } };

	netlink_nft_rule_add(batch, table, closed_output.name, &rule);
}

/* Sends no reset: a short change of the rules by another program need not end connections. */
static void add_reject(struct netlink_nft_batch *batch, const char *table, const char *chain)
{
	const struct netlink_nft_rule reject = { "refuses what goes past the tunnel",
		{ { .kind = NETLINK_NFT_COUNT }, { .kind = NETLINK_NFT_REJECT } } };

	netlink_nft_rule_add(batch, table, chain, &reject);
}

static void add_refusals(struct netlink_nft_batch *batch, const char *table, const char *chain)
{
	/*
	 * A connection that is being made ends at once with a reset, but with ICMP only at the
	 * second try.
	 */
	const struct netlink_nft_rule reset = { "resets connections past the tunnel",
		{ { .kind = NETLINK_NFT_PROTOCOL, .value = IPPROTO_TCP },
			{ .kind = NETLINK_NFT_COUNT }, { .kind = NETLINK_NFT_RESET } } };

	netlink_nft_rule_add(batch, table, chain, &reset);
	add_reject(batch, table, chain);
}

/*
 * CAP_NET_RAW, which ping has on some distributions, is enough to set a mark. So the mark alone
 * lets no packet out. Where the other end is no name its address must match, too, except for
 * Multipath TCP, which uses more addresses.
 */
static void add_outer_to(const struct full_tunnel_guard *guard, struct netlink_nft_batch *batch,
	const char *table, const char *host, uint16_t port)
{
	const struct settings *settings = guard->settings;
	struct netlink_nft_rule rule = { "accepts the outer connection",
		{ { .kind = NETLINK_NFT_MARK, .value = settings_mark(settings) },
			{ .kind = NETLINK_NFT_PROTOCOL, .value = IPPROTO_TCP },
			{ .kind = NETLINK_NFT_TO_PORT, .value = port },
			{ .kind = NETLINK_NFT_ACCEPT } } };
	struct endpoint endpoint;

	if (!settings->mptcp && endpoint_parse_host(host, port, &endpoint) == 0) {
		rule.terms[3] = (struct netlink_nft_term){ .kind = NETLINK_NFT_DESTINATION,
			.prefix = prefix_host(&endpoint.addr) };
		rule.terms[4] = (struct netlink_nft_term){ .kind = NETLINK_NFT_ACCEPT };
	}
	netlink_nft_rule_add(batch, table, closed_output.name, &rule);
}

static void add_outer(
	const struct full_tunnel_guard *guard, struct netlink_nft_batch *batch, const char *table)
{
	const struct settings *settings = guard->settings;

	if (settings->proxy.kind != PROXY_NONE) {
		add_outer_to(guard, batch, table, settings->proxy.host, settings->proxy.port);
		return;
	}
	for (size_t i = 0; i < settings->remote_count; i++)
		add_outer_to(
			guard, batch, table, settings->remotes[i].host, settings->remotes[i].port);
}

/* Accepts what the policy rules let pass, in either chain. */
static void add_passing(const struct full_tunnel_guard *guard, struct netlink_nft_batch *batch,
	const char *table, const char *chain)
{
	const struct prefix_list *bypass = &guard->settings->bypass;

	if (guard->index != 0)
		add_accept(batch, table, chain, NETLINK_NFT_OIF, guard->index);
	add_accept(batch, table, chain, NETLINK_NFT_OIF, NETLINK_NFT_LOOPBACK);
	for (size_t i = 0; i < bypass->count; i++)
		add_bypass(batch, table, chain, &bypass->items[i]);
	local_bridges_accept(guard->local, batch, table, chain);
	answer_inbound_accept(guard->settings, batch, table, chain);
}

/*
 * br_netfilter shows frames that a bridge passes between its own ports as forwarded from a bridge
 * to a bridge. No policy rule applies to them.
 */
static void add_bridged(struct netlink_nft_batch *batch, const char *table)
{
	static const struct netlink_nft_rule rule = { "accepts frames of bridges",
		{ { .kind = NETLINK_NFT_IIF_BRIDGE }, { .kind = NETLINK_NFT_OIF_BRIDGE },
			{ .kind = NETLINK_NFT_ACCEPT } } };

	netlink_nft_rule_add(batch, table, closed_forward.name, &rule);
}

static void add_forwarded(
	const struct full_tunnel_guard *guard, struct netlink_nft_batch *batch, const char *table)
{
	netlink_nft_chain_add(batch, table, &closed_forward);
	add_passing(guard, batch, table, closed_forward.name);
	if (guard->rules) {
		add_bridged(batch, table);
		add_reject(batch, table, closed_forward.name);
	} else {
		add_refusals(batch, table, closed_forward.name);
	}
}

static void add_leaving(
	const struct full_tunnel_guard *guard, struct netlink_nft_batch *batch, const char *table)
{
	netlink_nft_chain_add(batch, table, &closed_output);
	add_passing(guard, batch, table, closed_output.name);
	add_outer(guard, batch, table);
	time_servers_accept(guard->settings, batch, table, closed_output.name);
	getting_an_address_accept(batch, table, closed_output.name);
	add_lookup_refusal(batch, table, IPPROTO_UDP, DNS, NETLINK_NFT_REJECT);
	add_lookup_refusal(batch, table, IPPROTO_TCP, DNS, NETLINK_NFT_RESET);
	add_lookup_refusal(batch, table, IPPROTO_UDP, DNS_OVER_TLS, NETLINK_NFT_REJECT);
	add_lookup_refusal(batch, table, IPPROTO_TCP, DNS_OVER_TLS, NETLINK_NFT_RESET);
	add_refusals(batch, table, closed_output.name);
}

static void table_name(const struct full_tunnel_guard *guard, char table[static TABLE_SIZE])
{
	(void)snprintf(table, TABLE_SIZE, FULL_TUNNEL_GUARD_TABLE "%s", guard->settings->name);
}

static int put(const struct full_tunnel_guard *guard, struct problem *problem)
{
	char table[TABLE_SIZE];
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	table_name(guard, table);
	/* The old table is deleted in the same transaction that makes the new one. */
	netlink_nft_table_add(batch, table, true);
	netlink_nft_table_delete(batch, table);
	netlink_nft_table_add(batch, table, true);
	if (guard->index != 0) {
		netlink_nft_chain_add(batch, table, &prerouting);
		local_bridges_refuse_from(
			guard->local, guard->index, batch, table, prerouting.name);
		add_accept(batch, table, prerouting.name, NETLINK_NFT_IIF, guard->index);
		add_accept(batch, table, prerouting.name, NETLINK_NFT_IIF, NETLINK_NFT_LOOPBACK);
		add_drop(batch, table, &guard->local4);
		add_drop(batch, table, &guard->local6);
	}
	add_leaving(guard, batch, table);
	add_forwarded(guard, batch, table);
	r = netlink_nft_commit(guard->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct full_tunnel_guard *guard = container_of(item, struct full_tunnel_guard, item);
	char table[TABLE_SIZE];
	bool found;

	if (!guard->nft)
		return DESIRED_UNWANTED;
	table_name(guard, table);
	if (netlink_nft_has_table(guard->nft, table, &found) < 0)
		return DESIRED_UNKNOWN;
	(void)snprintf(sight->what, sizeof(sight->what), "table %s", table);
	return found ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	return put(container_of(item, struct full_tunnel_guard, item), problem);
}

void full_tunnel_guard_init(struct full_tunnel_guard *guard, const struct settings *settings)
{
	*guard = (struct full_tunnel_guard){ .settings = settings,
		.item = { .name = "firewall rules of full tunnel",
			.meanwhile = "only policy rules hold packets back",
			.look = look,
			.repair = repair } };
}

/* Makes the table as `wanted`; on failure it stays as before. */
static int change(struct full_tunnel_guard *guard, const struct full_tunnel_guard *wanted,
	struct problem *problem)
{
	struct full_tunnel_guard before = *guard;
	int r;

	*guard = *wanted;
	r = put(guard, problem);
	if (r < 0)
		*guard = before;
	return r;
}

int full_tunnel_guard_close(struct full_tunnel_guard *guard, bool rules, struct problem *problem)
{
	struct full_tunnel_guard wanted = *guard;
	int r;

	if (guard->nft && guard->rules == rules)
		return 0;
	if (!guard->nft) {
		r = netlink_nft_open(&wanted.nft, problem);
		if (r < 0)
			return r;
	}
	wanted.rules = rules;
	r = change(guard, &wanted, problem);
	if (r < 0 && !guard->nft)
		netlink_nft_close(wanted.nft);
	return r;
}

int full_tunnel_guard_open_for(
	struct full_tunnel_guard *guard, const struct interface *interface, struct problem *problem)
{
	struct full_tunnel_guard wanted = *guard;

	if (!guard->nft) {
		problem_set(problem, "no firewall table exists");
		return -ENODEV;
	}
	if (guard->index == interface->index &&
		addr_equal(&guard->local4, &interface->now.local4) &&
		addr_equal(&guard->local6, &interface->now.local6))
		return 0;
	wanted.index = interface->index;
	wanted.local4 = interface->now.local4;
	wanted.local6 = interface->now.local6;
	return change(guard, &wanted, problem);
}

int full_tunnel_guard_renew(const struct full_tunnel_guard *guard, struct problem *problem)
{
	return guard->nft ? put(guard, problem) : 0;
}

void full_tunnel_guard_lift(struct full_tunnel_guard *guard)
{
	netlink_nft_close(guard->nft); /* the table disappears with the socket */
	guard->nft = NULL;
	guard->index = 0;
}
