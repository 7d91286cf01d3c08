/* SPDX-License-Identifier: Apache-2.0 */
#include "client/doctor.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "netd/local_bridges.h"
#include "system/netlink_lookup.h"
#include "system/netlink_rule.h"

/*
 * Where this host's packets go. It checks whether the server's resolvers answer, and whose policy
 * rules come before those of a full tunnel or before a split tunnel's routes. It also names those
 * of the host's own networks that a full tunnel cuts off.
 */

enum {
	DNS_PORT = 53,
	DNS_PATIENCE_MS = 2000, /* for all resolvers together */
	DNS_ASKS = 2,           /* times, as UDP may lose one */
	DNS_ANSWER_LEAST = 12,  /* bytes: the header, RFC 1035, section 4.1.1 */
	RULES_SHOWN_MAX = 8,
	MAIN_PRIORITY = 32766, /* of the kernel's own rule for the main table */
};

/* ---- resolvers ---- */

/* The name servers of the root: every resolver answers, if only to refuse. */
static const uint8_t question[] = {
	0x63, 0x76,             /* the identifier, which the answer repeats */
	0x01, 0x00,             /* recursion desired */
	0, 1, 0, 0, 0, 0, 0, 0, /* one question */
	0, 0, 2, 0, 1,          /* the root, NS, IN */
};

struct asked {
	int fd;    /* -1: none, and `error` says why */
	int error; /* positive errno; 0: no answer so far, or one that came */
	bool answered;
};

static void ask(const struct addr *resolver, struct asked *asked)
{
	struct endpoint endpoint = { .addr = *resolver, .port = DNS_PORT };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &sa);

	asked->fd = socket(resolver->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (asked->fd < 0 || connect(asked->fd, (const struct sockaddr *)&sa, len) < 0)
		asked->error = errno;
}

static void take_reply(struct asked *asked)
{
	uint8_t reply[512];
	ssize_t len = recv(asked->fd, reply, sizeof(reply), 0);

	if (len >= DNS_ANSWER_LEAST && memcmp(reply, question, 2) == 0)
		asked->answered = true;
	else if (len < 0 && errno != EAGAIN && errno != EINTR)
		asked->error = errno;
}

/* Waits until all have answered or failed, or the time is over. */
static void await_replies(struct asked *asked, size_t count, struct mono deadline)
{
	for (;;) {
		struct pollfd fds[NAMESERVERS_MAX];
		int64_t left = duration_ms(mono_since(deadline, mono_now()));
		size_t open = 0;

		for (size_t i = 0; i < count; i++) {
			bool waits = asked[i].error == 0 && !asked[i].answered;

			fds[i] = (struct pollfd){ .fd = waits ? asked[i].fd : -1,
				.events = POLLIN };
			open += waits;
		}
		if (open == 0 || left <= 0 || poll(fds, count, (int)left) <= 0)
			return;
		for (size_t i = 0; i < count; i++) {
			if (fds[i].revents != 0)
				take_reply(&asked[i]);
		}
	}
}

static void ask_all(const struct doctor_facts *facts, struct asked *asked)
{
	size_t count = facts->resolver_count;

	for (size_t i = 0; i < count; i++)
		ask(&facts->resolvers[i].addr, &asked[i]);
	for (int n = 0; n < DNS_ASKS; n++) {
		for (size_t i = 0; i < count; i++) {
			if (asked[i].error == 0 && !asked[i].answered &&
				send(asked[i].fd, question, sizeof(question), MSG_NOSIGNAL) < 0)
				asked[i].error = errno;
		}
		await_replies(asked, count,
			mono_add(mono_now(), DURATION_MS(DNS_PATIENCE_MS / DNS_ASKS)));
	}
	for (size_t i = 0; i < count; i++) {
		if (asked[i].fd >= 0)
			close(asked[i].fd);
	}
}

/* The interface by which the kernel reaches it; "": by none. */
static const char *interface_to(
	struct netlink *netlink, const struct addr *addr, char name[static IF_NAMESIZE])
{
	struct netlink_way way;

	if (netlink_lookup(netlink, addr, &way, NULL) < 0 || !if_indextoname(way.index, name))
		name[0] = '\0';
	return name;
}

static void judge_resolver(struct netlink *netlink, const struct doctor_facts *facts,
	const struct doctor_resolver *resolver, const struct asked *asked,
	struct findings *findings)
{
	const char *tunnel = facts->tunnels[resolver->tunnel];
	char text[ADDR_TEXT_MAX], name[IF_NAMESIZE];
	bool by_tunnel = strcmp(interface_to(netlink, &resolver->addr, name), tunnel) == 0;

	(void)addr_format(&resolver->addr, text);
	if (asked->answered && by_tunnel)
		findings_add(findings, FINDING_OK, "dns",
			"the server's resolver %s answers through %s", text, tunnel);
	else if (asked->answered)
		findings_add(findings, FINDING_NOTE, "dns",
			"the server's resolver %s answers, but by %s instead of %s: anybody there sees the names that this host looks up, and may answer",
			text, name, tunnel);
	else if (by_tunnel)
		findings_add(findings, FINDING_PROBLEM, "dns",
			"the server's resolver %s does not answer through %s (%s), so names are not resolved; make the server announce its network and let it answer, or set use_dns = false in the profile and start the client again",
			text, tunnel,
			asked->error != 0 ? error_text(asked->error) : "no answer in time");
	else
		findings_add(findings, FINDING_PROBLEM, "dns",
			"this host reaches the server's resolver %s by %s instead of %s, and it does not answer there (%s), so names are not resolved; leave that network, or set use_dns = false in the profile and start the client again",
			text, name[0] ? name : "no interface", tunnel,
			asked->error != 0 ? error_text(asked->error) : "no answer in time");
}

static void examine_resolvers(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	struct asked asked[NAMESERVERS_MAX] = { { .answered = false } };

	if (facts->resolver_count == 0)
		return;
	ask_all(facts, asked);
	for (size_t i = 0; i < facts->resolver_count; i++)
		judge_resolver(netlink, facts, &facts->resolvers[i], &asked[i], findings);
}

/* ---- policy rules ---- */

/* The rules of a family: where ours begin, and those of others before. */
struct rules {
	uint32_t ours; /* priority of the first; UINT32_MAX: none */
	struct netlink_rule_seen foreign[RULES_SHOWN_MAX];
	size_t count;
};

static void take_rule(void *context, const struct netlink_rule_seen *seen)
{
	struct rules *rules = context;

	if (seen->ours && seen->priority < rules->ours)
		rules->ours = seen->priority;
	if (!seen->ours && seen->diverts && seen->table != RT_TABLE_LOCAL &&
		rules->count < RULES_SHOWN_MAX)
		rules->foreign[rules->count++] = *seen;
}

static size_t report_rules(const struct rules *rules, int family, struct findings *findings)
{
	int number = family == AF_INET ? 4 : 6;
	size_t found = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct netlink_rule_seen *seen = &rules->foreign[i];

		if (seen->priority >= rules->ours)
			continue;
		found++;
		finding_cure(
			findings_add(findings, seen->conditional ? FINDING_NOTE : FINDING_PROBLEM,
				"policy_rules",
				"another program's IPv%d policy rule %u comes before the full tunnel's: %s that table %u has a route for do not enter the tunnel, and its firewall table refuses them",
				number, seen->priority,
				seen->conditional ? "packets that meet its conditions and"
						  : "packets",
				seen->table),
			"ip -%d rule del priority %u", number, seen->priority);
	}
	return found;
}

/* True: packets to the prefix take a route of that table, by the rules of this moment. */
static bool is_diverted(struct netlink *netlink, const struct prefix *prefix, uint32_t table)
{
	struct addr inside = prefix->addr;
	struct netlink_way way;

	/* The first address of a network may be its broadcast address. */
	if (prefix->len + 1u < 8 * addr_size(&prefix->addr))
		(void)addr_add(&prefix->addr, 1, &inside);
	return netlink_lookup(netlink, &inside, &way, NULL) == 0 && way.table == table;
}

struct overlap {
	const struct prefix *prefix;
	bool found;
};

static void take_overlap(void *context, const struct netlink_seen_route *route)
{
	struct overlap *overlap = context;

	overlap->found |= prefix_overlaps(&route->prefix, overlap->prefix);
}

static bool has_route_into(struct netlink *netlink, const struct prefix *prefix, uint32_t table)
{
	struct netlink_query query = { .family = prefix->addr.family, .table = table };
	struct overlap overlap = { .prefix = prefix };

	return netlink_routes(netlink, &query, take_overlap, &overlap, NULL) == 0 && overlap.found;
}

/*
 * Judges a rule before the main table, where a split tunnel's routes are. One for some packets only
 * may take others than the unmarked ones that the kernel was asked about. Returns true for a
 * finding.
 */
static bool judge_rule(struct netlink *netlink, const struct doctor_facts *facts, uint8_t family,
	const struct netlink_rule_seen *seen, struct findings *findings)
{
	int number = family == AF_INET ? 4 : 6;

	for (size_t i = 0; i < facts->route_count; i++) {
		const struct doctor_route *route = &facts->routes[i];
		char text[ADDR_TEXT_MAX];
		bool diverted;

		if (route->prefix.addr.family != family)
			continue;
		diverted = is_diverted(netlink, &route->prefix, seen->table);
		if (!diverted &&
			!(seen->conditional &&
				has_route_into(netlink, &route->prefix, seen->table)))
			continue;
		finding_cure(
			findings_add(findings, diverted ? FINDING_PROBLEM : FINDING_NOTE,
				"policy_rules",
				"another program's IPv%d policy rule %u comes before the main table, where the tunnels' routes are: %sto %s take table %u and do not enter %s",
				number, seen->priority,
				diverted ? "packets " : "packets that meet its conditions and go ",
				prefix_format(&route->prefix, text), seen->table,
				facts->tunnels[route->tunnel]),
			"ip -%d rule del priority %u", number, seen->priority);
		return true;
	}
	return false;
}

static size_t judge_rules(struct netlink *netlink, const struct doctor_facts *facts, uint8_t family,
	const struct rules *rules, struct findings *findings)
{
	size_t found = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct netlink_rule_seen *seen = &rules->foreign[i];

		if (seen->priority < MAIN_PRIORITY && seen->table != RT_TABLE_MAIN &&
			seen->table != RT_TABLE_UNSPEC)
			found += judge_rule(netlink, facts, family, seen, findings);
	}
	return found;
}

static void examine_rules(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct problem problem;
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct rules rules = { .ours = UINT32_MAX };

		if (netlink_rules_seen(netlink, families[i], take_rule, &rules, &problem) < 0) {
			findings_add(findings, FINDING_NOTE, "policy_rules", "%s", problem.text);
			return;
		}
		if (!facts->full_tunnel)
			found += judge_rules(netlink, facts, families[i], &rules, findings);
		else if (rules.ours != UINT32_MAX)
			found += report_rules(&rules, families[i], findings);
	}
	if (found == 0)
		findings_add(findings, FINDING_OK, "policy_rules",
			facts->full_tunnel
				? "no policy rule of another program comes before the full tunnel's"
				: "no policy rule of another program keeps packets out of the tunnels");
}

/* ---- networks that a full tunnel cuts off ---- */

/* Some other host of the network, and not its broadcast addresses. */
static struct addr neighbour_of(const struct prefix *own)
{
	struct addr addr = own->addr;
	size_t host_bits = 8 * addr_size(&addr) - own->len;
	uint8_t mask = (uint8_t)(host_bits >= 8 ? 0xffu : (1u << host_bits) - 1);
	uint8_t *last = &addr.bytes[addr_size(&addr) - 1];

	*last ^= 3;
	if ((*last & mask) == 0 || (*last & mask) == mask)
		*last ^= 2;
	return addr;
}

static bool is_tunnel(const struct doctor_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->tunnel_count; i++) {
		if (strcmp(facts->tunnels[i], name) == 0)
			return true;
	}
	return false;
}

static bool is_cut_off(struct netlink *netlink, const struct doctor_facts *facts,
	const struct netlink_address *address, char name[static IF_NAMESIZE])
{
	struct addr neighbour = neighbour_of(&address->prefix);
	struct netlink_way way;
	bool up = false;
	uint32_t mtu;

	if (address->prefix.len + 1u >= 8 * addr_size(&address->prefix.addr) ||
		addr_is_loopback(&address->prefix.addr) ||
		addr_is_link_local(&address->prefix.addr) ||
		!if_indextoname(address->index, name) || is_tunnel(facts, name) ||
		netlink_link_state(netlink, address->index, &up, &mtu, NULL, NULL) < 0 || !up)
		return false;
	return netlink_lookup(netlink, &neighbour, &way, NULL) < 0 || way.index != address->index;
}

/* A note, as a full tunnel is meant to do this: but few expect it of their containers. */
static void examine_cut_off(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	struct netlink_address *addresses = NULL;
	char name[IF_NAMESIZE], text[ADDR_TEXT_MAX], bypass[ADDR_TEXT_MAX + 32];
	struct problem problem;
	size_t count = 0, found = 0;

	if (netlink_addresses(netlink, &addresses, &count, &problem) < 0) {
		findings_add(findings, FINDING_NOTE, "cut_off", "%s", problem.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct prefix network = prefix_network(&addresses[i].prefix);

		if (!is_cut_off(netlink, facts, &addresses[i], name))
			continue;
		found++;
		prefix_format(&network, text);
		(void)snprintf(bypass, sizeof(bypass), "bypass = [ \"%s\" ];", text);
		findings_add(findings, FINDING_NOTE, "cut_off",
			"the full tunnel cuts off %s: packets to %s do not leave by it; to reach it, add to the profile and start the client again: %s",
			name, text,
			local_bridges_ask(netlink, addresses[i].index)
				? "bypass_local_bridges = true;"
				: bypass);
	}
	free(addresses);
	if (found == 0)
		findings_add(findings, FINDING_OK, "cut_off",
			"the full tunnel cuts off no network of this host");
}

void doctor_examine_ways(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	examine_resolvers(netlink, facts, findings);
	if (facts->full_tunnel || facts->route_count > 0)
		examine_rules(netlink, facts, findings);
	if (facts->full_tunnel)
		examine_cut_off(netlink, facts, findings);
}
