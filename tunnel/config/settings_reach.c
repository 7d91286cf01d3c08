/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which peers reach each other through this end. The names are looked up in a list that is sorted
 * once, since a hub may have many thousand peers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config/settings.h"

/* Returns true for "@all", which is stored as an empty name. */
static bool is_all(const struct identity *name)
{
	return name->name[0] == '\0';
}

bool settings_reaches(const struct settings_peer *peer, const struct settings_peer *other)
{
	if (!peer || !other)
		return false;
	if (peer->reach.count > 0 && is_all(&peer->reach.items[0]))
		return !identity_equal(&peer->name, &other->name);
	for (size_t i = 0; i < peer->reach.count; i++) {
		if (identity_equal(&peer->reach.items[i], &other->name))
			return true;
	}
	return false;
}

bool settings_is_between(const struct settings *settings, int family)
{
	const struct prefix *pool = family == AF_INET ? &settings->pool4 : &settings->pool6;

	for (size_t i = 0; i < settings->peer_count && addr_is_set(&pool->addr); i++) {
		if (settings->peers[i].reach.count > 0)
			return true;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const struct identity *const *first = a, *const *second = b;

	return strcmp((*first)->name, (*second)->name);
}

/* Returns all names, sorted; the caller frees the array. NULL: out of memory. */
static const struct identity **sort_names(const struct settings *settings)
{
	const struct identity **names = calloc(
		settings->peer_count + 1, sizeof(const struct identity *));

	for (size_t i = 0; names && i < settings->peer_count; i++)
		names[i] = &settings->peers[i].name;
	if (names && settings->peer_count > 1)
		qsort(names, settings->peer_count, sizeof(const struct identity *), compare_names);
	return names;
}

/* Returns why this name is refused in the peer's `reach`, or NULL. */
static const char *judge(const struct settings *settings, const struct settings_peer *peer,
	size_t at, const struct identity **sorted)
{
	const struct identity *name = &peer->reach.items[at];

	if (is_all(name))
		return peer->reach.count == 1 ? NULL
					      : "it covers every other peer; leave out the names";
	for (size_t i = 0; i < at; i++) {
		if (identity_equal(&peer->reach.items[i], name))
			return "it is listed already";
	}
	if (identity_equal(&peer->name, name))
		return "it is the peer itself";
	if (!bsearch(&name, sorted, settings->peer_count, sizeof(const struct identity *),
		    compare_names))
		return "no entry in peers has that name";
	return NULL;
}

int settings_check_reach(const struct settings *settings, struct problem *problem)
{
	const struct identity **sorted = sort_names(settings);
	const char *why = NULL;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < settings->peer_count && !why; i++) {
		const struct settings_peer *peer = &settings->peers[i];

		for (size_t at = 0; at < peer->reach.count && !why; at++) {
			why = judge(settings, peer, at, sorted);
			if (!why)
				continue;
			problem_set(problem, "peers.[%zu].reach.[%zu] (%s): %s: %s", i, at,
				peer->name.name,
				is_all(&peer->reach.items[at]) ? SETTINGS_REACH_ALL
							       : peer->reach.items[at].name,
				why);
		}
	}
	free(sorted);
	return why ? -EINVAL : 0;
}
