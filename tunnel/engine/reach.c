/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reach.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct reach {
	atomic_uint references;
	struct prefix_map *theirs;
	struct prefix_map *ours;
	const struct prefix_map *not_theirs; /* borrowed, may be NULL */
	const struct prefix_map *not_ours;
};

static int map_prefixes(const struct prefix *prefixes, size_t count, struct prefix_map **ret_map)
{
	struct prefix_map_entry *entries = calloc(count ? count : 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		entries[i].prefix = prefixes[i];
	int r = prefix_map_new(entries, count, ret_map);
	free(entries);
	return r;
}

int reach_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct reach **ret_reach)
{
	struct reach *reach = calloc(1, sizeof(*reach));
	if (!reach)
		return -ENOMEM;
	atomic_init(&reach->references, 1);
	int r = map_prefixes(theirs, their_count, &reach->theirs);
	if (r == 0)
		r = map_prefixes(ours, our_count, &reach->ours);
	if (r < 0) {
		reach_unref(reach);
		return r;
	}
	*ret_reach = reach;
	return 0;
}

void reach_bar(
	struct reach *reach, const struct prefix_map *not_theirs, const struct prefix_map *not_ours)
{
	reach->not_theirs = not_theirs;
	reach->not_ours = not_ours;
}

struct reach *reach_ref(struct reach *reach)
{
	if (reach)
		atomic_fetch_add_explicit(&reach->references, 1, memory_order_relaxed);
	return reach;
}

void reach_unref(struct reach *reach)
{
	if (!reach || atomic_fetch_sub_explicit(&reach->references, 1, memory_order_acq_rel) != 1)
		return;
	prefix_map_free(reach->theirs);
	prefix_map_free(reach->ours);
	free(reach);
}

/* In the map, and not by a shorter prefix than what is barred has. */
static bool covers(const struct prefix_map *map, const struct prefix_map *barred, uint8_t family,
	const uint8_t *bytes)
{
	int len;

	if (!barred)
		return prefix_map_covers(map, family, bytes);
	len = prefix_map_length(map, family, bytes);
	return len >= 0 && len >= prefix_map_length(barred, family, bytes);
}

static bool is_theirs(const struct reach *reach, uint8_t family, const uint8_t *bytes)
{
	return covers(reach->theirs, reach->not_theirs, family, bytes);
}

static bool is_ours(const struct reach *reach, uint8_t family, const uint8_t *bytes)
{
	return covers(reach->ours, reach->not_ours, family, bytes);
}

enum reach_verdict reach_judge_in(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	if (is_theirs(reach, packet->family, packet->source))
		return REACH_PASS;
	if (packet_quoted(packet, data, &quote) &&
		is_theirs(reach, packet->family, quote.destination))
		return REACH_PASS;
	return REACH_SOURCE;
}

enum reach_verdict reach_judge_out(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	if (!is_theirs(reach, packet->family, packet->destination))
		return REACH_DESTINATION;
	if (is_ours(reach, packet->family, packet->source))
		return REACH_PASS;
	if (packet_quoted(packet, data, &quote) && is_theirs(reach, packet->family, quote.source))
		return REACH_PASS;
	return REACH_SOURCE;
}
