/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of `announce`: configured prefixes, and tracked networks, which only the kernel
 * knows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/route_rule.h"
#include "config/settings.h"

bool settings_tracks(const struct settings *settings)
{
	for (size_t i = 0; i < settings->announce.count; i++) {
		if (!addr_is_set(&settings->announce.items[i].prefix.addr))
			return true;
	}
	return false;
}

int settings_stated(const struct settings *settings, struct prefix_list *list)
{
	for (size_t i = 0; i < settings->announce.count; i++) {
		const struct prefix *prefix = &settings->announce.items[i].prefix;

		if (addr_is_set(&prefix->addr) && prefix_list_append(list, prefix, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

bool settings_gets_common(const struct settings_peer *peer)
{
	if (!peer || !peer->has_announce)
		return true;
	for (size_t i = 0; i < peer->announce.count; i++) {
		if (!addr_is_set(&peer->announce.items[i].addr))
			return true;
	}
	return false;
}

int settings_stated_to(const struct settings_peer *peer, struct prefix_list *list)
{
	for (size_t i = 0; peer && i < peer->announce.count; i++) {
		const struct prefix *prefix = &peer->announce.items[i];

		if (addr_is_set(&prefix->addr) && prefix_list_append(list, prefix, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

int settings_gather_own(struct settings *settings)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (settings_stated_to(&settings->peers[i], &settings->announced_own) < 0)
			return -ENOMEM;
	}
	prefix_list_sort(&settings->announced_own);
	return 0;
}

/* `key` is the path of the list in messages. */
static int check_prefix(const struct settings *settings, const struct prefix *prefix,
	const char *key, size_t at, struct problem *problem)
{
	const struct prefix *pools[] = { &settings->pool4, &settings->pool6 };
	enum route_verdict form = route_rule_form(prefix);
	char text[ADDR_TEXT_MAX], pool_text[ADDR_TEXT_MAX];

	/* A server may announce a default route, which includes its own pools. */
	if (form == ROUTE_DEFAULT && settings->role == SETTINGS_SERVER)
		return 0;
	prefix_format(prefix, text);
	if (form != ROUTE_ACCEPTED) {
		problem_set(problem, "%s.[%zu]: %s cannot be announced: %s", key, at, text,
			route_verdict_text(form));
		return -EINVAL;
	}
	for (size_t p = 0; p < ARRAY_SIZE(pools); p++) {
		if (!addr_is_set(&pools[p]->addr) || !prefix_overlaps(prefix, pools[p]))
			continue;
		problem_set(problem,
			"%s.[%zu]: %s overlaps the pool %s, whose addresses are the "
			"tunnel's own",
			key, at, text, prefix_format(pools[p], pool_text));
		return -EINVAL;
	}
	return 0;
}

static int check_peers(const struct settings *settings, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct prefix_list *list = &settings->peers[i].announce;
		char key[64];

		(void)snprintf(key, sizeof(key), "peers.[%zu].announce", i);
		for (size_t at = 0; at < list->count && r == 0; at++) {
			if (addr_is_set(&list->items[at].addr))
				r = check_prefix(settings, &list->items[at], key, at, problem);
		}
	}
	return r;
}

int settings_check_announce(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->announce.count; i++) {
		const struct settings_announce *item = &settings->announce.items[i];
		bool has_prefix = addr_is_set(&item->prefix.addr);
		bool has_interface = item->interface[0] != '\0';

		if (has_prefix + has_interface + (item->table != 0) != 1) {
			problem_set(problem,
				"announce.[%zu]: expected one of prefix, interface and table, got %s",
				i,
				has_prefix || has_interface || item->table != 0 ? "several"
										: "none");
			return -EINVAL;
		}
		if (item->protocol != 0 && item->table == 0) {
			problem_set(problem,
				"announce.[%zu].protocol: expected it beside a table, whose routes "
				"it picks",
				i);
			return -EINVAL;
		}
		if (strchr(item->interface, '%')) {
			problem_set(problem,
				"announce.[%zu].interface: expected the name of an interface, got "
				"\"%s\"",
				i, item->interface);
			return -EINVAL;
		}
		if (has_prefix && check_prefix(settings, &item->prefix, "announce", i, problem) < 0)
			return -EINVAL;
	}
	return check_peers(settings, problem);
}
