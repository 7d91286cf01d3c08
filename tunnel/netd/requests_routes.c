/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/requests_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "netd/interface_routes.h"
#include "netd/policy.h"

/* The addresses of the interface's namespace as they were at the beginning of a request. */
struct on_link {
	const struct netns_id *netns;
	struct netlink_address *addresses; /* freed by the owner */
	size_t count;
};

/*
 * A network that this host is connected to otherwise must not move into a tunnel: neither as a
 * whole nor, by a longer prefix, in part. A host's own address (a /32, a /128) is no network. NULL:
 * there is none.
 */
static const struct netlink_address *find_on_link(
	const struct requests *requests, const struct on_link *on_link, const struct prefix *prefix)
{
	for (size_t i = 0; i < on_link->count; i++) {
		const struct netlink_address *here = &on_link->addresses[i];

		if (here->prefix.len <= prefix->len &&
			here->prefix.addr.family == prefix->addr.family &&
			prefix_contains(&here->prefix, prefix) &&
			!interfaces_have_link(requests->interfaces, on_link->netns, here->index))
			return here;
	}
	return NULL;
}

/* The policy, and what only the kernel knows. `why` says what stands in the way, or is empty. */
static enum route_verdict judge_route(const struct requests *requests,
	const struct interface *interface, const struct on_link *on_link,
	const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = policy_route(requests->settings, interface, prefix);
	const struct netlink_address *here;
	char text[ADDR_TEXT_MAX], name[REQUEST_IFNAME_MAX + 1];
	bool named; /* in another namespace it is not known by what name */

	if (verdict != ROUTE_ACCEPTED)
		return verdict;
	here = find_on_link(requests, on_link, prefix);
	if (here == NULL)
		return ROUTE_ACCEPTED;
	named = interface->netns.inode == 0 && if_indextoname(here->index, name) != NULL;
	problem_set(why, "%s has %s", named ? name : "an interface",
		prefix_format(&here->prefix, text));
	return ROUTE_LOCAL;
}

static enum route_verdict add_route(struct requests *requests, struct interface *interface,
	const struct on_link *on_link, const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = judge_route(requests, interface, on_link, prefix, why);
	char text[ADDR_TEXT_MAX];
	int r;

	if (verdict != ROUTE_ACCEPTED) {
		if (rate_take(&requests->warnings, mono_now()))
			log_warning("engine asked for route %s to %s: %s%s%s",
				prefix_format(prefix, text), interface->now.peer.name,
				route_verdict_text(verdict), why->text[0] != '\0' ? ": " : "",
				why->text);
		return verdict;
	}
	r = interface_route_add(requests->interfaces, interface, prefix, why);
	if (r == 0)
		return ROUTE_ACCEPTED;
	if (rate_take(&requests->warnings, mono_now()))
		log_warning("%s: %s", interface->now.peer.name, why->text);
	return r == -EBUSY ? ROUTE_TAKEN : ROUTE_FAILED;
}

int requests_route_add(struct requests *requests, struct problem *problem)
{
	const struct request_routes *routes = &requests->request.routes;
	struct request_reply *reply = &requests->reply.reply;
	struct interface *interface = requests_own_interface(requests, routes->interface, problem);
	struct on_link on_link = { .count = 0 };
	struct netlink *netlink;
	int r;

	if (interface == NULL)
		return 0;
	on_link.netns = &interface->netns;
	r = interfaces_reach(requests->interfaces, interface, &netlink, problem);
	if (r == 0)
		r = netlink_addresses(netlink, &on_link.addresses, &on_link.count, problem);
	if (r < 0) {
		requests_fail(requests, r, problem);
		return 0;
	}
	for (uint16_t i = 0; i < routes->count; i++) {
		struct problem why = { .text = "" };

		reply->verdict[i] = (uint8_t)add_route(
			requests, interface, &on_link, &routes->prefix[i], &why);
		problem_escape(
			reply->words[i], sizeof(reply->words[i]), why.text, strlen(why.text));
	}
	reply->count = routes->count;
	free(on_link.addresses);
	return 0;
}

int requests_route_delete(struct requests *requests, struct problem *problem)
{
	const struct request_routes *routes = &requests->request.routes;
	struct request_reply *reply = &requests->reply.reply;
	struct interface *interface = requests_own_interface(requests, routes->interface, problem);

	if (interface == NULL)
		return 0;
	for (uint16_t i = 0; i < routes->count; i++) {
		int r = interface_route_delete(
			requests->interfaces, interface, &routes->prefix[i], problem);

		if (r < 0 && rate_take(&requests->warnings, mono_now()))
			log_warning("%s: %s", interface->now.peer.name, problem->text);
		reply->verdict[i] = r < 0 ? ROUTE_FAILED : ROUTE_ACCEPTED;
	}
	reply->count = routes->count;
	return 0;
}
