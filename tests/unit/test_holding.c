/* SPDX-License-Identifier: Apache-2.0 */
/* A sender that has always more, a short link with a queue, and the limit of what is under way between them. */
#include "lane/holding.h"

#include "unit.h"

#define MBIT(n) ((uint64_t)(n)*125000) /* bytes a second */

enum {
	SECOND = 1000 / HOLDING_SAMPLE_MS, /* samples */
	LEAST_US = 200,
};

static struct holding holding;
static enum holding_verdict verdict;
static struct link {
	uint64_t capacity; /* bytes a second */
	uint64_t others;   /* bytes of others in its queue, at all times */
	uint32_t least_rtt_us;
	uint32_t varies_us; /* the round trip is longer by so much than it need be */
	uint64_t more;      /* bytes under way that no limit holds back */
	bool idle;          /* the sender has less to send than the link takes */
} link;
static uint64_t arrived; /* in the last second, bytes a second */

static void setup(void)
{
	link = (struct link){ .capacity = MBIT(100), .least_rtt_us = LEAST_US };
	verdict = HOLDING_GOES_ON;
}

static void teardown(void)
{
}

/*
 * What is under way takes its turn in the queue with what others keep there; what the link holds
 * without a queue arrives first.
 */
static struct tcp_path look(uint64_t *ret_arrives)
{
	uint64_t window = holding.window + link.more;
	uint64_t bare_us = link.least_rtt_us + link.varies_us;
	uint64_t full_us = (window + link.others) * 1000000 / link.capacity;
	uint64_t rtt_us = full_us > bare_us ? full_us : bare_us;

	if (link.others > 0)
		rtt_us += bare_us;
	*ret_arrives = link.idle ? link.capacity / 10 : window * 1000000 / rtt_us;
	return (struct tcp_path){ .rtt_us = (uint32_t)(link.idle ? bare_us : rtt_us),
		.least_rtt_us = link.least_rtt_us };
}

static void begin(void)
{
	uint64_t arrives;
	struct tcp_path path;

	holding.window = link.capacity / 50; /* 20 ms of queue, before anything is limited */
	path = look(&arrives);
	holding_begin(&holding, arrives, &path);
}

static void sample(void)
{
	uint64_t arrives;
	struct tcp_path path = look(&arrives);

	arrived = arrives;
	verdict = holding_judge(&holding, arrives, &path, !link.idle);
}

/* Stops at a verdict. */
static void pass(int samples)
{
	for (int i = 0; i < samples && verdict == HOLDING_GOES_ON; i++)
		sample();
}

static uint64_t queue_us(void)
{
	return holding.window * 1000000 / link.capacity;
}

START_TEST(the_link_stays_full_and_its_queue_short)
{
	begin();
	for (int i = 0; i < 60 * SECOND; i++) {
		sample();
		ck_assert_int_eq(verdict, HOLDING_GOES_ON);
		ck_assert_uint_ge(arrived, link.capacity / 100 * 99);
		ck_assert_uint_lt(queue_us(), 4000);
	}
	ck_assert_uint_eq(holding.us, HOLDING_US);
}
END_TEST

START_TEST(a_slow_link_has_the_least_window)
{
	link.capacity = MBIT(2);
	begin();
	ck_assert_uint_eq(holding.window, HOLDING_BYTES_LEAST + HOLDING_BYTES_MORE);
	pass(60 * SECOND);
	ck_assert_int_eq(verdict, HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.capacity, MBIT(2));
}
END_TEST

START_TEST(a_faster_link_is_full_at_once)
{
	link.capacity = MBIT(10);
	begin();
	pass(10 * SECOND);
	link.capacity = MBIT(100);
	pass(3);
	ck_assert_uint_ge(arrived, MBIT(99));
	ck_assert_uint_ge(holding.capacity, MBIT(99));
}
END_TEST

START_TEST(a_slower_link_is_found)
{
	begin();
	pass(10 * SECOND);
	link.capacity = MBIT(10);
	pass(HOLDING_OVER_LEAST + 2);
	ck_assert_uint_lt(holding.capacity, MBIT(11));
	pass(10 * SECOND);
	ck_assert_int_eq(verdict, HOLDING_GOES_ON);
	ck_assert_uint_lt(queue_us(), 8000);
}
END_TEST

/* Ten times up and down; the tries between the changes show that nobody else is there. */
START_TEST(a_link_that_changes_is_never_given_up)
{
	begin();
	pass(SECOND);
	for (int i = 0; i < 20; i++) {
		link.capacity = i % 2 == 0 ? MBIT(10) : MBIT(100);
		pass(5 * SECOND);
		ck_assert_int_eq(verdict, HOLDING_GOES_ON);
		ck_assert_uint_ge(arrived, link.capacity / 100 * 99);
	}
}
END_TEST

START_TEST(a_queue_of_others_at_the_beginning)
{
	link.others = link.capacity / 100; /* 10 ms */
	begin();
	pass(1 + HOLDING_SETTLE_MORE);
	ck_assert_int_eq(verdict, HOLDING_IS_OF_OTHERS);
}
END_TEST

START_TEST(a_queue_of_others_that_comes_later)
{
	begin();
	pass(10 * SECOND);
	link.others = link.capacity / 100;
	pass(HOLDING_OVER_LEAST + 1 + HOLDING_SETTLE_MORE);
	ck_assert_int_eq(verdict, HOLDING_IS_OF_OTHERS);
}
END_TEST

/* A long queue of its own takes its time to go. */
START_TEST(the_own_queue_has_the_time_that_it_needs)
{
	struct tcp_path path = { .rtt_us = 300000, .least_rtt_us = LEAST_US };

	holding_begin(&holding, MBIT(20), &path);
	for (int i = 0; i < 300 / HOLDING_SAMPLE_MS; i++)
		ck_assert_int_eq(holding_judge(&holding, MBIT(20), &path, true), HOLDING_GOES_ON);
	path.rtt_us = 2000;
	ck_assert_int_eq(holding_judge(&holding, MBIT(20), &path, true), HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.settles, 0);
}
END_TEST

/* Bytes that no limit holds back, again and again: the limit would go down without end. */
START_TEST(lowered_too_often)
{
	unsigned lowered = 0;

	begin();
	pass(3);
	for (int i = 0; i < 10 * HOLDING_LOWERED_MOST * SECOND && verdict == HOLDING_GOES_ON; i++) {
		link.more = holding.settles > 0 ? 0 : link.capacity / 50;
		sample();
		lowered = holding.lowered;
	}
	ck_assert_int_eq(verdict, HOLDING_IS_OF_OTHERS);
	ck_assert_uint_eq(lowered, HOLDING_LOWERED_MOST + 1);
}
END_TEST

/* Over radio the round trip is longer than the least most of the time. */
START_TEST(a_round_trip_that_varies_costs_little)
{
	link.varies_us = 4000;
	begin();
	pass(30 * SECOND);
	ck_assert_int_eq(verdict, HOLDING_GOES_ON);
	ck_assert_uint_ge(arrived, link.capacity / 100 * 95);
	link.varies_us = 0;
	pass(60 * SECOND);
	ck_assert_uint_eq(holding.us, HOLDING_US);
}
END_TEST

START_TEST(the_moment_has_a_bound)
{
	link.varies_us = 100000;
	begin();
	for (int i = 0; i < 60 * SECOND; i++) {
		sample();
		ck_assert_uint_le(holding.us, HOLDING_US_MOST);
	}
}
END_TEST

/* What arrives of a sender with little to send says nothing, nor does its round trip. */
START_TEST(an_idle_sender_changes_nothing)
{
	uint64_t window;

	begin();
	pass(SECOND / 2);
	window = holding.window;
	link.idle = true;
	link.varies_us = 20000;
	pass(60 * SECOND);
	ck_assert_int_eq(verdict, HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.window, window);
}
END_TEST

/* A gap that is filled lets much arrive in one sample. */
START_TEST(one_sample_alone_shows_no_faster_link)
{
	struct tcp_path path = { .rtt_us = 1000, .least_rtt_us = LEAST_US };

	holding_begin(&holding, MBIT(100), &path);
	(void)holding_judge(&holding, MBIT(100), &path, true);
	(void)holding_judge(&holding, MBIT(300), &path, true);
	ck_assert_uint_eq(holding.capacity, MBIT(100));
	(void)holding_judge(&holding, MBIT(200), &path, true);
	ck_assert_uint_eq(holding.capacity, MBIT(200));
}
END_TEST

START_TEST(nothing_is_slower_than_the_least)
{
	struct tcp_path path = { .rtt_us = 1000, .least_rtt_us = LEAST_US };

	holding_begin(&holding, 0, &path);
	ck_assert_uint_eq(holding.capacity, HOLDING_CAPACITY_LEAST);
}
END_TEST

START_TEST(without_a_limit_after_its_end)
{
	begin();
	ck_assert_uint_gt(holding.window, 0);
	holding_end(&holding);
	ck_assert_uint_eq(holding.window, 0);
}
END_TEST

static struct tcp_path with_queue(uint32_t us)
{
	return (struct tcp_path){ .rtt_us = LEAST_US + us, .least_rtt_us = LEAST_US };
}

static enum holding_verdict judge(uint64_t arrives, uint32_t queue)
{
	struct tcp_path path = with_queue(queue);

	return holding_judge(&holding, arrives, &path, true);
}

/* Begins, and settles at once. */
static void begin_at(uint64_t capacity)
{
	struct tcp_path path = with_queue(0);

	holding_begin(&holding, capacity, &path);
	ck_assert_int_eq(judge(capacity, 0), HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.settles, 0);
}

/* The longest queue that a limit explains: a quarter more than its own, and 2 ms. */
static uint32_t explained_us(void)
{
	return (uint32_t)(holding.window * 1000000 / holding.capacity) * 5 / 4 + TCP_PATH_QUEUE_US;
}

START_TEST(the_window_in_figures)
{
	begin_at(MBIT(100)); /* 1.5 ms and one and a half round trips of 0.2 ms */
	ck_assert_uint_eq(holding.window, 22500 + HOLDING_BYTES_MORE);
	ck_assert_uint_eq(explained_us(), 4453);
}
END_TEST

START_TEST(the_time_to_settle_in_figures)
{
	struct tcp_path path = with_queue(3 * HOLDING_SAMPLE_MS * 1000);
	int samples = 1;

	holding_begin(&holding, MBIT(100), &path);
	while (judge(MBIT(100), explained_us() + 1) == HOLDING_GOES_ON)
		samples++;
	ck_assert_int_eq(samples, 1 + 3 + HOLDING_SETTLE_MORE);
	holding_begin(&holding, MBIT(100), &path);
	ck_assert_int_eq(judge(MBIT(100), explained_us()), HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.settles, 0);
}
END_TEST

START_TEST(lowered_to_the_average_of_what_arrived)
{
	begin_at(MBIT(100));
	ck_assert_int_eq(judge(MBIT(90), 20000), HOLDING_GOES_ON); /* the path as it was */
	for (int i = 1; i < HOLDING_OVER_LEAST; i++) {
		ck_assert_uint_eq(holding.capacity, MBIT(100));
		ck_assert_int_eq(judge(i % 2 == 1 ? MBIT(50) : MBIT(30), 20000), HOLDING_GOES_ON);
	}
	ck_assert_uint_eq(holding.capacity, MBIT(40));
	ck_assert_uint_eq(holding.settles, 1 + HOLDING_SETTLE_MORE);
	ck_assert_uint_eq(holding.lowered, 1);
}
END_TEST

/* One short queue between long ones begins the count again. */
START_TEST(a_queue_that_comes_and_goes_lowers_nothing)
{
	begin_at(MBIT(100));
	for (int i = 0; i < 60 * SECOND; i++)
		ck_assert_int_eq(
			judge(MBIT(50), i % HOLDING_OVER_LEAST == 0 ? 0 : 20000), HOLDING_GOES_ON);
	ck_assert_uint_eq(holding.capacity, MBIT(100));
}
END_TEST

/* Samples until a try begins, or ends. */
static int until_tries(bool tries, uint64_t arrives)
{
	int samples = 0;

	while (holding.tries != tries) {
		ck_assert_int_eq(judge(arrives, 0), HOLDING_GOES_ON);
		samples++;
	}
	return samples;
}

START_TEST(a_try_in_figures)
{
	uint64_t usual;

	begin_at(MBIT(100));
	usual = holding.window;
	ck_assert_int_eq(until_tries(true, MBIT(100)), HOLDING_TRY_EVERY);
	ck_assert_uint_eq(holding.window, usual / 100 * HOLDING_TRY_SHARE);
	ck_assert_int_eq(until_tries(false, MBIT(102)), HOLDING_TRY_LAST);
	ck_assert_uint_eq(holding.us, HOLDING_US); /* not enough more */
	until_tries(true, MBIT(100));
	until_tries(false, MBIT(103));
	ck_assert_uint_eq(holding.us, HOLDING_US * 3 / 2);
	until_tries(true, MBIT(100));
	until_tries(false, MBIT(100));
	ck_assert_uint_eq(holding.us, HOLDING_US * 3 / 2 / 16 * 15);
}
END_TEST

START_TEST(a_try_shows_that_nobody_else_is_there)
{
	begin_at(MBIT(100));
	holding.lowered = HOLDING_LOWERED_MOST;
	until_tries(true, MBIT(100));
	until_tries(false, MBIT(100));
	ck_assert_uint_eq(holding.lowered, 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { the_window_in_figures, the_time_to_settle_in_figures,
		lowered_to_the_average_of_what_arrived, a_queue_that_comes_and_goes_lowers_nothing,
		a_try_in_figures, a_try_shows_that_nobody_else_is_there,
		the_link_stays_full_and_its_queue_short, a_slow_link_has_the_least_window,
		a_faster_link_is_full_at_once, a_slower_link_is_found,
		a_link_that_changes_is_never_given_up, a_queue_of_others_at_the_beginning,
		a_queue_of_others_that_comes_later, the_own_queue_has_the_time_that_it_needs,
		lowered_too_often, a_round_trip_that_varies_costs_little, the_moment_has_a_bound,
		an_idle_sender_changes_nothing, one_sample_alone_shows_no_faster_link,
		nothing_is_slower_than_the_least, without_a_limit_after_its_end };

	return unit_suite("holding", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("holding", suite());
}
