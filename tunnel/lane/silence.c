/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/silence.h"

static int64_t limit_ms(const struct tcp_paths_one *path)
{
	int64_t trips = (int64_t)path->rtt_us * SILENCE_TRIPS / 1000;

	return trips > SILENCE_LEAST_MS ? trips : SILENCE_LEAST_MS;
}

static int64_t unanswered_ms(const struct silence *silence, size_t i, struct mono now)
{
	return duration_ms(mono_since(now, silence->paths[i].since));
}

/* The stream has gone on, or begins. */
static void go_on(
	struct silence *silence, struct mono now, const struct tcp_paths_one *paths, uint64_t taken)
{
	silence->taken = taken;
	silence->went_on = now;
	for (size_t i = 0; i < silence->count; i++)
		silence->paths[i].received = paths[i].received;
}

static void begin(struct silence *silence, struct mono now, const struct tcp_paths_one *paths,
	size_t count, uint64_t taken)
{
	silence->count = count;
	for (size_t i = 0; i < count; i++)
		silence->paths[i].since = now;
	go_on(silence, now, paths, taken);
}

static void note(
	struct silence *silence, struct mono now, const struct tcp_paths_one *paths, uint64_t taken)
{
	for (size_t i = 0; i < silence->count; i++) {
		struct mono heard = { now.ns - DURATION_MS(paths[i].heard_ms).ns };

		if (!paths[i].unacked)
			silence->paths[i].since = now;
		else if (mono_before(silence->paths[i].since, heard))
			silence->paths[i].since = heard;
	}
	if (taken != silence->taken)
		go_on(silence, now, paths, taken);
}

/* Heard since the path fell silent, so it is not the other end, nor this one, that paused. */
static bool another_answers(const struct silence *silence, struct mono now,
	const struct tcp_paths_one *paths, size_t silent)
{
	int64_t ms = unanswered_ms(silence, silent, now);

	for (size_t i = 0; i < silence->count; i++) {
		if (i != silent && paths[i].open && paths[i].heard_ms < ms - SILENCE_SAMPLE_MS &&
			unanswered_ms(silence, i, now) < limit_ms(&paths[i]))
			return true;
	}
	return false;
}

static bool another_brings(
	const struct silence *silence, const struct tcp_paths_one *paths, size_t silent)
{
	for (size_t i = 0; i < silence->count; i++) {
		if (i != silent && paths[i].open && paths[i].received != silence->paths[i].received)
			return true;
	}
	return false;
}

static bool is_silent(
	const struct silence *silence, struct mono now, const struct tcp_paths_one *paths, size_t i)
{
	int64_t limit = limit_ms(&paths[i]);

	if (!paths[i].open)
		return false;
	if (unanswered_ms(silence, i, now) >= limit && another_answers(silence, now, paths, i))
		return true;
	return duration_ms(mono_since(now, silence->went_on)) >= limit &&
		paths[i].arrived_ms >= limit && paths[i].received == silence->paths[i].received &&
		another_brings(silence, paths, i);
}

bool silence_find(struct silence *silence, struct mono now, const struct tcp_paths_one *paths,
	size_t count, uint64_t taken, size_t *ret_index)
{
	size_t found = count;
	bool paused = duration_ms(mono_since(now, silence->looked)) >= SILENCE_PAUSE_MS;

	silence->looked = now;
	if (paused || count != silence->count || mono_before(now, silence->held_until)) {
		begin(silence, now, paths, count, taken);
		return false;
	}
	note(silence, now, paths, taken);
	/* Of several silent ones, the one that brought data last: the others may just be unused. */
	for (size_t i = 0; i < count; i++) {
		if (is_silent(silence, now, paths, i) &&
			(found == count || paths[i].arrived_ms < paths[found].arrived_ms))
			found = i;
	}
	if (found == count)
		return false;
	silence->held_until = mono_add(now, DURATION_MS(SILENCE_HOLD_MS));
	*ret_index = found;
	return true;
}
