/* SPDX-License-Identifier: Apache-2.0 */
#include "base/array.h"
#include "engine/session_internal.h"

#include <string.h>

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

int session_gather_sources(const struct session *session, struct prefix_list *ours)
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
			log_warning("%s: told %d prefixes of %zu: no peer takes more",
				session->name.name, OFFER_MAX, offer.count);
		offer.count = OFFER_MAX;
	}
	prefix_list_free(&session->offer);
	session->offer = offer;
	return 0;
}

static void forget_stray(const struct reach *reach, struct stray *stray)
{
	struct addr addr;

	if (stray_read(stray, &addr) && reach_is_ours(reach, addr.family, addr.bytes))
		stray_clear(stray);
}

void session_update_reach(struct session *session)
{
	struct prefix_list theirs = { .items = NULL }, ours = { .items = NULL };
	struct reach_bar *bar = session->world->events->exclusions(session);
	struct session_lane *sl;
	struct reach *reach = NULL;
	int r = session_append_theirs(session, &theirs);

	if (r == 0)
		r = session_gather_sources(session, &ours);
	if (r == 0)
		r = filter_new(theirs.items, theirs.count, ours.items, ours.count, &reach);
	if (r < 0)
		goto out;
	if (session_is_server(session))
		filter_set_exclusions(reach, NULL, bar);
	else
		filter_set_exclusions(reach, bar, NULL);
	if (!session->world->settings->check_destination)
		filter_allow_destinations(reach);
	filter_unref(session->reach);
	session->reach = reach;
	forget_stray(reach, &session->past.stray);
	TAILQ_FOREACH(sl, &session->lanes, link) {
		forget_stray(reach, lane_stray(sl->lane));
		if (sl->queue >= 0 && r == 0)
			r = lane_set_filter(sl->lane, reach);
	}
out:
	if (r < 0)
		log_error("%s: cannot update what may pass: %s", session->name.name, strerror(-r));
	prefix_list_free(&theirs);
	prefix_list_free(&ours);
}
