/* SPDX-License-Identifier: Apache-2.0 */
/* A sender that fills every buffer, a link with a queue, and the limit between them. */
#include "lane/pacing.h"

#include "unit.h"

#define MBIT(n) ((uint64_t)(n)*125000) /* bytes a second */

enum {
	SECOND = 1000 / PACING_SAMPLE_MS, /* samples */
	LEAST_US = 10000,
	BUFFER_MS = 50,
};

static struct pacing pacing;
static struct mono now;
static struct link {
	uint64_t capacity; /* bytes a second */
	uint64_t queue;    /* bytes that wait */
	uint64_t acked;
	uint64_t wanted;  /* what the sender would send; 0: more than any link takes */
	uint32_t foreign; /* microseconds that other connections keep in the queue */
	uint64_t window;  /* bytes under way of a flow that its window limits; 0: another flow */
	bool bulk;        /* what is wanted is bulk data */
	uint32_t least_rtt_us;
} link;
static uint64_t limit;

static void setup(void)
{
	pacing_init(&pacing, false);
	now.ns = INT64_C(1000000000000);
	link = (struct link){ .capacity = MBIT(100), .least_rtt_us = LEAST_US };
	limit = 0;
}

static void teardown(void)
{
}

/* What a sender without a limit keeps in the queue: all that fits. */
static uint64_t buffer(void)
{
	return link.capacity / 1000 * BUFFER_MS;
}

/* Bytes a second that the sender would send. */
static uint64_t offered(void)
{
	if (link.window > 0) /* what waits in the lane, and as much again as the link delivers */
		return (link.window - link.queue) * 1000 / PACING_SAMPLE_MS + link.capacity;
	return link.wanted > 0 ? link.wanted : 10 * link.capacity;
}

static enum pacing_load load(void)
{
	if (link.window > 0)
		return link.queue < link.window ? PACING_LIMITED : PACING_BULK;
	if (link.wanted > 0)
		return link.bulk ? PACING_BULK : PACING_SOME;
	return PACING_LIMITED;
}

static void sample(void)
{
	uint64_t sends = offered();
	uint64_t leaves, room;
	struct tcp_path path = { .least_rtt_us = link.least_rtt_us };

	if (limit > 0 && sends > limit)
		sends = limit;
	link.queue += sends * PACING_SAMPLE_MS / 1000;
	room = link.capacity * PACING_SAMPLE_MS / 1000;
	leaves = link.queue < room ? link.queue : room;
	link.queue -= leaves;
	if (link.queue > buffer())
		link.queue = buffer();
	link.acked += leaves;
	now = mono_add(now, DURATION_MS(PACING_SAMPLE_MS));
	path.acked = link.acked;
	path.rtt_us = (uint32_t)(link.least_rtt_us + link.queue * 1000000 / link.capacity) +
		link.foreign;
	pacing_judge(&pacing, now, &path, load());
	limit = pacing.rate;
}

static void pass(int samples)
{
	for (int i = 0; i < samples; i++)
		sample();
}

static uint64_t queue_us(void)
{
	return link.queue * 1000000 / link.capacity;
}

START_TEST(a_full_link_loses_its_queue)
{
	uint64_t queued = 0, acked, most = 0;

	pass(3 * SECOND);
	acked = link.acked;
	for (int i = 0; i < 60 * SECOND; i++) {
		sample();
		queued += queue_us();
		most = queue_us() > most ? queue_us() : most;
	}
	ck_assert_uint_lt(queued / (60 * SECOND), 2000);
	ck_assert_uint_lt(most, 20000);
	ck_assert_uint_gt((link.acked - acked) / 60, MBIT(96));
}
END_TEST

START_TEST(the_limit_comes_within_a_second)
{
	pass(SECOND);
	ck_assert_uint_gt(limit, MBIT(80));
	ck_assert_uint_lt(limit, MBIT(100));
}
END_TEST

START_TEST(a_faster_link_is_found_within_two_seconds)
{
	link.capacity = MBIT(10);
	pass(30 * SECOND);
	ck_assert_uint_lt(limit, MBIT(11));
	link.capacity = MBIT(100);
	pass(2 * SECOND);
	ck_assert_uint_gt(pacing.capacity, MBIT(90));
}
END_TEST

START_TEST(a_slower_link_is_found)
{
	pass(30 * SECOND);
	link.capacity = MBIT(10);
	pass(3 * SECOND);
	ck_assert_uint_gt(limit, MBIT(8));
	ck_assert_uint_lt(limit, MBIT(11));
	pass(SECOND);
	ck_assert_uint_lt(queue_us(), 5000);
}
END_TEST

/* The queue of others is not this connection's to empty: it must not give way for good. */
START_TEST(a_queue_of_others_is_left_to_them)
{
	int limited = 0;

	link.foreign = 40000;
	for (int i = 0; i < 60 * SECOND; i++) {
		sample();
		limited += limit > 0;
		ck_assert(limit == 0 || limit > MBIT(80));
	}
	ck_assert_int_lt(limited, 20 * SECOND);
}
END_TEST

/* A round trip that rises and falls by itself, as over radio, takes nothing away for long. */
/* While the queue drains and while it is left to others, what waits here must not be dropped. */
START_TEST(giving_way)
{
	ck_assert(!pacing_gives_way(&pacing, now));
	while (pacing.state != PACING_DRAINS)
		sample();
	ck_assert(pacing_gives_way(&pacing, now));
	while (pacing.state == PACING_DRAINS)
		sample();
	ck_assert(!pacing_gives_way(&pacing, now));
	link.foreign = 40000;
	while (pacing.leave_until.ns == 0)
		sample();
	ck_assert_int_eq(pacing.state, PACING_NONE);
	ck_assert(pacing_gives_way(&pacing, now));
	ck_assert(!pacing_gives_way(&pacing, pacing.leave_until));
}
END_TEST

START_TEST(a_queue_that_comes_and_goes)
{
	uint64_t acked;

	pass(10 * SECOND);
	acked = link.acked;
	for (int i = 0; i < 120 * SECOND; i++) {
		link.foreign = i % 9 < 6 ? 5000 : 0;
		sample();
	}
	ck_assert_uint_gt((link.acked - acked) / 120, MBIT(88));
}
END_TEST

/* Another program takes half of the link, and does not give way. */
START_TEST(a_flood_of_others_takes_no_more_than_its_own)
{
	uint64_t acked;

	pass(10 * SECOND);
	link.capacity = MBIT(50);
	link.foreign = 30000;
	acked = link.acked;
	pass(120 * SECOND);
	ck_assert_uint_gt((link.acked - acked) / 120, MBIT(45));
}
END_TEST

/* The acknowledgements of a transfer the other way, whose queue the round trip shows. */
START_TEST(a_small_stream_beside_a_queue_has_no_limit)
{
	link.wanted = MBIT(2);
	link.foreign = 40000;
	pass(60 * SECOND);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

/* All of its window fits into the path's queue, so nothing waits in the lane. */
START_TEST(a_flow_with_a_window_loses_its_queue)
{
	uint64_t acked;

	link.window = link.capacity / 1000 * (BUFFER_MS - 10);
	pass(PACING_QUEUED_LEAST);
	ck_assert_uint_gt(queue_us(), 30000);
	pass(SECOND);
	ck_assert_uint_gt(limit, MBIT(80));
	acked = link.acked;
	for (int i = 0; i < 10 * SECOND; i++) {
		sample();
		ck_assert_uint_lt(queue_us(), 20000);
	}
	ck_assert_uint_gt((link.acked - acked) / 10, MBIT(96));
}
END_TEST

START_TEST(a_bulk_stream_beside_a_queue_of_others)
{
	int limited = 0;

	link.wanted = MBIT(20);
	link.bulk = true;
	link.foreign = 40000;
	for (int i = 0; i < 60 * SECOND; i++) {
		sample();
		limited += limit > 0;
		ck_assert(limit == 0 || limit > MBIT(16));
	}
	ck_assert_int_lt(limited, 2 * SECOND);
}
END_TEST

START_TEST(a_link_that_becomes_fast_has_no_limit_any_more)
{
	pass(5 * SECOND);
	ck_assert_uint_gt(limit, 0);
	link.capacity = 4 * PACING_FAST;
	pass(5 * SECOND);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

START_TEST(a_sender_below_the_link_has_no_limit)
{
	link.wanted = MBIT(50);
	pass(60 * SECOND);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

START_TEST(the_limit_goes_when_the_sender_stops)
{
	pass(2 * SECOND);
	ck_assert_uint_gt(limit, 0);
	link.wanted = MBIT(1);
	pass(PACING_IDLE_MOST + 2);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

START_TEST(a_fast_link_has_none)
{
	link.capacity = 2 * PACING_FAST;
	pass(10 * SECOND);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

/* An old round trip and nothing that arrives: no reason to slow down. */
START_TEST(a_silent_connection_is_not_slowed_down)
{
	uint64_t before;

	pass(2 * SECOND);
	before = limit;
	link.foreign = 40000;
	link.queue = 0;
	link.wanted = 1;
	for (int i = 0; i < PACING_IDLE_MOST - 1; i++) {
		sample();
		ck_assert(limit == 0 || limit >= before / 100 * 80);
	}
}
END_TEST

START_TEST(a_pause_begins_again)
{
	pass(2 * SECOND);
	ck_assert_uint_gt(limit, 0);
	now = mono_add(now, DURATION_MS(PACING_GAP_MS + 1));
	sample();
	ck_assert_uint_eq(limit, 0);
}
END_TEST

START_TEST(no_limit_is_below_the_least)
{
	link.capacity = PACING_LEAST / 10;
	for (int i = 0; i < 30 * SECOND; i++) {
		sample();
		ck_assert(limit == 0 || limit >= PACING_LEAST);
	}
}
END_TEST

static void begin_on_a_short_path(void)
{
	pacing_init(&pacing, true);
	link.least_rtt_us = HOLDING_SHORT_US - 1;
}

/* On a short path what is under way is limited instead, and the rate is not. */
START_TEST(a_short_path_is_held)
{
	begin_on_a_short_path();
	pass(2 + PACING_QUEUED_LEAST);
	ck_assert_int_eq(pacing.state, PACING_HOLDS);
	ck_assert_uint_gt(pacing.holding.window, 0);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

START_TEST(a_path_is_not_held_if_it_is_long_or_the_kernel_cannot)
{
	begin_on_a_short_path();
	link.least_rtt_us = HOLDING_SHORT_US;
	pass(2 + PACING_QUEUED_LEAST);
	ck_assert_int_eq(pacing.state, PACING_DRAINS);
	setup();
	link.least_rtt_us = HOLDING_SHORT_US - 1;
	pass(2 + PACING_QUEUED_LEAST);
	ck_assert_int_eq(pacing.state, PACING_DRAINS);
}
END_TEST

/* This link knows no window, so its queue stays, as that of others would. */
START_TEST(a_held_path_whose_queue_stays_is_left)
{
	begin_on_a_short_path();
	pass(2 + PACING_QUEUED_LEAST);
	ck_assert_int_eq(pacing.state, PACING_HOLDS);
	pass(SECOND);
	ck_assert_int_eq(pacing.state, PACING_NONE);
	ck_assert_uint_eq(pacing.holding.window, 0);
	ck_assert(pacing_gives_way(&pacing, now));
	for (int i = 0; i < PACING_LEAVE_S * SECOND && pacing.state == PACING_NONE; i++)
		sample();
	ck_assert_int_eq(pacing.state, PACING_HOLDS);
}
END_TEST

START_TEST(a_held_path_that_becomes_fast_has_no_limit)
{
	begin_on_a_short_path();
	pass(2 + PACING_QUEUED_LEAST);
	link.queue = 0;
	link.capacity = 2 * PACING_FAST;
	link.wanted = 2 * PACING_FAST;
	link.bulk = true;
	pass(3);
	ck_assert_int_eq(pacing.state, PACING_NONE);
	ck_assert_uint_eq(pacing.holding.window, 0);
	ck_assert(!pacing_gives_way(&pacing, now));
}
END_TEST

START_TEST(a_held_path_is_free_when_the_sender_stops)
{
	begin_on_a_short_path();
	pass(2 + PACING_QUEUED_LEAST);
	link.wanted = MBIT(1);
	link.queue = 0;
	pass(PACING_IDLE_MOST);
	ck_assert_int_eq(pacing.state, PACING_NONE);
	ck_assert_uint_eq(pacing.holding.window, 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_short_path_is_held,
		a_path_is_not_held_if_it_is_long_or_the_kernel_cannot,
		a_held_path_whose_queue_stays_is_left, a_held_path_that_becomes_fast_has_no_limit,
		a_held_path_is_free_when_the_sender_stops, a_full_link_loses_its_queue,
		the_limit_comes_within_a_second, a_faster_link_is_found_within_two_seconds,
		a_slower_link_is_found, a_queue_of_others_is_left_to_them,
		a_sender_below_the_link_has_no_limit, giving_way, a_queue_that_comes_and_goes,
		a_flood_of_others_takes_no_more_than_its_own,
		a_small_stream_beside_a_queue_has_no_limit, a_flow_with_a_window_loses_its_queue,
		a_bulk_stream_beside_a_queue_of_others,
		a_link_that_becomes_fast_has_no_limit_any_more,
		the_limit_goes_when_the_sender_stops, a_fast_link_has_none,
		a_silent_connection_is_not_slowed_down, a_pause_begins_again,
		no_limit_is_below_the_least };

	return unit_suite("pacing", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("pacing", suite());
}
