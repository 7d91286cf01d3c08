/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/full_tunnel.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/desired_state.h"
#include "netd/full_tunnel_bequest.h"
#include "netd/time_servers.h"
#include "system/netlink_protocol.h"
#include "system/netlink_rule.h"
#include "system/tun.h"

enum { AT_BYPASS, AT_LOOKUP, AT_END };
enum { WARNINGS_BURST = 5, RECLAIM_S = 1 };
enum { LOCAL_METRIC = 1 }; /* before the server's routes to the same prefix */

static const uint8_t families[] = { AF_INET, AF_INET6 };
enum { FAMILIES = ARRAY_SIZE(families) };

/* These packets never leave a link, and neighbours there can be reached in no other way. */
static const struct prefix link_local6 = { { AF_INET6, { 0xfe, 0x80 } }, 10 };

static const char *claim_name(uint32_t number, char out[static IFNAMSIZ])
{
	(void)snprintf(out, IFNAMSIZ, FULL_TUNNEL_CLAIM "%u", number);
	return out;
}

static uint32_t priority_of(uint32_t number, uint32_t at)
{
	return FULL_TUNNEL_FIRST + number * FULL_TUNNEL_PRIORITIES + at;
}

static void claim_lost(struct loop_watch *watch, uint32_t events);

/*
 * The kernel reports the TUN's end as readable. If another program sets it up, each packet wakes
 * netd once.
 */
static int watch_claim(struct full_tunnel *full_tunnel, int fd)
{
	return loop_watch_add(full_tunnel->loop, &full_tunnel->claim, fd,
		EPOLLIN | (uint32_t)EPOLLET, claim_lost);
}

static int make_claim(struct full_tunnel *full_tunnel, const char *name)
{
	char made[IFNAMSIZ];
	int fd, r = tun_open(name, false, &fd, made);

	if (r < 0)
		return r;
	/* The kernel's notification of this link is no change of this host's network. */
	interfaces_remember(full_tunnel->interfaces, if_nametoindex(made));
	r = watch_claim(full_tunnel, fd);
	if (r < 0)
		close(fd);
	return r;
}

static void drop_claim(struct full_tunnel *full_tunnel)
{
	int fd = full_tunnel->claim.fd;

	if (fd < 0)
		return;
	loop_watch_remove(full_tunnel->loop, &full_tunnel->claim);
	full_tunnel->claim.fd = -1;
	close(fd);
}

/*
 * Claims the table and the priorities that are ours until netd ends. Does nothing when they are
 * claimed.
 */
static int claim(struct full_tunnel *full_tunnel, struct problem *problem)
{
	char name[IFNAMSIZ];
	uint32_t number = 0;
	int r = -EBUSY;

	if (full_tunnel->claimed)
		return 0;
	for (; number < FULL_TUNNEL_COUNT; number++) {
		r = make_claim(full_tunnel, claim_name(number, name));
		/* -EINVAL: a link of another kind has the name. */
		if (r != -EBUSY && r != -EINVAL)
			break;
	}
	if (number == FULL_TUNNEL_COUNT) {
		problem_set(problem,
			"the tables %d to %d are all in use by others of Culvert: each has a link "
			"that is called " FULL_TUNNEL_CLAIM "N",
			FULL_TUNNEL_FIRST, FULL_TUNNEL_FIRST + FULL_TUNNEL_COUNT - 1);
		return -EBUSY;
	}
	if (r < 0) {
		if (tun_check_device(problem) == 0)
			problem_set(problem, "cannot make interface %s: %s", name, error_text(r));
		problem_prepend(problem, "cannot claim table %u", FULL_TUNNEL_FIRST + number);
		return r;
	}
	full_tunnel->claimed = true;
	full_tunnel->number = number;
	full_tunnel->interfaces->table = FULL_TUNNEL_FIRST + number;
	return 0;
}

/*
 * Adds one rule. A rule that exists already, because only others were removed, stays. *added counts
 * the new ones.
 */
static int add_rule(const struct full_tunnel *full_tunnel, const struct netlink_rule *rule,
	int *added, struct problem *problem)
{
	int r = netlink_rule_add(full_tunnel->interfaces->netlink, rule, problem);

	*added += r == 0;
	return r == -EEXIST ? 0 : r;
}

static int add_bypass(const struct full_tunnel *full_tunnel, const struct prefix *to, int *added,
	struct problem *problem)
{
	const struct netlink_rule rule = {
		.family = to->addr.family,
		.priority = priority_of(full_tunnel->number, AT_BYPASS),
		.action = NETLINK_RULE_GOTO,
		.target = priority_of(full_tunnel->number, AT_END),
		.to = *to,
	};

	return add_rule(full_tunnel, &rule, added, problem);
}

/* Answers to calls from outside go where they would go without the tunnel. */
static int add_answers(
	const struct full_tunnel *full_tunnel, uint8_t family, int *added, struct problem *problem)
{
	const struct netlink_rule rule = {
		.family = family,
		.priority = priority_of(full_tunnel->number, AT_BYPASS),
		.action = NETLINK_RULE_GOTO,
		.target = priority_of(full_tunnel->number, AT_END),
		.mark = SETTINGS_MARK_INBOUND,
		.mask = UINT32_MAX,
	};

	return add_rule(full_tunnel, &rule, added, problem);
}

/* Questions to time servers, to which the firewall tables have the same exception. */
static int add_time_servers(
	const struct full_tunnel *full_tunnel, uint8_t family, int *added, struct problem *problem)
{
	const struct settings *settings = full_tunnel->settings;
	int r = 0;

	for (size_t i = 0; i < settings->kill_switch_time_count && r == 0; i++) {
		const struct addr *server = &settings->kill_switch_time[i];
		const struct netlink_rule rule = {
			.family = family,
			.priority = priority_of(full_tunnel->number, AT_BYPASS),
			.action = NETLINK_RULE_GOTO,
			.target = priority_of(full_tunnel->number, AT_END),
			.to = prefix_host(server),
			.protocol = IPPROTO_UDP,
			.to_port = TIME_SERVERS_PORT,
		};

		if (server->family == family)
			r = add_rule(full_tunnel, &rule, added, problem);
	}
	return r;
}

/* The default route of the table, after all others. */
static struct netlink_route unreachable_default(uint32_t number, uint8_t family)
{
	return (struct netlink_route){
		.prefix.addr.family = family,
		.priority = UINT32_MAX,
		.table = FULL_TUNNEL_FIRST + number,
		.unreachable = true,
	};
}

/* Adds the rules from the last to the first, so that none is in force before its exceptions. */
static int add_family(
	const struct full_tunnel *full_tunnel, uint8_t family, int *added, struct problem *problem)
{
	const struct prefix_list *bypass = &full_tunnel->settings->bypass;
	uint32_t number = full_tunnel->number;
	const struct netlink_route unreachable = unreachable_default(number, family);
	const struct netlink_rule end = { .family = family,
		.priority = priority_of(number, AT_END),
		.action = NETLINK_RULE_NOP };
	const struct netlink_rule lookup = { .family = family,
		.priority = priority_of(number, AT_LOOKUP),
		.action = NETLINK_RULE_LOOKUP,
		.table = FULL_TUNNEL_FIRST + number,
		.not_mark = settings_mark(full_tunnel->settings) };
	int r = add_rule(full_tunnel, &end, added, problem);

	if (r == 0)
		r = netlink_route_add(full_tunnel->interfaces->netlink, &unreachable, problem);
	if ((r == -EBUSY || r == -EEXIST) && full_tunnel->in_force)
		r = 0; /* it still exists */
	if (r == 0 && family == AF_INET6)
		r = add_bypass(full_tunnel, &link_local6, added, problem);
	if (r == 0 && full_tunnel->settings->answer_inbound)
		r = add_answers(full_tunnel, family, added, problem);
	if (r == 0)
		r = add_time_servers(full_tunnel, family, added, problem);
	for (size_t i = 0; r == 0 && i < bypass->count; i++) {
		if (bypass->items[i].addr.family == family)
			r = add_bypass(full_tunnel, &bypass->items[i], added, problem);
	}
	return r == 0 ? add_rule(full_tunnel, &lookup, added, problem) : r;
}

/* ---- the networks of local bridges ---- */

static struct netlink_route route_to(
	const struct full_tunnel *full_tunnel, const struct local_network *network)
{
	return (struct netlink_route){ .prefix = network->prefix,
		.index = network->link,
		.priority = LOCAL_METRIC,
		.table = FULL_TUNNEL_FIRST + full_tunnel->number };
}

/* A link that is down has no routes; when it is up again the networks change. */
static bool can_route(const struct full_tunnel *full_tunnel, const struct local_network *network)
{
	bool up = false;
	uint32_t mtu;

	return netlink_link_state(full_tunnel->interfaces->netlink, network->link, &up, &mtu, NULL,
		       NULL) == 0 &&
		up;
}

static int add_local(struct full_tunnel *full_tunnel, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < full_tunnel->routed_count && r == 0; i++) {
		const struct netlink_route route = route_to(full_tunnel, &full_tunnel->routed[i]);

		if (can_route(full_tunnel, &full_tunnel->routed[i]))
			r = netlink_route_add(full_tunnel->interfaces->netlink, &route, problem);
	}
	return r;
}

/* Deletes the routes to networks that are not to be left alone any more. */
static void delete_local(struct full_tunnel *full_tunnel, const struct local_bridges *wanted)
{
	struct problem ignored;

	for (size_t i = 0; i < full_tunnel->routed_count; i++) {
		const struct local_network *network = &full_tunnel->routed[i];
		const struct netlink_route route = route_to(full_tunnel, network);

		if (!local_bridges_have(wanted, network->link, &network->prefix))
			(void)netlink_route_delete(full_tunnel->interfaces->netlink, &route,
				&ignored); /* it may be gone with its link */
	}
}

static void take_local(struct full_tunnel *full_tunnel)
{
	full_tunnel->routed_count = full_tunnel->local ? full_tunnel->local->count : 0;
	if (full_tunnel->routed_count > 0)
		memcpy(full_tunnel->routed, full_tunnel->local->networks,
			full_tunnel->routed_count * sizeof(full_tunnel->routed[0]));
}

void full_tunnel_leave_alone(struct full_tunnel *full_tunnel, struct local_bridges *local)
{
	full_tunnel->local = local;
	full_tunnel->guard.local = local;
}

void full_tunnel_local_changed(struct full_tunnel *full_tunnel)
{
	struct problem problem;
	int r;

	if (!full_tunnel_holds(full_tunnel))
		return;
	if (full_tunnel->in_force) {
		delete_local(full_tunnel, full_tunnel->local);
		take_local(full_tunnel);
	}
	r = full_tunnel_guard_renew(&full_tunnel->guard, &problem);
	if (r == 0 && full_tunnel->in_force)
		r = add_local(full_tunnel, &problem);
	if (r < 0)
		log_warning("full tunnel: a local bridge: %s", problem.text);
}

/* ---- the rules ---- */

static int add_all(struct full_tunnel *full_tunnel, int *added, struct problem *problem)
{
	for (size_t f = 0; f < FAMILIES; f++) {
		int r = add_family(full_tunnel, families[f], added, problem);

		/* A kernel without IPv6 lets no IPv6 packet out. */
		if (families[f] == AF_INET6)
			full_tunnel->without6 = r == -EAFNOSUPPORT;
		if (r == -EAFNOSUPPORT && families[f] == AF_INET6)
			continue;
		if (r < 0) {
			problem_prepend(problem, "full tunnel");
			return r;
		}
	}
	return add_local(full_tunnel, problem);
}

/*
 * Returns true if nothing is left: it was deleted, never existed, or the kernel lacks the family or
 * policy routing.
 */
static bool is_gone(int r)
{
	return r == 0 || r == -ENOENT || r == -ESRCH || r == -EAFNOSUPPORT || r == -EOPNOTSUPP;
}

/* Routes of ours that do not end with our links: those to local bridges. */
struct left_routes {
	struct netlink_route items[LOCAL_BRIDGES_NETWORKS_MAX];
	size_t count;
	uint32_t table;
};

static void take_left_route(void *context, const struct netlink_seen_route *seen)
{
	struct left_routes *left = context;

	if (left->count == ARRAY_SIZE(left->items) || seen->link_count != 1)
		return;
	left->items[left->count++] = (struct netlink_route){ .prefix = seen->prefix,
		.index = seen->links[0],
		.priority = seen->priority,
		.table = left->table };
}

static int delete_left_routes(
	struct netlink *netlink, uint32_t number, uint8_t family, struct problem *problem)
{
	struct left_routes left = { .table = FULL_TUNNEL_FIRST + number };
	const struct netlink_query query = {
		.family = family, .table = left.table, .protocol = RTPROT_CULVERT
	};
	int r = netlink_routes(netlink, &query, take_left_route, &left, problem);

	for (size_t i = 0; i < left.count && is_gone(r); i++)
		r = netlink_route_delete(netlink, &left.items[i], problem);
	return r;
}

/*
 * The mirror of add_family(). *count counts the parts that existed. Returns the first failure, and
 * *problem says why.
 */
static int delete_family(struct netlink *netlink, uint32_t number, uint8_t family, int *count,
	struct problem *problem)
{
	static const uint32_t order[] = { AT_LOOKUP, AT_BYPASS, AT_END };
	const struct netlink_route unreachable = unreachable_default(number, family);
	int r = 0;

	for (size_t i = 0; is_gone(r) && i < ARRAY_SIZE(order); i++) {
		r = netlink_rule_delete(netlink, family, priority_of(number, order[i]), problem);
		*count += r == 0;
	}
	if (is_gone(r)) {
		r = netlink_route_delete(netlink, &unreachable, problem);
		*count += r == 0;
	}
	if (is_gone(r))
		r = delete_left_routes(netlink, number, family, problem);
	return is_gone(r) ? 0 : r;
}

static void delete_all(const struct full_tunnel *full_tunnel)
{
	struct problem problem;
	int count = 0;

	for (size_t f = 0; f < FAMILIES; f++) {
		if (delete_family(full_tunnel->interfaces->netlink, full_tunnel->number,
			    families[f], &count, &problem) < 0)
			log_warning("full tunnel: %s", problem.text);
	}
}

static int make_rules(struct full_tunnel *full_tunnel, struct problem *problem)
{
	int added = 0, r = claim(full_tunnel, problem);

	if (r < 0) {
		problem_prepend(problem, "full tunnel");
		return r;
	}
	take_local(full_tunnel);
	r = add_all(full_tunnel, &added, problem);
	if (r < 0) {
		delete_all(full_tunnel);
		return r;
	}
	full_tunnel->in_force = true;
	reverse_path_relax(&full_tunnel->reverse_path);
	log_notice("full tunnel: all packets without mark 0x%x use table %u alone",
		settings_mark(full_tunnel->settings), FULL_TUNNEL_FIRST + full_tunnel->number);
	return 0;
}

/*
 * Closes the guard, beside policy rules (`rules`) or alone. Logs once in a run that there can be no
 * table.
 */
static void close_guard(struct full_tunnel *full_tunnel, bool rules)
{
	struct full_tunnel_guard *guard = &full_tunnel->guard;
	struct problem problem;

	if (full_tunnel_guard_close(guard, rules, &problem) == 0 || guard->logged)
		return;
	guard->logged = true;
	log_warning(
		"full tunnel: %s; so netd cannot block sockets that are bound to another interface, packets of neighbours to the tunnel's addresses, or any packet while another program removes the policy rules",
		problem.text);
}

int full_tunnel_enforce(struct full_tunnel *full_tunnel, struct problem *problem)
{
	int r = 0;

	/* In a foreign network namespace no packet of the host has to be held back. */
	if (!full_tunnel->settings->full_tunnel || settings_is_elsewhere(full_tunnel->settings))
		return 0;
	if (full_tunnel->local) /* the connection that a welcome has come by was not there before */
		local_bridges_refresh(full_tunnel->local);
	close_guard(full_tunnel, true);
	if (!full_tunnel->in_force)
		r = make_rules(full_tunnel, problem);
	if (r < 0)
		close_guard(full_tunnel, false);
	return r;
}

bool full_tunnel_holds(const struct full_tunnel *full_tunnel)
{
	return full_tunnel->in_force || full_tunnel->guard.nft;
}

/* The kernel's own route to the peer's address is in the main table, which the rules skip. */
static void route_peer(struct full_tunnel *full_tunnel, size_t at, const struct addr *remote,
	const struct interface *interface)
{
	struct netlink *netlink = full_tunnel->interfaces->netlink;
	struct netlink_route *now = &full_tunnel->peers[at];
	struct problem problem;

	if (addr_is_set(&now->prefix.addr) && !addr_equal(&now->prefix.addr, remote))
		(void)netlink_route_delete(
			netlink, now, &problem); /* it may be gone with its link */
	*now = (struct netlink_route){
		.index = interface->index, .priority = 1, .table = full_tunnel->interfaces->table
	};
	if (!addr_is_set(remote))
		return;
	now->prefix = prefix_host(remote);
	if (netlink_route_add(netlink, now, &problem) < 0)
		log_warning("full tunnel: the other end cannot be reached: %s", problem.text);
}

int full_tunnel_follow(
	struct full_tunnel *full_tunnel, const struct interface *interface, struct problem *problem)
{
	int r = 0;

	if (!full_tunnel->in_force)
		return 0;
	if (full_tunnel->guard.nft)
		r = full_tunnel_guard_open_for(&full_tunnel->guard, interface, problem);
	if (r < 0) {
		problem_prepend(problem, "full tunnel: the rules do not admit the tunnel");
		return r;
	}
	route_peer(full_tunnel, 0, &interface->now.remote4, interface);
	route_peer(full_tunnel, 1, &interface->now.remote6, interface);
	return 0;
}

void full_tunnel_network_changed(struct full_tunnel *full_tunnel)
{
	if (!full_tunnel->in_force)
		return;
	close_guard(full_tunnel, true);
	reverse_path_relax(&full_tunnel->reverse_path);
}

/* ---- the desired state ---- */

/* What a look at one family found. */
struct presence {
	uint32_t number;
	size_t rules[AT_END + 1];
	uint8_t writer; /* the protocol of a rule that another program has put among ours */
	bool unreachable, peer;
	const struct addr *remote;
	const struct full_tunnel *full_tunnel;
	bool routed[LOCAL_BRIDGES_NETWORKS_MAX];
};

static void take_present_rule(void *context, const struct netlink_rule_seen *seen)
{
	struct presence *presence = context;

	for (uint32_t at = AT_BYPASS; at <= AT_END; at++) {
		if (seen->priority != priority_of(presence->number, at))
			continue;
		if (seen->ours)
			presence->rules[at]++;
		else
			presence->writer = seen->protocol;
	}
}

static void take_present_route(void *context, const struct netlink_seen_route *route)
{
	struct presence *presence = context;
	const struct prefix host = prefix_host(presence->remote);

	presence->unreachable |= route->unreachable && route->prefix.len == 0;
	presence->peer |= addr_is_set(presence->remote) && prefix_equal(&route->prefix, &host);
	for (size_t i = 0; i < presence->full_tunnel->routed_count; i++) {
		const struct local_network *network = &presence->full_tunnel->routed[i];

		presence->routed[i] |= route->link_count == 1 && route->links[0] == network->link &&
			prefix_equal(&route->prefix, &network->prefix);
	}
}

static bool has_local_routes(
	const struct presence *presence, uint8_t family, struct desired_sight *sight)
{
	const struct full_tunnel *full_tunnel = presence->full_tunnel;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < full_tunnel->routed_count; i++) {
		const struct local_network *network = &full_tunnel->routed[i];

		if (presence->routed[i] || network->prefix.addr.family != family ||
			!can_route(full_tunnel, network))
			continue;
		(void)snprintf(sight->what, sizeof(sight->what), "route to the local network %s",
			prefix_format(&network->prefix, text));
		return false;
	}
	return true;
}

static size_t wanted_rules(const struct full_tunnel *full_tunnel, uint8_t family, uint32_t at)
{
	const struct settings *settings = full_tunnel->settings;
	const struct prefix_list *bypass = &settings->bypass;
	size_t count = family == AF_INET6;

	if (at != AT_BYPASS)
		return 1;
	count += settings->answer_inbound;
	for (size_t i = 0; i < settings->kill_switch_time_count; i++)
		count += settings->kill_switch_time[i].family == family;
	for (size_t i = 0; i < bypass->count; i++)
		count += bypass->items[i].addr.family == family;
	return count;
}

/* The peer's route ends with its link, also when that is set down, and comes back after it. */
static bool wants_peer(const struct full_tunnel *full_tunnel, size_t family)
{
	static const struct netns_id here; /* all zero */
	const struct netlink_route *peer = &full_tunnel->peers[family];
	const struct interfaces *interfaces = full_tunnel->interfaces;
	bool up = false;
	uint32_t mtu;

	return addr_is_set(&peer->prefix.addr) &&
		interfaces_have_link(interfaces, &here, peer->index) &&
		netlink_link_state(interfaces->netlink, peer->index, &up, &mtu, NULL, NULL) == 0 &&
		up;
}

static enum desired_look look_at_family(
	const struct full_tunnel *full_tunnel, size_t f, struct desired_sight *sight)
{
	struct presence presence = { .number = full_tunnel->number,
		.full_tunnel = full_tunnel,
		.remote = &full_tunnel->peers[f].prefix.addr };
	const struct netlink_query query = { .family = families[f],
		.table = FULL_TUNNEL_FIRST + full_tunnel->number,
		.protocol = RTPROT_CULVERT,
		.unreachable = true };
	struct netlink *netlink = full_tunnel->interfaces->netlink;
	const char *name;
	struct problem ignored;
	char text[ADDR_TEXT_MAX];

	if (netlink_rules_seen(netlink, families[f], take_present_rule, &presence, &ignored) < 0 ||
		netlink_routes(netlink, &query, take_present_route, &presence, &ignored) < 0)
		return DESIRED_UNKNOWN;
	name = netlink_protocol_name(presence.writer);
	if (name)
		(void)snprintf(sight->writer, sizeof(sight->writer), "%s", name);
	for (uint32_t at = AT_BYPASS; at <= AT_END; at++) {
		(void)snprintf(sight->what, sizeof(sight->what), "IPv%d rule %u",
			families[f] == AF_INET ? 4 : 6, priority_of(full_tunnel->number, at));
		if (presence.rules[at] < wanted_rules(full_tunnel, families[f], at))
			return DESIRED_LOST;
	}
	(void)snprintf(sight->what, sizeof(sight->what), "default route of table %u",
		FULL_TUNNEL_FIRST + full_tunnel->number);
	if (!presence.unreachable)
		return DESIRED_LOST;
	if (!has_local_routes(&presence, families[f], sight))
		return DESIRED_LOST;
	if (!wants_peer(full_tunnel, f) || presence.peer)
		return DESIRED_IN_PLACE;
	(void)snprintf(sight->what, sizeof(sight->what), "route to %s",
		addr_format(presence.remote, text));
	return DESIRED_LOST;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct full_tunnel *full_tunnel = container_of(item, struct full_tunnel, item);
	enum desired_look found = DESIRED_IN_PLACE;

	if (!full_tunnel->in_force)
		return DESIRED_UNWANTED;
	item->meanwhile = full_tunnel->guard.nft ? "the firewall table holds packets back"
						 : "packets may go past the tunnel";
	for (size_t f = 0; f < FAMILIES && found == DESIRED_IN_PLACE; f++) {
		if (families[f] == AF_INET || !full_tunnel->without6)
			found = look_at_family(full_tunnel, f, sight);
	}
	return found;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	struct full_tunnel *full_tunnel = container_of(item, struct full_tunnel, item);
	int added = 0, r = add_all(full_tunnel, &added, problem);

	for (size_t f = 0; f < FAMILIES && r == 0; f++) {
		if (wants_peer(full_tunnel, f))
			r = netlink_route_add(
				full_tunnel->interfaces->netlink, &full_tunnel->peers[f], problem);
	}
	/* Without rules the table alone holds packets back, and frames of bridges with them. */
	close_guard(full_tunnel, r == 0);
	return r;
}

void full_tunnel_init(struct full_tunnel *full_tunnel, const struct settings *settings,
	struct interfaces *interfaces)
{
	*full_tunnel = (struct full_tunnel){
		.settings = settings,
		.interfaces = interfaces,
		.claim.fd = -1,
		.item = { .name = "policy rules of full tunnel", .look = look, .repair = repair },
	};
	full_tunnel_guard_init(&full_tunnel->guard, settings);
	reverse_path_init(&full_tunnel->reverse_path);
	rate_init(&full_tunnel->warnings, 1, WARNINGS_BURST, mono_now());
}

/* ---- the claim ---- */

static void reclaim(struct loop_timer *timer)
{
	struct full_tunnel *full_tunnel = container_of(timer, struct full_tunnel, reclaim);
	char name[IFNAMSIZ];
	int r = make_claim(full_tunnel, claim_name(full_tunnel->number, name));

	if (rate_take(&full_tunnel->warnings, mono_now())) {
		if (r < 0)
			log_error(
				"full tunnel: another program has removed interface %s, which marks the rules as in use, and netd cannot make it again: %s; another start of Culvert may remove the rules",
				name, error_text(r));
		else
			log_warning(
				"full tunnel: another program has removed interface %s, which marks the rules as in use; netd made it again",
				name);
	}
	if (r < 0)
		loop_timer_start(full_tunnel->loop, timer,
			mono_add(mono_now(), DURATION_S(RECLAIM_S)), reclaim);
	else
		/* a sweep may have removed the rules before */
		desired_item_touched(&full_tunnel->item);
}

static void claim_lost(struct loop_watch *watch, uint32_t events)
{
	struct full_tunnel *full_tunnel = container_of(watch, struct full_tunnel, claim);

	if ((events & EPOLLERR) == 0)
		return;
	drop_claim(full_tunnel);
	reclaim(&full_tunnel->reclaim);
}

void full_tunnel_run_in(struct full_tunnel *full_tunnel, struct loop *loop)
{
	full_tunnel->loop = loop;
}

void full_tunnel_lift(struct full_tunnel *full_tunnel)
{
	bool held = full_tunnel_holds(full_tunnel);

	if (full_tunnel->in_force) {
		delete_all(full_tunnel);
		reverse_path_restore(&full_tunnel->reverse_path);
	}
	full_tunnel_guard_lift(&full_tunnel->guard);
	if (held)
		log_notice("full tunnel: lifted");
	full_tunnel->in_force = false;
	if (full_tunnel->loop)
		loop_timer_stop(full_tunnel->loop, &full_tunnel->reclaim);
	drop_claim(full_tunnel);
	full_tunnel->claimed = false;
	full_tunnel->interfaces->table = 0; /* a reload may want a split tunnel from now on */
}

/* ---- from one run to the next ---- */

void full_tunnel_leave(struct full_tunnel *full_tunnel)
{
	full_tunnel->in_force = false;
	reverse_path_leave(&full_tunnel->reverse_path);
	full_tunnel_guard_lift(&full_tunnel->guard);
	if (full_tunnel->loop)
		loop_timer_stop(full_tunnel->loop, &full_tunnel->reclaim);
	drop_claim(full_tunnel);
	full_tunnel->claimed = false;
}

int full_tunnel_inherit(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest,
	int claim_fd, struct netlink_nft *guard, struct problem *problem)
{
	char name[IFNAMSIZ], made[IFNAMSIZ];
	int r;

	full_tunnel->guard.nft = guard;
	if (!bequest->in_force || bequest->number >= FULL_TUNNEL_COUNT) {
		if (claim_fd >= 0)
			close(claim_fd);
		return 0;
	}
	full_tunnel_recall(full_tunnel, bequest);
	r = reverse_path_inherit(
		&full_tunnel->reverse_path, bequest->relaxed, bequest->relaxed_count);
	claim_name(bequest->number, name);
	if (claim_fd >= 0 && (tun_name(claim_fd, made) < 0 || strcmp(made, name) != 0)) {
		close(claim_fd);
		claim_fd = -1;
	}
	if (r == 0 && claim_fd >= 0) {
		r = watch_claim(full_tunnel, claim_fd);
		interfaces_remember(full_tunnel->interfaces, if_nametoindex(name));
	} else if (r == 0) {
		/* Another program has removed it. */
		r = make_claim(full_tunnel, name);
	}
	if (r < 0)
		problem_set(problem, "cannot take over the full tunnel of the run before: %s",
			error_text(r));
	return r;
}

/*
 * The settings that the rules depend on are others. The firewall table has been adapted, and holds
 * packets back while there are no rules.
 */
static int make_rules_again(struct full_tunnel *full_tunnel, struct problem *problem)
{
	static const uint32_t order[] = { AT_LOOKUP, AT_BYPASS };
	struct netlink *netlink = full_tunnel->interfaces->netlink;
	int added = 0;

	for (size_t f = 0; f < FAMILIES; f++) {
		for (size_t i = 0; i < ARRAY_SIZE(order); i++)
			(void)netlink_rule_delete(netlink, families[f],
				priority_of(full_tunnel->number, order[i]), problem);
	}
	return add_all(full_tunnel, &added, problem);
}

void full_tunnel_settings_changed(struct full_tunnel *full_tunnel)
{
	struct problem problem;
	int r;

	if (!full_tunnel_holds(full_tunnel))
		return;
	r = full_tunnel_guard_renew(&full_tunnel->guard, &problem);
	if (r == 0 && full_tunnel->in_force)
		r = make_rules_again(full_tunnel, &problem);
	if (r < 0)
		log_warning("full tunnel: the changed settings: %s", problem.text);
	desired_item_touched(&full_tunnel->item);
}

int full_tunnel_adapt(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest,
	bool link, struct problem *problem)
{
	struct full_tunnel_guard *guard = &full_tunnel->guard;
	int r = 0;

	if (!link) {
		guard->index = 0;
		full_tunnel->peers[0] = full_tunnel->peers[1] = (struct netlink_route){ 0 };
	}
	if (guard->nft)
		r = full_tunnel_guard_renew(guard, problem);
	else if (full_tunnel->in_force)
		close_guard(full_tunnel, true);
	if (r == 0 && full_tunnel->in_force &&
		bequest->rules != full_tunnel_fingerprint(full_tunnel->settings))
		r = make_rules_again(full_tunnel, problem);
	return r;
}

int full_tunnel_sweep(struct netlink *netlink, struct problem *problem)
{
	char name[IFNAMSIZ];
	int swept = 0, r = 0;

	for (uint32_t number = 0; r == 0 && number < FULL_TUNNEL_COUNT; number++) {
		if (if_nametoindex(claim_name(number, name)) != 0)
			continue;
		for (size_t f = 0; r == 0 && f < FAMILIES; f++)
			r = delete_family(netlink, number, families[f], &swept, problem);
	}
	return r < 0 ? r : swept;
}

struct left {
	bool numbers[FULL_TUNNEL_COUNT]; /* those that have rules */
};

static void take_rule(void *context, uint32_t priority)
{
	struct left *left = context;
	uint32_t number;

	if (priority < FULL_TUNNEL_FIRST)
		return;
	number = (priority - FULL_TUNNEL_FIRST) / FULL_TUNNEL_PRIORITIES;
	if (number < FULL_TUNNEL_COUNT)
		left->numbers[number] = true;
}

int full_tunnel_find_left(struct netlink *netlink, uint32_t *ret_table, struct problem *problem)
{
	struct left left = { .numbers = { false } };
	char name[IFNAMSIZ];
	int r = 0;

	for (size_t f = 0; r == 0 && f < FAMILIES; f++)
		r = netlink_rules(netlink, families[f], take_rule, &left, problem);
	if (r < 0)
		return r;
	*ret_table = 0;
	for (uint32_t number = 0; *ret_table == 0 && number < FULL_TUNNEL_COUNT; number++) {
		if (left.numbers[number] && if_nametoindex(claim_name(number, name)) == 0)
			*ret_table = FULL_TUNNEL_FIRST + number;
	}
	return 0;
}
