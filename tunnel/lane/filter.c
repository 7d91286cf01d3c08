/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/filter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/prefix_map.h"

struct reach_bar {
	atomic_uint references;
	struct prefix_map *map;
};

struct reach {
	atomic_uint references;
	struct prefix_map *theirs;
	struct prefix_map *ours;
	struct reach_bar *not_theirs; /* may be NULL */
	struct reach_bar *not_ours;
	bool any_destination;
};

int filter_exclusions_new(const struct prefix_list *prefixes, struct reach_bar **ret_bar)
{
	struct reach_bar *bar = calloc(1, sizeof(*bar));
	int r;

	if (!bar)
		return -ENOMEM;
	atomic_init(&bar->references, 1);
	r = prefix_map_new(prefixes->items, prefixes->count, &bar->map);
	if (r < 0) {
		free(bar);
		return r;
	}
	*ret_bar = bar;
	return 0;
}

static struct reach_bar *bar_ref(struct reach_bar *bar)
{
	if (bar)
		atomic_fetch_add_explicit(&bar->references, 1, memory_order_relaxed);
	return bar;
}

void reach_bar_unref(struct reach_bar *bar)
{
	if (!bar || atomic_fetch_sub_explicit(&bar->references, 1, memory_order_acq_rel) != 1)
		return;
	prefix_map_free(bar->map);
	free(bar);
}

int filter_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct reach **ret_reach)
{
	struct reach *reach = calloc(1, sizeof(*reach));
	if (!reach)
		return -ENOMEM;
	atomic_init(&reach->references, 1);
	int r = prefix_map_new(theirs, their_count, &reach->theirs);
	if (r == 0)
		r = prefix_map_new(ours, our_count, &reach->ours);
	if (r < 0) {
		filter_unref(reach);
		return r;
	}
	*ret_reach = reach;
	return 0;
}

void filter_set_exclusions(
	struct reach *reach, struct reach_bar *not_theirs, struct reach_bar *not_ours)
{
	reach->not_theirs = bar_ref(not_theirs);
	reach->not_ours = bar_ref(not_ours);
}

void filter_allow_destinations(struct reach *reach)
{
	reach->any_destination = true;
}

struct reach *filter_ref(struct reach *reach)
{
	if (reach)
		atomic_fetch_add_explicit(&reach->references, 1, memory_order_relaxed);
	return reach;
}

void filter_unref(struct reach *reach)
{
	if (!reach || atomic_fetch_sub_explicit(&reach->references, 1, memory_order_acq_rel) != 1)
		return;
	prefix_map_free(reach->theirs);
	prefix_map_free(reach->ours);
	reach_bar_unref(reach->not_theirs);
	reach_bar_unref(reach->not_ours);
	free(reach);
}

/* In the map, and not by a shorter prefix than what is barred has. */
static bool covers(const struct prefix_map *map, const struct reach_bar *bar, uint8_t family,
	const uint8_t *bytes)
{
	int len;

	if (!bar)
		return prefix_map_covers(map, family, bytes);
	len = prefix_map_length(map, family, bytes);
	return len >= 0 && len >= prefix_map_length(bar->map, family, bytes);
}

bool reach_is_theirs(const struct reach *reach, uint8_t family, const uint8_t *bytes)
{
	return covers(reach->theirs, reach->not_theirs, family, bytes);
}

bool reach_is_ours(const struct reach *reach, uint8_t family, const uint8_t *bytes)
{
	return covers(reach->ours, reach->not_ours, family, bytes);
}

/*
 * An error speaks of a packet that could have gone the other way, to the packet's sender. Whoever
 * sent the error does not matter then, and is not enough otherwise: one's own address does not make
 * somebody the judge of other connections.
 */
static bool is_sound_error(
	const struct packet *packet, const uint8_t *data, struct packet_quote *ret_quote)
{
	return packet->length <= FILTER_ERROR_MAX && !packet->fragment &&
		packet_quoted(packet, data, ret_quote) && !ret_quote->error &&
		memcmp(packet->destination, ret_quote->source,
			packet->family == AF_INET ? 4 : 16) == 0;
}

static bool error_may_come_in(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	return is_sound_error(packet, data, &quote) &&
		reach_is_theirs(reach, packet->family, quote.destination) &&
		reach_is_ours(reach, packet->family, quote.source);
}

static bool error_may_go_out(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	return is_sound_error(packet, data, &quote) &&
		reach_is_theirs(reach, packet->family, quote.source) &&
		reach_is_ours(reach, packet->family, quote.destination);
}

enum filter_verdict filter_judge_in(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	if (packet_is_error(packet, data))
		return error_may_come_in(reach, packet, data) ? FILTER_PASS : FILTER_SOURCE;
	if (!reach_is_theirs(reach, packet->family, packet->source))
		return FILTER_SOURCE;
	if (!reach->any_destination && !reach_is_ours(reach, packet->family, packet->destination))
		return FILTER_DESTINATION;
	return FILTER_PASS;
}

enum filter_verdict filter_judge_out(
	const struct reach *reach, const struct packet *packet, const uint8_t *data)
{
	if (!reach_is_theirs(reach, packet->family, packet->destination))
		return FILTER_DESTINATION;
	if (packet_is_error(packet, data))
		return error_may_go_out(reach, packet, data) ? FILTER_PASS : FILTER_SOURCE;
	return reach_is_ours(reach, packet->family, packet->source) ? FILTER_PASS : FILTER_SOURCE;
}
