/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/filter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/prefix_map.h"

struct filter_exclusions {
	atomic_uint references;
	struct prefix_map *map;
};

struct filter {
	atomic_uint references;
	struct prefix_map *theirs;
	struct prefix_map *ours;
	struct prefix_map *soon;              /* theirs soon; may be NULL */
	struct filter_exclusions *not_theirs; /* may be NULL */
	struct filter_exclusions *not_ours;
	bool any_destination;
};

int filter_exclusions_new(
	const struct prefix_list *prefixes, struct filter_exclusions **ret_exclusions)
{
	struct filter_exclusions *exclusions = calloc(1, sizeof(*exclusions));
	int r;

	if (!exclusions)
		return -ENOMEM;
	atomic_init(&exclusions->references, 1);
	r = prefix_map_new(prefixes->items, prefixes->count, &exclusions->map);
	if (r < 0) {
		free(exclusions);
		return r;
	}
	*ret_exclusions = exclusions;
	return 0;
}

static struct filter_exclusions *exclusions_ref(struct filter_exclusions *exclusions)
{
	if (exclusions)
		atomic_fetch_add_explicit(&exclusions->references, 1, memory_order_relaxed);
	return exclusions;
}

void filter_exclusions_unref(struct filter_exclusions *exclusions)
{
	if (!exclusions ||
		atomic_fetch_sub_explicit(&exclusions->references, 1, memory_order_acq_rel) != 1)
		return;
	prefix_map_free(exclusions->map);
	free(exclusions);
}

int filter_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct filter **ret_filter)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	if (!filter)
		return -ENOMEM;
	atomic_init(&filter->references, 1);
	int r = prefix_map_new(theirs, their_count, &filter->theirs);
	if (r == 0)
		r = prefix_map_new(ours, our_count, &filter->ours);
	if (r < 0) {
		filter_unref(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

void filter_set_exclusions(struct filter *filter, struct filter_exclusions *not_theirs,
	struct filter_exclusions *not_ours)
{
	filter->not_theirs = exclusions_ref(not_theirs);
	filter->not_ours = exclusions_ref(not_ours);
}

void filter_allow_destinations(struct filter *filter)
{
	filter->any_destination = true;
}

int filter_expect(struct filter *filter, const struct prefix *prefixes, size_t count)
{
	return prefix_map_new(prefixes, count, &filter->soon);
}

struct filter *filter_ref(struct filter *filter)
{
	if (filter)
		atomic_fetch_add_explicit(&filter->references, 1, memory_order_relaxed);
	return filter;
}

void filter_unref(struct filter *filter)
{
	if (!filter || atomic_fetch_sub_explicit(&filter->references, 1, memory_order_acq_rel) != 1)
		return;
	prefix_map_free(filter->theirs);
	prefix_map_free(filter->ours);
	prefix_map_free(filter->soon);
	filter_exclusions_unref(filter->not_theirs);
	filter_exclusions_unref(filter->not_ours);
	free(filter);
}

/* True: the map covers the address, and no exclusion covers it by a longer prefix. */
static bool covers(const struct prefix_map *map, const struct filter_exclusions *exclusions,
	uint8_t family, const uint8_t *bytes)
{
	int len;

	if (!exclusions)
		return prefix_map_covers(map, family, bytes);
	len = prefix_map_length(map, family, bytes);
	return len >= 0 && len >= prefix_map_length(exclusions->map, family, bytes);
}

bool filter_is_theirs(const struct filter *filter, uint8_t family, const uint8_t *bytes)
{
	return covers(filter->theirs, filter->not_theirs, family, bytes);
}

bool filter_is_ours(const struct filter *filter, uint8_t family, const uint8_t *bytes)
{
	return covers(filter->ours, filter->not_ours, family, bytes);
}

/* True: the kernel may route packets for this address to the peer, now or in a moment. */
static bool may_be_sent(const struct filter *filter, uint8_t family, const uint8_t *bytes)
{
	return filter_is_theirs(filter, family, bytes) ||
		(filter->soon && covers(filter->soon, filter->not_theirs, family, bytes));
}

/*
 * True: the error goes to the sender of the packet that it quotes. Any router may have sent the
 * error, so its source does not matter. Its source alone proves nothing either: an allowed address
 * does not entitle a host to report errors of other hosts' connections.
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
	const struct filter *filter, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	return is_sound_error(packet, data, &quote) &&
		filter_is_theirs(filter, packet->family, quote.destination) &&
		filter_is_ours(filter, packet->family, quote.source);
}

static bool error_may_go_out(
	const struct filter *filter, const struct packet *packet, const uint8_t *data)
{
	struct packet_quote quote;

	return is_sound_error(packet, data, &quote) &&
		may_be_sent(filter, packet->family, quote.source) &&
		filter_is_ours(filter, packet->family, quote.destination);
}

enum filter_verdict filter_judge_in(
	const struct filter *filter, const struct packet *packet, const uint8_t *data)
{
	if (packet_is_error(packet, data))
		return error_may_come_in(filter, packet, data) ? FILTER_PASS : FILTER_SOURCE;
	if (!filter_is_theirs(filter, packet->family, packet->source))
		return FILTER_SOURCE;
	if (!filter->any_destination &&
		!filter_is_ours(filter, packet->family, packet->destination))
		return FILTER_DESTINATION;
	return FILTER_PASS;
}

enum filter_verdict filter_judge_out(
	const struct filter *filter, const struct packet *packet, const uint8_t *data)
{
	if (!may_be_sent(filter, packet->family, packet->destination))
		return FILTER_DESTINATION;
	if (packet_is_error(packet, data))
		return error_may_go_out(filter, packet, data) ? FILTER_PASS : FILTER_SOURCE;
	return filter_is_ours(filter, packet->family, packet->source) ? FILTER_PASS : FILTER_SOURCE;
}
