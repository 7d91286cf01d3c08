/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/outer_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/held_routes.h"
#include "system/netlink_diag.h"
#include "system/netlink_lookup.h"
#include "system/netlink_mirror.h"
#include "system/netlink_rule.h"

static const uint8_t families[] = { AF_INET, AF_INET6 };
enum { FAMILIES = ARRAY_SIZE(families) };

enum {
	MAIN_TABLE = 254,
	MAIN_PRIORITY = 32766, /* of the kernel's own rule for it */
	RULES_MAX = 2 * (OUTER_PATH_ANNOUNCED_MAX + 2 + 2),
};

struct rules {
	struct netlink_rule items[RULES_MAX];
	size_t count;
};

/* ---- the rules ---- */

/* Adds the rule for this source, if it is one of the rule's family. *left counts down. */
static void add_source(struct rules *rules, const struct netlink_rule *rule,
	const struct prefix *source, size_t *left)
{
	if (*left == 0 || source->addr.family != rule->family || source->len == 0)
		return;
	rules->items[rules->count] = *rule;
	rules->items[rules->count++].from = *source;
	--*left;
}

static void add_announced(
	struct rules *rules, const struct netlink_rule *marked, const struct settings *settings)
{
	const struct prefix *pools[] = { &settings->pool4, &settings->pool6 };
	const struct prefix_list *own = &settings->announced_own;
	struct netlink_rule rule = *marked;
	size_t left_pools = ARRAY_SIZE(pools), left = OUTER_PATH_ANNOUNCED_MAX;

	rule.action = NETLINK_RULE_GOTO;
	rule.target = MAIN_PRIORITY;
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
		add_source(rules, &rule, pools[i], &left_pools);
	for (size_t i = 0; i < settings->announce.count; i++)
		add_source(rules, &rule, &settings->announce.items[i].prefix, &left);
	for (size_t i = 0; i < own->count; i++)
		add_source(rules, &rule, &own->items[i], &left);
}

/*
 * While routes are held. The exceptions have a priority of their own: so their order does not
 * depend on which of several Culverts has added its part first.
 */
static void add_held(
	struct rules *rules, const struct netlink_rule *marked, const struct settings *settings)
{
	struct netlink_rule rule = *marked;

	rule.priority = OUTER_PATH_HELD - 1;
	if (settings->role == SETTINGS_SERVER)
		add_announced(rules, &rule, settings);
	rule.priority = OUTER_PATH_HELD;
	rule.action = NETLINK_RULE_LOOKUP;
	rule.table = OUTER_PATH_TABLE;
	rules->items[rules->count++] = rule;
}

static void add_marked(
	struct rules *rules, const struct netlink_rule *marked, const struct settings *settings)
{
	struct netlink_rule rule = *marked;

	if (settings->role == SETTINGS_SERVER)
		add_announced(rules, marked, settings);
	rule.action = NETLINK_RULE_LOOKUP;
	rule.table = MAIN_TABLE;
	rule.without_group = INTERFACES_GROUP;
	rules->items[rules->count++] = rule;
	rule.table = OUTER_PATH_TABLE;
	rule.without_group = 0;
	rules->items[rules->count++] = rule;
}

/*
 * Lists the rules in their order of evaluation: the kernel keeps the order among rules of one
 * priority.
 */
static void list_rules(struct rules *rules, const struct settings *settings, uint8_t family,
	void (*add)(struct rules *rules, const struct netlink_rule *marked,
		const struct settings *settings))
{
	struct netlink_rule marked = { .family = family,
		.priority = OUTER_PATH_PRIORITY,
		.mark = SETTINGS_MARK_DEFAULT & SETTINGS_MARK_MASK,
		.mask = SETTINGS_MARK_MASK };
	uint32_t own = settings_mark(settings);

	rules->count = 0;
	add(rules, &marked, settings);
	if ((own & marked.mask) == marked.mark)
		return;
	marked.mark = own;
	marked.mask = UINT32_MAX;
	add(rules, &marked, settings);
}

static int add_rules(const struct rules *rules, struct netlink *netlink, size_t *ret_added,
	struct problem *problem)
{
	*ret_added = 0;
	for (size_t i = 0; i < rules->count; i++) {
		int r = netlink_rule_add(netlink, &rules->items[i], problem);

		if (r < 0 && r != -EEXIST)
			return r;
		*ret_added += r == 0;
	}
	return 0;
}

/* True: nothing is left, or the kernel cannot have any. */
static bool is_gone(int r)
{
	return r == 0 || r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP;
}

/* *found: there were some. */
static int delete_rules(struct netlink *netlink, uint8_t family, uint32_t priority, bool *found,
	struct problem *problem)
{
	int r = netlink_rule_delete(netlink, family, priority, problem);

	*found |= r == 0;
	return is_gone(r) ? 0 : r;
}

/* The lookup goes first, and its exceptions then. */
static int delete_held_rules(
	struct netlink *netlink, uint8_t family, bool *found, struct problem *problem)
{
	int r = delete_rules(netlink, family, OUTER_PATH_HELD, found, problem);

	return r < 0 ? r : delete_rules(netlink, family, OUTER_PATH_HELD - 1, found, problem);
}

/* A new rule comes after the present ones, so when some are missing all are made again. */
static int put_rules(const struct outer_path *outer_path, uint8_t family, struct problem *problem)
{
	struct netlink *netlink = outer_path->interfaces->netlink;
	bool found = false;
	struct problem ignored;
	struct rules rules;
	size_t added;
	int r = 0;

	if (outer_path->held) {
		list_rules(&rules, outer_path->settings, family, add_held);
		r = add_rules(&rules, netlink, &added, problem);
	}
	if (r < 0 || !outer_path->in_force)
		return r;
	list_rules(&rules, outer_path->settings, family, add_marked);
	r = add_rules(&rules, netlink, &added, problem);
	if (r < 0 || added == 0 || added == rules.count)
		return r;
	(void)delete_rules(netlink, family, OUTER_PATH_PRIORITY, &found, &ignored);
	return add_rules(&rules, netlink, &added, problem);
}

/* ---- the table ---- */

static bool is_own(const void *context, uint32_t index)
{
	return interfaces_is_own(context, index);
}

/* The table comes first, so that no rule leads to a table that is still empty. */
static int put_family(const struct outer_path *outer_path, uint8_t family, struct problem *problem)
{
	const struct interfaces *interfaces = outer_path->interfaces;
	struct problem ignored;
	int r = netlink_mirror(
		interfaces->netlink, family, OUTER_PATH_TABLE, is_own, interfaces, problem);

	/* An old copy would be worse than none, which leads on to the main table. */
	if (r == -E2BIG)
		(void)netlink_mirror_clear(interfaces->netlink, family, OUTER_PATH_TABLE, &ignored);
	return r < 0 ? r : put_rules(outer_path, family, problem);
}

/* Puts rules and table of both families, and returns the first error. */
static int put_all(const struct outer_path *outer_path, struct problem *problem)
{
	int first = 0;

	for (size_t i = 0; i < FAMILIES; i++) {
		struct problem why;
		int r = put_family(outer_path, families[i], &why);

		/* Without the family no packet can take a wrong path. */
		if (r == 0 || r == -EAFNOSUPPORT || first < 0)
			continue;
		first = r;
		*problem = why;
	}
	return first;
}

static void put(struct outer_path *outer_path)
{
	struct problem problem;
	int r = put_all(outer_path, &problem);

	if (r == 0 || r == -EAGAIN || outer_path->logged)
		return;
	outer_path->logged = true;
	log_warning(
		"%s; if the server's address lies inside a tunnel's route, the connection to it goes into the tunnel and fails",
		problem.text);
}

static void update(struct loop_timer *timer)
{
	put(container_of(timer, struct outer_path, gathering));
}

/* ---- the desired state ---- */

static void count_rule(void *context, uint32_t priority)
{
	size_t *count = context;

	*count += priority >= OUTER_PATH_HELD - 1 && priority <= OUTER_PATH_PRIORITY;
}

/* Returns how many rules of the family should be there. */
static size_t count_wanted(const struct outer_path *outer_path, uint8_t family)
{
	struct rules rules;
	size_t count = 0;

	if (outer_path->held) {
		list_rules(&rules, outer_path->settings, family, add_held);
		count += rules.count;
	}
	if (outer_path->in_force) {
		list_rules(&rules, outer_path->settings, family, add_marked);
		count += rules.count;
	}
	return count;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct outer_path *outer_path = container_of(item, struct outer_path, item);
	struct problem ignored;

	if ((!outer_path->in_force && !outer_path->held) || outer_path->logged)
		return DESIRED_UNWANTED;
	for (size_t i = 0; i < FAMILIES; i++) {
		size_t count = 0;

		if (netlink_rules(outer_path->interfaces->netlink, families[i], count_rule, &count,
			    &ignored) < 0)
			return DESIRED_UNKNOWN;
		(void)snprintf(sight->what, sizeof(sight->what), "IPv%d rules %d to %d",
			families[i] == AF_INET ? 4 : 6, OUTER_PATH_HELD - 1, OUTER_PATH_PRIORITY);
		/* A kernel without IPv6 has none of them. */
		if (count < count_wanted(outer_path, families[i]) &&
			(families[i] == AF_INET || count > 0))
			return DESIRED_LOST;
	}
	return DESIRED_IN_PLACE;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	return put_all(container_of(item, struct outer_path, item), problem);
}

/* ---- in force ---- */

static void monitor_end(struct outer_path *outer_path)
{
	if (!outer_path->monitor)
		return;
	loop_watch_remove(outer_path->loop, &outer_path->watch);
	netlink_monitor_close(outer_path->monitor);
	outer_path->monitor = NULL;
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct outer_path *outer_path = container_of(watch, struct outer_path, watch);
	bool changed = false;
	int r = netlink_monitor_read(outer_path->monitor, is_own, outer_path->interfaces, &changed);

	(void)events;
	if (r < 0) {
		log_warning("netd cannot follow changes of this host's routes any more: %s",
			error_text(r));
		monitor_end(outer_path);
		changed = true;
	}
	if (changed && !outer_path->gathering.running)
		loop_timer_start(outer_path->loop, &outer_path->gathering,
			mono_add(mono_now(), DURATION_MS(OUTER_PATH_GATHER_MS)), update);
}

static int monitor_begin(struct outer_path *outer_path, struct problem *problem)
{
	int r = netlink_monitor_open(&outer_path->monitor, problem);

	if (r < 0) {
		outer_path->monitor = NULL;
		return r;
	}
	r = loop_watch_add(outer_path->loop, &outer_path->watch,
		netlink_monitor_fd(outer_path->monitor), EPOLLIN, monitor_ready);
	if (r < 0) {
		problem_set(problem, "cannot watch this host's routes: %s", error_text(r));
		monitor_end(outer_path);
	}
	return r;
}

/* Puts rules into the kernel. The monitor comes first, so that no change is missed. */
static void follow(struct outer_path *outer_path)
{
	struct problem problem;

	if (!outer_path->monitor && monitor_begin(outer_path, &problem) < 0)
		log_warning("%s; outer connections do not follow their changes", problem.text);
	put(outer_path);
}

static void begin(struct outer_path *outer_path, const struct addr *other)
{
	char text[ADDR_TEXT_MAX];

	outer_path->in_force = true;
	log_notice("an outer connection leads to %s, which is inside a route of a tunnel: "
		   "policy rules keep outer connections out of tunnels from now on",
		addr_format(other, text));
	follow(outer_path);
}

/* ---- whether the rules are needed ---- */

/*
 * A client's addresses are checked before it gets them (netd/address_check); a server's peers get
 * theirs from its pools.
 */
static bool may_take_paths(const struct outer_path *outer_path, const struct interface *interface)
{
	return interface->netns.inode == 0 && outer_path->interfaces->table == 0 &&
		(interface->route_count > 0 || outer_path->settings->role == SETTINGS_SERVER);
}

static bool is_needed(const struct outer_path *outer_path)
{
	for (const struct interface *i = outer_path->interfaces->first; i; i = i->next) {
		if (may_take_paths(outer_path, i))
			return true;
	}
	return false;
}

static bool leads_into_a_tunnel(const struct interfaces *interfaces, const struct addr *other)
{
	static const struct netns_id here; /* all zero */
	struct problem ignored;
	struct netlink_way way;

	return netlink_lookup(interfaces->netlink, other, &way, &ignored) == 0 &&
		interfaces_have_link(interfaces, &here, way.index);
}

/*
 * Lists the peers of marked connections; the caller frees *addrs. netd/needs has logged what cannot
 * be read.
 */
static void list_connections(const struct outer_path *outer_path, enum netlink_diag_which which,
	struct addr **addrs, size_t *count)
{
	uint32_t own = settings_mark(outer_path->settings);
	struct problem ignored;
	int r = netlink_diag_connections(which, SETTINGS_MARK_DEFAULT & SETTINGS_MARK_MASK,
		SETTINGS_MARK_MASK, addrs, count, &ignored);

	if (r == 0 && (own & SETTINGS_MARK_MASK) != (SETTINGS_MARK_DEFAULT & SETTINGS_MARK_MASK))
		(void)netlink_diag_connections(which, own, UINT32_MAX, addrs, count, &ignored);
}

static void poll_connections(struct outer_path *outer_path)
{
	struct addr *addrs = NULL;
	size_t count = 0;

	list_connections(outer_path, NETLINK_DIAG_OPENING, &addrs, &count);
	if (count > OUTER_PATH_OPENING_MAX)
		count = OUTER_PATH_OPENING_MAX;
	for (size_t i = 0; i < count && !outer_path->in_force; i++) {
		if (leads_into_a_tunnel(outer_path->interfaces, &addrs[i]))
			begin(outer_path, &addrs[i]);
	}
	free(addrs);
}

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/* Finds a peer's tunnel address that is also the outer address of an open connection. */
static void check_addresses(struct outer_path *outer_path)
{
	struct addr *addrs = NULL;
	size_t count = 0;

	list_connections(outer_path, NETLINK_DIAG_PROVEN, &addrs, &count);
	if (count > 0)
		qsort(addrs, count, sizeof(addrs[0]), compare);
	for (const struct interface *i = outer_path->interfaces->first; i; i = i->next) {
		const struct addr *const remotes[] = { &i->now.remote4, &i->now.remote6 };

		for (size_t j = 0; j < ARRAY_SIZE(remotes); j++) {
			if (count > 0 && !outer_path->in_force && i->netns.inode == 0 &&
				bsearch(remotes[j], addrs, count, sizeof(addrs[0]), compare))
				begin(outer_path, remotes[j]);
		}
	}
	free(addrs);
}

/* ---- held routes ---- */

/*
 * A connection that was made while the peer's routes were held may lead into one of them now. No
 * packet of it was lost, so poll_connections() has not seen it.
 */
static void check_open(struct outer_path *outer_path)
{
	struct addr *addrs = NULL;
	size_t count = 0;

	list_connections(outer_path, NETLINK_DIAG_PROVEN, &addrs, &count);
	list_connections(outer_path, NETLINK_DIAG_OPENING, &addrs, &count);
	for (size_t i = 0; i < count && !outer_path->in_force; i++) {
		if (leads_into_a_tunnel(outer_path->interfaces, &addrs[i]))
			begin(outer_path, &addrs[i]);
	}
	free(addrs);
}

/* Removes what only the held routes have needed. */
static void end_hold(struct outer_path *outer_path)
{
	struct netlink *netlink = outer_path->interfaces->netlink;
	struct problem problem;
	bool found = false;
	int r = 0;

	check_open(outer_path);
	if (!outer_path->in_force)
		monitor_end(outer_path);
	for (size_t i = 0; i < FAMILIES && r == 0; i++) {
		r = delete_held_rules(netlink, families[i], &found, &problem);
		if (r == 0 && !outer_path->in_force)
			r = netlink_mirror_clear(netlink, families[i], OUTER_PATH_TABLE, &problem);
	}
	if (r < 0)
		log_warning("%s", problem.text);
}

void outer_path_hold(struct outer_path *outer_path)
{
	static const struct netns_id here; /* all zero */
	bool held = outer_path->loop && outer_path->interfaces->table == 0 &&
		held_routes_any(outer_path->interfaces, &here);

	if (!outer_path->loop || held == outer_path->held)
		return;
	outer_path->held = held;
	if (held)
		follow(outer_path);
	else
		end_hold(outer_path);
}

/* ---- looking again ---- */

static void poll_later(struct outer_path *outer_path);

static void poll_due(struct loop_timer *timer)
{
	struct outer_path *outer_path = container_of(timer, struct outer_path, polling);

	if (outer_path->in_force || !is_needed(outer_path))
		return;
	poll_connections(outer_path);
	if (outer_path->made && !outer_path->in_force)
		check_addresses(outer_path);
	outer_path->made = false;
	poll_later(outer_path);
}

static void poll_later(struct outer_path *outer_path)
{
	loop_timer_start(outer_path->loop, &outer_path->polling,
		mono_add(mono_now(), DURATION_MS(OUTER_PATH_POLL_MS)), poll_due);
}

void outer_path_follow(struct outer_path *outer_path, const struct interface *interface, bool made)
{
	/* A full tunnel's routes are in a table that no rule uses for marked packets. */
	if (!outer_path->loop || outer_path->in_force || !may_take_paths(outer_path, interface))
		return;
	outer_path->made |= made;
	if (!outer_path->polling.running)
		poll_later(outer_path);
}

void outer_path_start(struct outer_path *outer_path, struct loop *loop,
	const struct settings *settings, struct interfaces *interfaces)
{
	struct problem problem;

	*outer_path = (struct outer_path){ .settings = settings,
		.interfaces = interfaces,
		.in_force = outer_path->in_force,
		.held = outer_path->held,
		.watch.fd = -1,
		.item = { .name = "policy rules of outer connections",
			.meanwhile = "outer connections may enter a tunnel",
			.look = look,
			.repair = repair } };
	if (settings->contained)
		return;
	outer_path->loop = loop;
	if (outer_path->in_force || outer_path->held)
		follow(outer_path);
	else if (outer_path_sweep(interfaces->netlink, &problem) < 0)
		log_warning("%s", problem.text);
}

/* ---- the end ---- */

int outer_path_sweep(struct netlink *netlink, struct problem *problem)
{
	bool found = false;

	for (size_t i = 0; i < FAMILIES; i++) {
		int r = delete_held_rules(netlink, families[i], &found, problem);

		if (r == 0)
			r = delete_rules(
				netlink, families[i], OUTER_PATH_PRIORITY, &found, problem);
		if (r < 0)
			return r;
		r = netlink_mirror_clear(netlink, families[i], OUTER_PATH_TABLE, problem);
		if (r < 0)
			return r;
	}
	return found;
}

void outer_path_stop(struct outer_path *outer_path)
{
	struct problem problem;

	if (!outer_path->loop)
		return;
	loop_timer_stop(outer_path->loop, &outer_path->polling);
	loop_timer_stop(outer_path->loop, &outer_path->gathering);
	monitor_end(outer_path);
	if ((outer_path->in_force || outer_path->held) &&
		outer_path_sweep(outer_path->interfaces->netlink, &problem) < 0)
		log_warning("%s", problem.text);
	outer_path->loop = NULL;
}
