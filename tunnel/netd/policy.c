/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/policy.h"

#include <errno.h>

#include "base/array.h"
#include "base/exit_code.h"
#include "netd/interface_routes.h"

enum { MTU_MIN = 1280, MTU_MAX = 65535 }; /* RFC 8200; the largest packet of a TUN */

int policy_socket(const struct settings *settings, uint8_t family, struct problem *problem)
{
	if (settings->role != SETTINGS_CLIENT) {
		problem_set(problem, "an outgoing socket: a server makes no connections");
		return -EPERM;
	}
	if (family != AF_INET && family != AF_INET6) {
		problem_set(problem, "a socket of address family %u", family);
		return -EPERM;
	}
	return 0;
}

struct interface_target policy_interface_target(
	const struct settings *settings, const struct identity *peer)
{
	const struct settings_peer *entry = settings_find_peer(settings, peer);
	bool named = entry && entry->interface[0] != '\0';

	return (struct interface_target){
		.name = named ? entry->interface : settings->interface,
		.netns = entry ? entry->netns : "",
		.metric = settings_metric(entry),
	};
}

/* Judges one address pair of a client's tunnel, as the server chose it. */
static int judge_client_pair(const struct settings *settings, const struct addr *local,
	const struct addr *remote, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	if (settings_judge_address(settings, local, problem) < 0 ||
		settings_judge_address(settings, remote, problem) < 0)
		return -EPERM;
	if (!addr_equal(local, remote))
		return 0;
	problem_set(problem, "address %s for both ends of a tunnel", addr_format(local, text));
	return -EPERM;
}

/* Returns true if the configuration gives the address to another peer than `peer`. */
static bool is_anothers(
	const struct settings *settings, const struct identity *peer, const struct addr *addr)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *entry = &settings->peers[i];

		if ((addr_equal(&entry->address4, addr) || addr_equal(&entry->address6, addr)) &&
			!identity_equal(&entry->name, peer))
			return true;
	}
	return false;
}

static bool is_in_use(
	const struct interfaces *live, const struct identity *peer, const struct addr *addr)
{
	for (const struct interface *i = live->first; i; i = i->next) {
		if ((addr_equal(&i->now.remote4, addr) || addr_equal(&i->now.remote6, addr)) &&
			!identity_equal(&i->now.peer, peer))
			return true;
	}
	return false;
}

/* The addresses that a server may give to one peer in one family. */
struct grant {
	const struct prefix *pool;
	const struct addr *fixed; /* AF_UNSPEC: from the pool */
};

static int judge_server_pair(const struct settings *settings, const struct interfaces *live,
	const struct identity *peer, const struct grant *grant, const struct addr *local,
	const struct addr *remote, struct problem *problem)
{
	struct addr own = settings_server_address(grant->pool);
	char text[ADDR_TEXT_MAX], pool[ADDR_TEXT_MAX];

	if (!addr_is_set(&own) || !addr_equal(local, &own)) {
		problem_set(problem, "local address %s, which is not the server's own of pool %s",
			addr_format(local, text), prefix_format(grant->pool, pool));
		return -EPERM;
	}
	if (addr_is_set(grant->fixed) && !addr_equal(remote, grant->fixed)) {
		problem_set(problem, "address %s for %s, which has a fixed one",
			addr_format(remote, text), peer->name);
		return -EPERM;
	}
	if (!settings_pool_usable(grant->pool, remote)) {
		problem_set(problem, "address %s for %s, which is not a host address of pool %s",
			addr_format(remote, text), peer->name, prefix_format(grant->pool, pool));
		return -EPERM;
	}
	if (is_anothers(settings, peer, remote) || is_in_use(live, peer, remote)) {
		problem_set(problem, "address %s for %s, which is another's",
			addr_format(remote, text), peer->name);
		return -EPERM;
	}
	return 0;
}

/* Local and remote addresses come in pairs, and a tunnel has at least one pair. */
static int judge_pairing(const struct request_interface *wanted, struct problem *problem)
{
	uint8_t local4 = wanted->local4.family, local6 = wanted->local6.family;

	if (local4 == wanted->remote4.family && (local4 == AF_INET || local4 == AF_UNSPEC) &&
		local6 == wanted->remote6.family && (local6 == AF_INET6 || local6 == AF_UNSPEC) &&
		(local4 != AF_UNSPEC || local6 != AF_UNSPEC))
		return 0;
	problem_set(problem, "an interface whose addresses do not come in pairs");
	return -EPERM;
}

static int judge_server_addresses(const struct settings *settings, const struct interfaces *live,
	const struct request_interface *wanted, struct problem *problem)
{
	static const struct addr none = { .family = AF_UNSPEC };
	const struct settings_peer *entry = settings_find_peer(settings, &wanted->peer);
	struct grant four = { &settings->pool4, entry ? &entry->address4 : &none };
	struct grant six = { &settings->pool6, entry ? &entry->address6 : &none };
	int r = 0;

	if (addr_is_set(&wanted->local4))
		r = judge_server_pair(settings, live, &wanted->peer, &four, &wanted->local4,
			&wanted->remote4, problem);
	if (r == 0 && addr_is_set(&wanted->local6))
		r = judge_server_pair(settings, live, &wanted->peer, &six, &wanted->local6,
			&wanted->remote6, problem);
	return r;
}

static int judge_client_addresses(const struct settings *settings,
	const struct request_interface *wanted, struct problem *problem)
{
	int r = 0;

	if (addr_is_set(&wanted->local4))
		r = judge_client_pair(settings, &wanted->local4, &wanted->remote4, problem);
	if (r == 0 && addr_is_set(&wanted->local6))
		r = judge_client_pair(settings, &wanted->local6, &wanted->remote6, problem);
	return r;
}

int policy_interface(const struct settings *settings, const struct interfaces *live,
	const struct request_interface *wanted, struct problem *problem)
{
	size_t most = settings->role == SETTINGS_SERVER ? settings->max_sessions : 1;
	const struct settings_peer *entry = settings_find_peer(settings, &wanted->peer);
	uint32_t lanes = settings_lanes(settings, entry);
	int r;

	if (!entry && !(settings->role == SETTINGS_SERVER && settings->unlisted)) {
		problem_set(problem, "an interface for %s, a peer that is not configured",
			wanted->peer.name);
		return -EPERM;
	}
	if (wanted->mtu < MTU_MIN || wanted->mtu > MTU_MAX) {
		problem_set(problem, "an interface with MTU %u, which is outside %d to %d",
			wanted->mtu, MTU_MIN, MTU_MAX);
		return -EPERM;
	}
	if (wanted->queues > lanes) {
		problem_set(problem, "an interface with %u queues for %s, which may have %u lanes",
			wanted->queues, wanted->peer.name, lanes);
		return -EPERM;
	}
	if (!interfaces_find_peer(live, &wanted->peer) && live->count >= most) {
		problem_set(problem, "interface number %zu where %zu are the most", live->count + 1,
			most);
		return -EPERM;
	}
	r = judge_pairing(wanted, problem);
	if (r < 0)
		return r;
	return settings->role == SETTINGS_SERVER
		? judge_server_addresses(settings, live, wanted, problem)
		: judge_client_addresses(settings, wanted, problem);
}

int policy_dns(
	const struct settings *settings, const struct request_dns *wanted, struct problem *problem)
{
	if (settings->role != SETTINGS_CLIENT || !settings->use_dns ||
		settings_is_elsewhere(settings)) {
		problem_set(problem, "other resolvers for this host");
		return -EPERM;
	}
	/* netd checks them again, because they become text in files and arguments. */
	if (!nameservers_are_valid(&wanted->nameservers)) {
		problem_set(problem, "invalid resolvers or domains");
		return -EPERM;
	}
	return 0;
}

int policy_silent(const struct settings *settings, struct problem *problem)
{
	if (settings->role == SETTINGS_CLIENT && settings->mptcp)
		return 0;
	problem_set(problem, "other paths, which only a client with `mptcp = true` has");
	return -EPERM;
}

int policy_probe(const struct settings *settings, const struct prefix *prefix,
	struct endpoint *ret_target, struct problem *problem)
{
	const struct settings_announce *item = settings_find_probe(settings, prefix);
	char text[ADDR_TEXT_MAX];

	if (!item) {
		problem_set(problem, "a probe of %s, which has none", prefix_format(prefix, text));
		return -EPERM;
	}
	*ret_target = item->probe;
	return 0;
}

int policy_exit(uint8_t code, struct problem *problem)
{
	switch (code) {
	case EXIT_CODE_OK:
	case EXIT_CODE_FAILURE:
	case EXIT_CODE_CONFIG:
	case EXIT_CODE_UNREACHABLE:
	case EXIT_CODE_REFUSED:
		return 0;
	default:
		break;
	}
	problem_set(problem, "exit code %u", code);
	return -EPERM;
}

enum { TUNNEL_PREFIX_MAX = 6 }; /* two pools, two addresses a family */

static size_t tunnel_prefixes(const struct settings *settings, const struct interface *own,
	struct prefix out[static TUNNEL_PREFIX_MAX])
{
	const struct addr *addresses[] = { &own->now.local4, &own->now.remote4, &own->now.local6,
		&own->now.remote6 };
	size_t count = 0;

	if (addr_is_set(&settings->pool4.addr))
		out[count++] = settings->pool4;
	if (addr_is_set(&settings->pool6.addr))
		out[count++] = settings->pool6;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (addr_is_set(addresses[i]))
			out[count++] = prefix_host(addresses[i]);
	}
	return count;
}

static enum route_verdict judge_by_rule(const struct settings *settings,
	const struct settings_peer *entry, const struct interface *own, const struct prefix *prefix)
{
	struct prefix tunnel[TUNNEL_PREFIX_MAX];
	struct addr outer[SETTINGS_REMOTES_MAX];
	struct route_rule rule = {
		.tunnel = tunnel, .outer = outer, .full_tunnel = settings_takes_default(settings)
	};

	if (entry) {
		rule.accept = entry->accept_routes.items;
		rule.accept_count = entry->accept_routes.count;
	}
	rule.tunnel_count = tunnel_prefixes(settings, own, tunnel);
	/*
	 * If the interface is in a foreign network namespace, its routes cannot capture the outer
	 * connection.
	 */
	if (own->netns.inode == 0)
		rule.outer_count = settings_outer(settings, outer);
	return route_rule_judge(&rule, prefix);
}

enum route_verdict policy_route(
	const struct settings *settings, const struct interface *own, const struct prefix *prefix)
{
	const struct settings_peer *entry = settings_find_peer(settings, &own->now.peer);
	enum route_verdict verdict = judge_by_rule(settings, entry, own, prefix);

	if (verdict != ROUTE_ACCEPTED || !entry || interface_has_route(own, prefix))
		return verdict;
	for (size_t i = 0; i < settings->announce.count; i++) {
		if (prefix_equal(&settings->announce.items[i].prefix, prefix))
			return ROUTE_LOCAL;
	}
	if (prefix_list_has(&settings->announced_own, prefix))
		return ROUTE_LOCAL;
	return own->route_count >= entry->max_routes ? ROUTE_LIMIT : ROUTE_ACCEPTED;
}
