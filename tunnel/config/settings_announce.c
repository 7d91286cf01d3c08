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

struct settings_probe_rule settings_probe_rule(const struct settings_announce *item)
{
	struct settings_probe_rule rule = {
		.interval = item->probe_interval,
		.down = item->probe_down,
		.up = item->probe_up,
	};

	if (rule.interval.ns == 0)
		rule.interval = DURATION_MS(SETTINGS_PROBE_INTERVAL_MS);
	if (rule.down == 0)
		rule.down = SETTINGS_PROBE_DOWN;
	if (rule.up == 0)
		rule.up = SETTINGS_PROBE_UP;
	return rule;
}

const struct settings_announce *settings_find_probe(
	const struct settings *settings, const struct prefix *prefix)
{
	for (size_t i = 0; i < settings->announce.count; i++) {
		const struct settings_announce *item = &settings->announce.items[i];

		if (addr_is_set(&item->probe.addr) && prefix_equal(&item->prefix, prefix))
			return item;
	}
	return NULL;
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

static int check_kind(const struct settings_announce *item, size_t at, struct problem *problem)
{
	bool has_prefix = addr_is_set(&item->prefix.addr);
	bool has_interface = item->interface[0] != '\0';

	if (has_prefix + has_interface + (item->table != 0) != 1) {
		problem_set(problem,
			"announce.[%zu]: expected one of prefix, interface and table, got %s", at,
			has_prefix || has_interface || item->table != 0 ? "several" : "none");
		return -EINVAL;
	}
	if (item->protocol != 0 && item->table == 0) {
		problem_set(problem,
			"announce.[%zu].protocol: expected it beside a table, whose routes it picks",
			at);
		return -EINVAL;
	}
	if (strchr(item->interface, '%')) {
		problem_set(problem,
			"announce.[%zu].interface: expected the name of an interface, got \"%s\"",
			at, item->interface);
		return -EINVAL;
	}
	return 0;
}

/* Which key is there although what it belongs to is not, or NULL. */
static const char *misplaced_key(const struct settings_announce *item)
{
	if (addr_is_set(&item->probe.addr))
		return addr_is_set(&item->prefix.addr) ? NULL : "probe";
	if (item->probe_interval.ns != 0)
		return "probe_interval";
	if (item->probe_down != 0)
		return "probe_down";
	return item->probe_up != 0 ? "probe_up" : NULL;
}

/* Returns why the address cannot be probed, or NULL. */
static const char *probe_flaw(const struct settings *settings, const struct addr *target)
{
	if (!addr_is_host(target) || addr_is_link_local(target))
		return "is not the address of a host, or only of one link";
	if (prefix_contains_addr(&settings->pool4, target) ||
		prefix_contains_addr(&settings->pool6, target))
		return "is an address of the tunnel, and not behind this end";
	if (settings->role == SETTINGS_CLIENT && settings->peers[0].netns[0] != '\0')
		return "cannot be probed: the tunnel is in another network namespace (netns), and netd probes in its own";
	return NULL;
}

static int check_probe(const struct settings *settings, size_t at, struct problem *problem)
{
	const struct settings_announce *items = settings->announce.items, *item = &items[at];
	const char *misplaced = misplaced_key(item), *flaw;
	char text[ADDR_TEXT_MAX];

	if (misplaced) {
		problem_set(problem, "announce.[%zu].%s: expected it beside a %s", at, misplaced,
			strcmp(misplaced, "probe") == 0 ? "prefix, which it decides on" : "probe");
		return -EINVAL;
	}
	if (!addr_is_set(&item->probe.addr))
		return 0;
	flaw = probe_flaw(settings, &item->probe.addr);
	if (flaw) {
		problem_set(problem, "announce.[%zu].probe: %s %s", at,
			addr_format(&item->probe.addr, text), flaw);
		return -EINVAL;
	}
	for (size_t i = 0; i < settings->announce.count; i++) {
		if (i == at || !prefix_equal(&items[i].prefix, &item->prefix))
			continue;
		problem_set(problem,
			"announce.[%zu]: %s is there twice, and one of the entries has a probe", at,
			prefix_format(&item->prefix, text));
		return -EINVAL;
	}
	return 0;
}

int settings_check_announce(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->announce.count; i++) {
		const struct settings_announce *item = &settings->announce.items[i];
		int r = check_kind(item, i, problem);

		if (r == 0 && addr_is_set(&item->prefix.addr))
			r = check_prefix(settings, &item->prefix, "announce", i, problem);
		if (r == 0)
			r = check_probe(settings, i, problem);
		if (r < 0)
			return r;
	}
	return check_peers(settings, problem);
}
