/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The link is the time until which it is busy. The queue is a ring with the time at which each
 * waiting packet begins to be sent. Both are updated when the next packet arrives, so nothing has
 * to happen in between.
 */

#include "schedule.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Makes different states of seeds that differ in one bit: SplitMix64's finalizer. Never 0, which
 * xorshift would keep.
 */
static uint64_t seeded(uint64_t seed, uint64_t purpose)
{
	uint64_t z = seed + purpose * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) | 1;
}

/* xorshift64*; 53 bits. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1du) >> 11;
}

static uint64_t loss_below(const struct schedule_settings *settings)
{
	return (uint64_t)(settings->loss * 0x1p53);
}

int schedule_init(
	struct schedule *schedule, const struct schedule_settings *settings, size_t waiting_max)
{
	struct schedule_waiting *waiting = calloc(waiting_max, sizeof(*waiting));

	if (!waiting)
		return -ENOMEM;
	*schedule = (struct schedule){
		.settings = *settings,
		.loss_below = loss_below(settings),
		.loss_state = seeded(settings->seed, 1),
		.jitter_state = seeded(settings->seed, 2),
		.idle_at = { .ns = INT64_MIN },
		.last_arrival = { .ns = INT64_MIN },
		.waiting = waiting,
		.capacity = waiting_max,
	};
	return 0;
}

void schedule_release(struct schedule *schedule)
{
	free(schedule->waiting);
	schedule->waiting = NULL;
}

void schedule_change(struct schedule *schedule, const struct schedule_settings *settings)
{
	schedule->settings = *settings;
	schedule->loss_below = loss_below(settings);
}

/* Removes packets from the queue that the link has begun to send by now. */
static void advance(struct schedule *schedule, struct mono now)
{
	while (schedule->count > 0) {
		const struct schedule_waiting *head = &schedule->waiting[schedule->first];

		if (mono_before(now, head->begins))
			break;
		schedule->queued -= head->bytes;
		schedule->first = (schedule->first + 1) % schedule->capacity;
		schedule->count--;
	}
}

static bool enqueue(struct schedule *schedule, size_t bytes)
{
	size_t last = (schedule->first + schedule->count) % schedule->capacity;

	if (bytes > schedule->settings.queue_bytes ||
		schedule->queued > schedule->settings.queue_bytes - bytes ||
		schedule->count == schedule->capacity)
		return false;
	schedule->waiting[last] = (struct schedule_waiting){
		.begins = schedule->idle_at,
		.bytes = (uint32_t)bytes,
	};
	schedule->count++;
	schedule->queued += bytes;
	if (schedule->queued > schedule->queued_max)
		schedule->queued_max = schedule->queued;
	return true;
}

static struct duration sending_time(uint64_t rate, size_t bytes)
{
	return (struct duration){
		.ns = (int64_t)((bytes * UINT64_C(8000000000) + rate - 1) / rate),
	};
}

/* The time at which a packet that arrives now is sent whole. False: the queue has no room. */
static bool serialise(
	struct schedule *schedule, struct mono now, size_t bytes, struct mono *ret_sent)
{
	if (schedule->settings.rate == 0) {
		*ret_sent = now;
		return true;
	}
	advance(schedule, now);
	if (!mono_before(now, schedule->idle_at))
		schedule->idle_at = now;
	else if (!enqueue(schedule, bytes))
		return false;
	schedule->idle_at = mono_add(
		schedule->idle_at, sending_time(schedule->settings.rate, bytes));
	*ret_sent = schedule->idle_at;
	return true;
}

static struct duration delay(struct schedule *schedule)
{
	struct duration delay = schedule->settings.delay;
	uint64_t span = 2 * (uint64_t)schedule->settings.jitter.ns + 1;

	delay.ns += (int64_t)(draw(&schedule->jitter_state) % span);
	delay.ns -= schedule->settings.jitter.ns;
	return delay.ns > 0 ? delay : (struct duration){ .ns = 0 };
}

enum schedule_fate schedule_packet(
	struct schedule *schedule, struct mono now, size_t bytes, struct mono *ret_arrives)
{
	bool lost = draw(&schedule->loss_state) < schedule->loss_below;
	struct duration wire = delay(schedule);
	struct mono sent;

	if (!serialise(schedule, now, bytes, &sent))
		return SCHEDULE_DROPPED;
	if (lost)
		return SCHEDULE_LOST;
	struct mono arrives = mono_add(sent, wire);
	if (mono_before(arrives, schedule->last_arrival))
		arrives = schedule->last_arrival;
	schedule->last_arrival = arrives;
	*ret_arrives = arrives;
	return SCHEDULE_PASSES;
}
