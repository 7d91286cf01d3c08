/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of the peers entries, each by itself and all together: they are sorted instead of
 * compared each with each, since a hub may list many thousand peers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"

static int check_fixed(const struct settings *settings, size_t index, const struct addr *addr,
	bool is_v4, struct problem *problem)
{
	const struct prefix *pool = is_v4 ? &settings->pool4 : &settings->pool6;
	const char *pool_key = is_v4 ? "pool4" : "pool6";
	char key[128], text[ADDR_TEXT_MAX], pool_text[ADDR_TEXT_MAX];
	struct addr server;

	if (!addr_is_set(addr))
		return 0;
	(void)snprintf(key, sizeof(key), "peers.[%zu].%s (%s)", index,
		is_v4 ? "address4" : "address6", settings->peers[index].name.name);
	addr_format(addr, text);
	if (!addr_is_set(&pool->addr)) {
		problem_set(problem, "%s: %s needs a %s that it is in, and there is none", key,
			text, pool_key);
		return -EINVAL;
	}
	if (settings_pool_usable(pool, addr))
		return 0;
	prefix_format(pool, pool_text);
	server = settings_server_address(pool);
	if (addr_equal(addr, &server))
		problem_set(problem, "%s: %s is the server's own address, the first of %s %s", key,
			text, pool_key, pool_text);
	else if (prefix_contains_addr(pool, addr))
		problem_set(problem, "%s: %s is no host address of %s %s", key, text, pool_key,
			pool_text);
	else
		problem_set(problem, "%s: %s is not in %s %s", key, text, pool_key, pool_text);
	return -EINVAL;
}

static const struct settings_peer *entry(const void *sorted)
{
	return *(const struct settings_peer *const *)sorted;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(entry(a)->name.name, entry(b)->name.name);
}

static int by_address4(const void *a, const void *b)
{
	return addr_compare(&entry(a)->address4, &entry(b)->address4);
}

static int by_address6(const void *a, const void *b)
{
	return addr_compare(&entry(a)->address6, &entry(b)->address6);
}

/* Each network namespace has its own names. */
static int by_interface(const void *a, const void *b)
{
	int order = strcmp(entry(a)->interface, entry(b)->interface);

	return order != 0 ? order : strcmp(entry(a)->netns, entry(b)->netns);
}

static bool has_name(const struct settings_peer *peer)
{
	return peer->name.name[0] != '\0';
}

static bool has_address4(const struct settings_peer *peer)
{
	return addr_is_set(&peer->address4);
}

static bool has_address6(const struct settings_peer *peer)
{
	return addr_is_set(&peer->address6);
}

/* A name without a place for a number is one interface's only. */
static bool has_literal_interface(const struct settings_peer *peer)
{
	return peer->interface[0] != '\0' && strchr(peer->interface, '%') == NULL;
}

/* What no two peers may share. */
static const struct unique {
	const char *key;
	int (*order)(const void *a, const void *b);
	bool (*has)(const struct settings_peer *peer);
} uniques[] = {
	{ "name", by_name, has_name },
	{ "address4", by_address4, has_address4 },
	{ "address6", by_address6, has_address6 },
	{ "interface", by_interface, has_literal_interface },
};

static int check_unique(const struct settings *settings, const struct unique *unique,
	const struct settings_peer **sorted, struct problem *problem)
{
	size_t count = 0;

	for (size_t i = 0; i < settings->peer_count; i++) {
		if (unique->has(&settings->peers[i]))
			sorted[count++] = &settings->peers[i];
	}
	if (count > 1)
		qsort(sorted, count, sizeof(const struct settings_peer *), unique->order);
	for (size_t i = 1; i < count; i++) {
		bool in_order = sorted[i - 1] < sorted[i];
		const struct settings_peer *first = sorted[in_order ? i - 1 : i];
		const struct settings_peer *second = sorted[in_order ? i : i - 1];

		if (unique->order(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		problem_set(problem,
			"peers.[%td].%s (%s): it is already that of peers.[%td] (%s); each peer "
			"needs its own",
			second - settings->peers, unique->key, second->name.name,
			first - settings->peers, first->name.name);
		return -EINVAL;
	}
	return 0;
}

int settings_check_peers(const struct settings *settings, struct problem *problem)
{
	const struct settings_peer **sorted;
	int r = 0;

	for (size_t i = 0; i < settings->peer_count && r == 0; i++) {
		const struct settings_peer *peer = &settings->peers[i];

		r = check_fixed(settings, i, &peer->address4, true, problem);
		if (r == 0)
			r = check_fixed(settings, i, &peer->address6, false, problem);
	}
	if (r < 0 || settings->peer_count < 2)
		return r;
	sorted = calloc(settings->peer_count, sizeof(const struct settings_peer *));
	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(uniques) / sizeof(uniques[0]) && r == 0; i++)
		r = check_unique(settings, &uniques[i], sorted, problem);
	free(sorted);
	return r;
}
