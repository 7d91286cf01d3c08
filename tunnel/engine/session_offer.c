/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include "base/log.h"

/* What a session's peer is told, and the addresses behind either end. */

enum { OFFER_MAX = SETTINGS_ROUTES_MAX }; /* no peer takes more */

static int append_hosts(struct prefix_list *list, const struct addr *v4, const struct addr *v6)
{
	const struct addr *addresses[] = { v4, v6 };
	int r = 0;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]) && r == 0; i++) {
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
	int r = peers_gather_sources(&session->engine->peers, session, ours);

	if (r == 0)
		r = append_hosts(ours, &session->terms.local4, &session->terms.local6);
	return r;
}

int session_update_offer(struct session *session)
{
	struct prefix_list offer = { .items = NULL };
	int r = peers_gather_offer(&session->engine->peers, session, &offer);

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
