/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/route_check.h"

#include <errno.h>

#include "base/fingerprint.h"
#include "base/log.h"
#include "netd/interface_routes.h"

static void gather_needs(struct route_check *check, struct needs *ret_needs)
{
	const struct nameservers *pushed = check->dns->way != DNS_NONE ? &check->dns->nameservers
								       : NULL;
	struct problem problem;

	needs_gather(check->settings, pushed, ret_needs, &problem);
	if (problem.text[0] != '\0' && !check->logged_needs) {
		log_warning(
			"%s; a route may take the path that a tunnel itself needs", problem.text);
		check->logged_needs = true;
	}
}

int route_check_look_around(struct route_check *check, const struct interface *interface,
	struct route_surroundings *ret_around, struct problem *problem)
{
	int r;

	*ret_around = (struct route_surroundings){ .netlink = NULL };
	r = interfaces_enter(check->interfaces, interface, &ret_around->netlink, problem);
	if (r == 0)
		r = on_link_read(&ret_around->on_link, check->interfaces, &interface->netns,
			ret_around->netlink, problem);
	/*
	 * Routes in a foreign namespace capture no path here. Nor do those of a full tunnel, since
	 * marked packets do not use its table, and all other packets of this host are meant to use
	 * it.
	 */
	if (r == 0 && interface->netns.inode == 0 && check->interfaces->table == 0)
		gather_needs(check, &ret_around->needs);
	return r;
}

void route_check_free(struct route_surroundings *around)
{
	on_link_free(&around->on_link);
	needs_free(&around->needs);
}

/*
 * `override_routes`: the user wants an on-link network, or a part of it, in the tunnel. In the main
 * table a route to exactly that network would have no effect, beside the kernel's own.
 */
static bool is_overridden(const struct route_check *check, const struct route_surroundings *around,
	const struct prefix *prefix)
{
	const struct prefix_list *list = &check->settings->override_routes;

	for (size_t i = 0; i < list->count; i++) {
		if (prefix_contains(&list->items[i], prefix))
			return check->interfaces->table != 0 ||
				!on_link_is_network(&around->on_link, prefix);
	}
	return false;
}

enum route_verdict route_check_judge(const struct route_check *check,
	const struct interface *interface, const struct route_surroundings *around,
	const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = policy_route(check->settings, interface, prefix);

	if (verdict != ROUTE_ACCEPTED)
		return verdict;
	if (needs_judge_route(&around->needs, check->interfaces, around->netlink, prefix, why) < 0)
		return ROUTE_OUTER;
	if (is_overridden(check, around, prefix))
		return ROUTE_ACCEPTED;
	return on_link_judge_route(&around->on_link, prefix, why) < 0 ? ROUTE_LOCAL
								      : ROUTE_ACCEPTED;
}

/* ---- installed routes ---- */

/* Of an address with a length. These are added up, since their order does not matter. */
static uint64_t fingerprint_of(uint32_t link, const struct addr *addr, uint8_t len)
{
	uint64_t sum = fingerprint_add(FINGERPRINT_OF_NOTHING, &link, sizeof(link));

	sum = fingerprint_add(sum, &len, sizeof(len));
	return fingerprint_add(sum, addr->bytes, addr_size(addr));
}

/* Never 0. */
static uint64_t fingerprint(const struct route_surroundings *around)
{
	const struct on_link *on_link = &around->on_link;
	uint64_t sum = 0;

	for (size_t i = 0; i < on_link->count; i++) {
		const struct netlink_address *here = &on_link->addresses[i];

		if (interfaces_have_link(on_link->interfaces, on_link->netns, here->index))
			continue;
		sum += fingerprint_of(here->index, &here->prefix.addr, here->prefix.len);
		sum += fingerprint_of(here->index, &here->peer.addr, here->peer.len);
	}
	for (size_t i = 0; i < around->needs.count; i++)
		sum += fingerprint_of(0, &around->needs.items[i].addr, 0);
	return sum | 1;
}

/*
 * An outer connection that has come after a route is kept out of tunnels by netd/outer_path, so it
 * is no reason to remove the route.
 */
static void forget_connections(struct needs *needs)
{
	size_t kept = 0;

	for (size_t i = 0; i < needs->count; i++) {
		if (needs->items[i].kind != NEED_CONNECTION)
			needs->items[kept++] = needs->items[i];
	}
	needs->count = kept;
}

/* What one call of route_check_again() goes by. */
struct again {
	struct route_check *check;
	int (*removed)(void *context, const struct route_judged *judged);
	void *context;
};

/* Backwards, as a removal puts the last route in the place of the removed one. */
static void judge_interface(const struct again *again, struct interface *interface,
	const struct route_surroundings *around)
{
	struct interfaces *interfaces = again->check->interfaces;
	char text[ADDR_TEXT_MAX];

	for (size_t i = interface->route_count; i > 0; i--) {
		struct route_judged judged = { .interface = interface->number,
			.prefix = interface->routes[i - 1],
			.why.text = "" };
		struct problem problem;

		judged.verdict = route_check_judge(
			again->check, interface, around, &judged.prefix, &judged.why);
		if (judged.verdict == ROUTE_ACCEPTED)
			continue;
		/* The engine has to know, or its status would claim that the route is there. */
		if (again->removed(again->context, &judged) < 0) {
			again->check->seen = 0; /* the next change tries again */
			continue;
		}
		log_warning(
			"%s: %s loses the route to %s, as this host's networks or the configuration have changed: %s%s%s",
			interface->now.peer.name, interface->name,
			prefix_format(&judged.prefix, text), route_verdict_text(judged.verdict),
			judged.why.text[0] != '\0' ? ": " : "", judged.why.text);
		if (interface_route_delete(interfaces, interface, &judged.prefix, &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}

bool route_check_again(struct route_check *check,
	int (*removed)(void *context, const struct route_judged *judged), void *context)
{
	const struct again again = { check, removed, context };
	struct interfaces *interfaces = check->interfaces;
	const struct interface *home = interfaces->first;
	struct route_surroundings around;
	struct problem problem;
	bool changed = false;

	/* netd has no notice of the networks of foreign namespaces. */
	while (home && home->netns.inode != 0)
		home = home->next;
	if (!home)
		return false;
	if (route_check_look_around(check, home, &around, &problem) < 0) {
		log_warning("%s: the routes are not judged again", problem.text);
		interfaces_leave(interfaces);
		return false;
	}
	forget_connections(&around.needs);
	changed = check->seen != fingerprint(&around);
	check->seen = fingerprint(&around);
	for (struct interface *i = interfaces->first; i && changed; i = i->next) {
		if (i->netns.inode == 0)
			judge_interface(&again, i, &around);
	}
	route_check_free(&around);
	interfaces_leave(interfaces);
	return changed;
}
