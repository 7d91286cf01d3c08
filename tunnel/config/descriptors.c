/* SPDX-License-Identifier: Apache-2.0 */
#include "config/descriptors.h"

/* The most lanes that any peer may have; at least 1. */
static uint32_t most_lanes(const struct settings *settings)
{
	uint32_t most = settings->lanes;

	for (size_t i = 0; i < settings->peer_count; i++) {
		uint32_t lanes = settings_lanes(settings, &settings->peers[i]);

		if (lanes > most)
			most = lanes;
	}
	return most > 0 ? most : 1;
}

/* Each probed announcement has at most one socket. */
static uint64_t probes(const struct settings *settings)
{
	uint64_t count = 0;

	for (size_t i = 0; i < settings->announce.count; i++)
		count += addr_is_set(&settings->announce.items[i].probe.addr);
	return count;
}

static uint64_t fixed(const struct settings *settings, unsigned workers)
{
	return DESCRIPTORS_RESERVE + DESCRIPTORS_OWN + settings->listen_count + probes(settings) +
		(uint64_t)workers * DESCRIPTORS_PER_WORKER;
}

uint64_t descriptors_needed(const struct settings *settings, unsigned workers)
{
	return fixed(settings, workers) +
		(uint64_t)settings->max_handshakes * DESCRIPTORS_PER_HANDSHAKE +
		(uint64_t)settings->max_sessions * most_lanes(settings) * DESCRIPTORS_PER_LANE;
}

/* From 1 to `most`. */
static uint32_t within(uint64_t number, uint32_t most)
{
	if (number > most)
		return most;
	return number > 0 ? (uint32_t)number : 1;
}

struct descriptors descriptors_plan(
	const struct settings *settings, unsigned workers, uint64_t limit)
{
	uint64_t needed = fixed(settings, workers);
	uint64_t room = limit > needed ? limit - needed : 0;
	struct descriptors plan = {
		.limit = limit,
		.ceiling = limit > (uint64_t)2 * DESCRIPTORS_RESERVE ? limit - DESCRIPTORS_RESERVE
								     : limit / 2,
		.sessions = settings->max_sessions,
		.handshakes = settings->max_handshakes,
	};

	if (limit >= descriptors_needed(settings, workers))
		return plan;
	plan.handshakes = within(
		room / ((uint64_t)4 * DESCRIPTORS_PER_HANDSHAKE), settings->max_handshakes);
	needed = (uint64_t)plan.handshakes * DESCRIPTORS_PER_HANDSHAKE;
	room = room > needed ? room - needed : 0;
	plan.sessions = within(room / ((uint64_t)most_lanes(settings) * DESCRIPTORS_PER_LANE),
		settings->max_sessions);
	return plan;
}

bool descriptors_are_free(const struct descriptors *descriptors, const int *fds, size_t count)
{
	for (size_t i = 0; descriptors->ceiling > 0 && i < count; i++) {
		if (fds[i] >= 0 && (uint64_t)fds[i] >= descriptors->ceiling)
			return false;
	}
	return true;
}
