/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/requests_internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "netd/interface_routes.h"
#include "netd/needs.h"
#include "netd/on_link.h"
#include "netd/policy.h"

/* What the routes of one request are judged by, as it was at the request's beginning. */
struct surroundings {
	struct netlink *netlink; /* of the interface's namespace; borrowed */
	struct on_link on_link;
	struct needs needs; /* none where no route can take their path */
};

/* The policy, and what only the kernel knows. `why` says what stands in the way, or is empty. */
static enum route_verdict judge_route(const struct requests *requests,
	const struct interface *interface, const struct surroundings *around,
	const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = policy_route(requests->settings, interface, prefix);

	if (verdict != ROUTE_ACCEPTED)
		return verdict;
	if (needs_judge_route(&around->needs, requests->interfaces, around->netlink, prefix, why) <
		0)
		return ROUTE_OUTER;
	return on_link_judge_route(&around->on_link, prefix, why) < 0 ? ROUTE_LOCAL
								      : ROUTE_ACCEPTED;
}

static enum route_verdict add_route(struct requests *requests, struct interface *interface,
	const struct surroundings *around, const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = judge_route(requests, interface, around, prefix, why);
	char text[ADDR_TEXT_MAX];
	int r;

	/* The log has told it, once for all of them. */
	if (verdict == ROUTE_ACCEPTED && interface_family_is_off(interface, prefix->addr.family)) {
		problem_set(why, "%s has no IPv%d", interface->name,
			prefix->addr.family == AF_INET ? 4 : 6);
		return ROUTE_FAILED;
	}
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

static void gather_needs(struct requests *requests, struct needs *ret_needs)
{
	const struct nameservers *pushed = requests->dns->way != DNS_NONE
		? &requests->dns->nameservers
		: NULL;
	struct problem problem;

	needs_gather(requests->settings, pushed, ret_needs, &problem);
	if (problem.text[0] != '\0' && !requests->told_needs) {
		log_warning(
			"%s; a route may take the path that a tunnel itself needs", problem.text);
		requests->told_needs = true;
	}
}

/* On success the owner frees on_link and needs. */
static int look_around(struct requests *requests, const struct interface *interface,
	struct surroundings *around, struct problem *problem)
{
	int r;

	*around = (struct surroundings){ .netlink = NULL };
	r = interfaces_reach(requests->interfaces, interface, &around->netlink, problem);
	if (r == 0)
		r = on_link_read(&around->on_link, requests->interfaces, &interface->netns,
			around->netlink, problem);
	/*
	 * Routes elsewhere take nothing away here. Nor do those of a full tunnel, to which the mark
	 * does not lead: all the rest of this host is to go there.
	 */
	if (r == 0 && interface->netns.inode == 0 && requests->interfaces->table == 0)
		gather_needs(requests, &around->needs);
	return r;
}

int requests_route_add(struct requests *requests, struct problem *problem)
{
	const struct request_routes *routes = &requests->request.routes;
	struct request_reply *reply = &requests->reply.reply;
	struct interface *interface = requests_own_interface(requests, routes->interface, problem);
	struct surroundings around;
	int r;

	if (interface == NULL)
		return 0;
	r = look_around(requests, interface, &around, problem);
	if (r < 0) {
		requests_fail(requests, r, problem);
		return 0;
	}
	for (uint16_t i = 0; i < routes->count; i++) {
		struct problem why = { .text = "" };

		reply->verdicts[i].verdict = (uint8_t)add_route(
			requests, interface, &around, &routes->prefix[i], &why);
		problem_escape(reply->verdicts[i].words, sizeof(reply->verdicts[i].words), why.text,
			strlen(why.text));
	}
	reply->count = routes->count;
	on_link_free(&around.on_link);
	needs_free(&around.needs);
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
		reply->verdicts[i].verdict = r < 0 ? ROUTE_FAILED : ROUTE_ACCEPTED;
	}
	reply->count = routes->count;
	return 0;
}
