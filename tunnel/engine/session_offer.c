/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"

/*
 * What a session's peer is told, and what may come to it: what this end announces, and what other
 * peers have announced that it reaches through this end. No peer is told of others what it has
 * announced itself.
 *
 * Who lists another in `reach` is told its routes, as long as it is connected; packets pass between the two whoever lists the
 * other, since each flow has two directions.
 */

enum {
	OFFER_MAX = SETTINGS_ROUTES_MAX, /* no peer takes more */
	SPREAD_MS = 20,                  /* from a peer's routes to the word to others about them */
};

/* Of one that packets do not arrive at nobody is told: there may be another way to it. */
bool session_is_told_of(const struct session *session, const struct session *other)
{
	return other->carrier != SESSION_CARRIER_OFF &&
		settings_reaches(session->peer, other->peer);
}

bool session_may_pass(const struct session *session, const struct session *other)
{
	return settings_reaches(session->peer, other->peer) ||
		settings_reaches(other->peer, session->peer);
}

static bool is_leaving(const struct session *session)
{
	return session->state >= SESSION_REMOVING ||
		(session->state == SESSION_CLOSING && session->final);
}

int session_append_theirs(const struct session *session, struct prefix_list *list)
{
	const struct addr *addresses[] = { &session->terms.remote4, &session->terms.remote6 };
	int r = 0;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]) && r == 0; i++) {
		struct prefix host;

		if (!addr_is_set(addresses[i]))
			continue;
		host = prefix_host(addresses[i]);
		r = prefix_list_append(list, &host, 1);
	}
	for (size_t i = 0; i < session->routes.count && r == 0; i++) {
		if (route_in_use(&session->routes.items[i]))
			r = prefix_list_append(list, &session->routes.items[i].prefix, 1);
	}
	return r;
}

/* What we announce, and the peers for which related() is true; sorted. */
static int gather(const struct session *session,
	bool (*related)(const struct session *session, const struct session *other),
	struct prefix_list *list)
{
	const struct prefix_list *announced = &session->engine->announced;
	const struct session *other;
	int r = prefix_list_append(list, announced->items, announced->count);

	TAILQ_FOREACH(other, &session->engine->sessions, link)
	{
		if (r == 0 && other != session && !is_leaving(other) && related(session, other))
			r = session_append_theirs(other, list);
	}
	if (r == 0)
		prefix_list_sort(list);
	return r;
}

/* What we announce ourselves is told all the same: the peer refuses it, and both ends show that. */
static void leave_out_own(const struct session *session, struct prefix_list *list)
{
	struct prefix_list own = { .items = NULL };
	size_t kept = 0;

	for (size_t i = 0; i < session->routes.count; i++) {
		/* Out of memory: the peer refuses it. */
		if (route_in_use(&session->routes.items[i]))
			(void)prefix_list_append(&own, &session->routes.items[i].prefix, 1);
	}
	prefix_list_sort(&own);
	for (size_t i = 0; i < list->count; i++) {
		if (!prefix_list_has(&own, &list->items[i]) ||
			prefix_list_has(&session->engine->announced, &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
	prefix_list_free(&own);
}

/* Packets to networks of a family that this session's interface has not would arrive nowhere. */
static void leave_out_off(const struct session *session, struct prefix_list *list)
{
	const struct session_interface *interface = &session->interface;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		bool off = list->items[i].addr.family == AF_INET ? interface->off4
								 : interface->off6;

		if (!off)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

int session_update_offer(struct session *session)
{
	struct prefix_list offer = { .items = NULL };
	int r = gather(session, session_is_told_of, &offer);

	if (r < 0) {
		prefix_list_free(&offer);
		return r;
	}
	leave_out_own(session, &offer);
	leave_out_off(session, &offer);
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

int session_gather_sources(const struct session *session, struct prefix_list *ours)
{
	const struct addr *addresses[] = { &session->terms.local4, &session->terms.local6 };
	int r = gather(session, session_may_pass, ours);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]) && r == 0; i++) {
		struct prefix host;

		if (!addr_is_set(addresses[i]))
			continue;
		host = prefix_host(addresses[i]);
		r = prefix_list_append(ours, &host, 1);
	}
	return r;
}

static void spread(struct loop_timer *timer)
{
	struct engine *engine = container_of(timer, struct engine, spread);
	struct session *session;

	if (engine_bar(engine) < 0)
		log_error("what peers have is not kept apart anew: out of memory");
	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session->state == SESSION_UP && session->unaware) {
			session->unaware = false;
			session_announced_changed(session);
		}
	}
}

void engine_spread(struct engine *engine, const struct session *changed)
{
	bool concerns_all = engine->barred != NULL, any = false;
	struct session *session;

	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		if (session == changed || !(concerns_all || session_may_pass(session, changed)))
			continue;
		session->unaware = any = true;
	}
	if (any && !engine->spread.running)
		loop_timer_start(engine->loop, &engine->spread,
			mono_add(mono_now(), DURATION_MS(SPREAD_MS)), spread);
}
