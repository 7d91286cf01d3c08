/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>

#include "engine/session.h"

/*
 * "I am your way to everywhere", or to 10.0.0.0/8, is no word about what others have in there. A
 * server's peers are behind the server as well: their addresses are in its pools, and their networks
 * in what their `accept_routes` allow them to announce, whether they do or not, and in what they
 * have announced. None of it may reach another peer because something wider is announced, by the
 * server or by a peer that `reach` names. At a client it is the `bypass` that does not come out of
 * the tunnel. Lanes look only where it matters.
 */

static bool list_overlaps(const struct prefix_list *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_overlaps(&list->items[i], prefix))
			return true;
	}
	return false;
}

static bool overlaps_peers(const struct settings *settings, const struct prefix *prefix)
{
	if (prefix_overlaps(prefix, &settings->pool4) || prefix_overlaps(prefix, &settings->pool6))
		return true;
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (list_overlaps(&settings->peers[i].accept_routes, prefix))
			return true;
	}
	return false;
}

static bool is_needed(const struct engine *engine)
{
	if (engine->settings->role == SETTINGS_CLIENT)
		return engine->settings->bypass.count > 0;
	if (engine->has_reach)
		return true;
	for (size_t i = 0; i < engine->announced.count; i++) {
		if (overlaps_peers(engine->settings, &engine->announced.items[i]))
			return true;
	}
	return false;
}

static int add_pool(struct prefix_list *list, const struct prefix *pool)
{
	return addr_is_set(&pool->addr) ? prefix_list_append(list, pool, 1) : 0;
}

static int gather(const struct engine *engine, struct prefix_list *list)
{
	const struct settings *settings = engine->settings;
	const struct session *session;
	int r;

	if (settings->role == SETTINGS_CLIENT)
		return prefix_list_append(list, settings->bypass.items, settings->bypass.count);
	r = add_pool(list, &settings->pool4);
	if (r == 0)
		r = add_pool(list, &settings->pool6);
	for (size_t i = 0; i < settings->peer_count && r == 0; i++)
		r = prefix_list_append(list, settings->peers[i].accept_routes.items,
			settings->peers[i].accept_routes.count);
	TAILQ_FOREACH(session, &engine->sessions, link)
	{
		for (size_t i = 0; i < session->routes.count && r == 0; i++) {
			if (route_in_use(&session->routes.items[i]))
				r = prefix_list_append(list, &session->routes.items[i].prefix, 1);
		}
	}
	return r;
}

int engine_bar(struct engine *engine)
{
	struct prefix_list list = { .items = NULL };
	struct reach_bar *bar = NULL;
	int r = 0;

	if (is_needed(engine)) {
		r = gather(engine, &list);
		if (r == 0)
			r = reach_bar_new(&list, &bar);
		prefix_list_free(&list);
	}
	if (r < 0)
		return r;
	reach_bar_unref(engine->barred);
	engine->barred = bar;
	return 0;
}
