/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>

/*
 * "I am your way to everywhere", or to 10.0.0.0/8, is no word about what others have in there. A
 * server's peers are behind the server as well: their addresses are in its pools, and their networks
 * in what their `accept_routes` allow them to announce, whether they do or not. None of it may reach
 * another peer because the server has announced something wider. At a client it is the `bypass` that
 * does not come out of the tunnel. Lanes look only where it matters.
 */

struct entries {
	struct prefix_map_entry *items; /* NULL: only count */
	size_t count;
};

static void add(struct entries *entries, const struct prefix *prefix)
{
	if (!addr_is_set(&prefix->addr))
		return; /* no such pool */
	if (entries->items)
		entries->items[entries->count].prefix = *prefix;
	entries->count++;
}

static void add_list(struct entries *entries, const struct prefix_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		add(entries, &list->items[i]);
}

static void gather(const struct settings *settings, struct entries *entries)
{
	entries->count = 0;
	if (settings->role == SETTINGS_CLIENT) {
		add_list(entries, &settings->bypass);
		return;
	}
	add(entries, &settings->pool4);
	add(entries, &settings->pool6);
	for (size_t i = 0; i < settings->peer_count; i++)
		add_list(entries, &settings->peers[i].accept_routes);
}

int engine_bar(struct engine *engine)
{
	struct entries entries = { .items = NULL };
	int r;

	gather(engine->settings, &entries);
	if (entries.count == 0)
		return 0;
	entries.items = calloc(entries.count, sizeof(*entries.items));
	if (!entries.items)
		return -ENOMEM;
	gather(engine->settings, &entries);
	r = prefix_map_new(entries.items, entries.count, &engine->barred);
	free(entries.items);
	engine_bar_again(engine);
	return r;
}

static bool list_overlaps(const struct prefix_list *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_overlaps(&list->items[i], prefix))
			return true;
	}
	return false;
}

static bool overlaps_barred(const struct settings *settings, const struct prefix *prefix)
{
	if (prefix_overlaps(prefix, &settings->pool4) || prefix_overlaps(prefix, &settings->pool6))
		return true;
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (list_overlaps(&settings->peers[i].accept_routes, prefix))
			return true;
	}
	return false;
}

void engine_bar_again(struct engine *engine)
{
	engine->announces_barred = false;
	for (size_t i = 0; i < engine->announced.count && !engine->announces_barred; i++)
		engine->announces_barred = overlaps_barred(
			engine->settings, &engine->announced.items[i]);
}
