/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <string.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/log.h"

/*
 * The offer to a session's peer, the addresses behind either end, and the filter that follows from
 * them.
 */

enum { OFFER_MAX = SETTINGS_ROUTES_MAX }; /* no peer accepts more */

static int append_hosts(struct prefix_list *list, const struct addr *v4, const struct addr *v6)
{
	const struct addr *addresses[] = { v4, v6 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(addresses) && r == 0; i++) {
		struct prefix host;

		if (!addr_is_set(addresses[i]))
			continue;
		host = prefix_host(addresses[i]);
		r = prefix_list_append(list, &host, 1);
	}
	return r;
}

int session_append_theirs(const struct session *session, struct prefix_list *list)
{
	int r = append_hosts(list, &session->terms.remote4, &session->terms.remote6);

	for (size_t i = 0; i < session->routes.count && r == 0; i++) {
		if (route_in_use(&session->routes.items[i]))
			r = prefix_list_append(list, &session->routes.items[i].prefix, 1);
	}
	return r;
}

/* Gathers the sources of packets to the peer. -ENOMEM; the caller frees the list also on failure. */
static int gather_sources(const struct session *session, struct prefix_list *ours)
{
	int r = session->world->events->gather_sources(session, ours);

	if (r == 0)
		r = append_hosts(ours, &session->terms.local4, &session->terms.local6);
	return r;
}

int session_update_offer(struct session *session)
{
	struct prefix_list offer = { .items = NULL };
	int r = session->world->events->gather_offer(session, &offer);

	if (r < 0) {
		prefix_list_free(&offer);
		return r;
	}
	if (offer.count > OFFER_MAX) {
		if (rate_take(&session->log_rate, mono_now()))
			log_warning(
				"%s: announced only %d of %zu prefixes: no peer accepts more; announce wider ones",
				session->name.name, OFFER_MAX, offer.count);
		offer.count = OFFER_MAX;
	}
	prefix_list_free(&session->offer);
	session->offer = offer;
	return 0;
}

static void forget_stray(const struct filter *filter, struct stray *stray)
{
	struct addr addr;

	if (stray_read(stray, &addr) && filter_is_ours(filter, addr.family, addr.bytes))
		stray_clear(stray);
}

/*
 * netd adds a route to the kernel before it answers. A peer that takes over a prefix from another
 * gets packets from that moment on, so they may go to it already. -ENOMEM.
 */
static int expect_routes(const struct session *session, struct filter *filter)
{
	struct prefix_list soon = { .items = NULL };
	int r = 0;

	for (size_t i = 0; i < session->routes.count && r == 0; i++) {
		if (session->routes.items[i].state == ROUTE_ADDING)
			r = prefix_list_append(&soon, &session->routes.items[i].prefix, 1);
	}
	if (r == 0 && soon.count > 0)
		r = filter_expect(filter, soon.items, soon.count);
	prefix_list_free(&soon);
	return r;
}

/* -ENOMEM. */
static int make_filter(const struct session *session, struct filter **ret_filter)
{
	struct prefix_list theirs = { .items = NULL }, ours = { .items = NULL };
	struct filter_exclusions *exclusions = NULL;
	struct filter *filter = NULL;
	int r = session->world->events->exclusions(session, &exclusions);

	if (r == 0)
		r = session_append_theirs(session, &theirs);
	if (r == 0)
		r = gather_sources(session, &ours);
	if (r == 0)
		r = filter_new(theirs.items, theirs.count, ours.items, ours.count, &filter);
	if (r == 0)
		r = expect_routes(session, filter);
	if (r < 0) {
		filter_unref(filter);
		goto out;
	}
	if (session_is_server(session))
		filter_set_exclusions(filter, NULL, exclusions);
	else
		filter_set_exclusions(filter, exclusions, NULL);
	if (!session->world->settings->check_destination)
		filter_allow_destinations(filter);
	*ret_filter = filter;
out:
	prefix_list_free(&theirs);
	prefix_list_free(&ours);
	return r;
}

void session_update_reach(struct session *session)
{
	struct filter *filter = NULL;
	struct session_lane *sl;
	int made = make_filter(session, &filter);

	filter_unref(session->filter);
	session->filter = filter; /* NULL: session_lane_hold() refuses */
	if (filter)
		forget_stray(filter, &session->past.stray);
	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (filter)
			forget_stray(filter, lane_stray(sl->lane));
		if (sl->queue < 0)
			continue;
		int r = filter ? lane_set_filter(sl->lane, filter) : made;
		if (r < 0)
			session_lane_fail(sl, "update its packet filter", r);
	}
}
