/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of `announce`: configured prefixes, and tracked networks, which only the kernel
 * knows.
 */
#include <errno.h>
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

static int check_announced_prefix(
	const struct settings *settings, size_t at, struct problem *problem)
{
	const struct prefix *pools[] = { &settings->pool4, &settings->pool6 };
	const struct prefix *prefix = &settings->announce.items[at].prefix;
	enum route_verdict form = route_rule_form(prefix);
	char text[ADDR_TEXT_MAX], pool_text[ADDR_TEXT_MAX];

	/* A server may announce a default route, which includes its own pools. */
	if (form == ROUTE_DEFAULT && settings->role == SETTINGS_SERVER)
		return 0;
	prefix_format(prefix, text);
	if (form != ROUTE_ACCEPTED) {
		problem_set(problem, "announce.[%zu]: %s cannot be announced: %s", at, text,
			route_verdict_text(form));
		return -EINVAL;
	}
	for (size_t p = 0; p < ARRAY_SIZE(pools); p++) {
		if (!addr_is_set(&pools[p]->addr) || !prefix_overlaps(prefix, pools[p]))
			continue;
		problem_set(problem,
			"announce.[%zu]: %s overlaps the pool %s, whose addresses are the "
			"tunnel's own",
			at, text, prefix_format(pools[p], pool_text));
		return -EINVAL;
	}
	return 0;
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
		if (has_prefix && check_announced_prefix(settings, i, problem) < 0)
			return -EINVAL;
	}
	return 0;
}
