/* SPDX-License-Identifier: Apache-2.0 */
/* How much is encrypted ahead follows how fast the connection takes it; times are the test's own. */
#include "lane/outflow.h"

#include "tests/unit/unit.h"

enum { KBIT = 125, MBIT = 1000 * KBIT }; /* bytes a second */

/* A connection that takes so many bytes a second, while it is full. */
struct connection {
	struct outflow outflow;
	struct mono now;
	uint64_t sent;
};

static void start(struct connection *connection)
{
	*connection = (struct connection){ .now.ns = INT64_C(1000000000000) };
	outflow_init(&connection->outflow);
}

static void pass(struct connection *connection, int64_t us, uint64_t rate)
{
	connection->now.ns += us * 1000;
	connection->sent += rate * (uint64_t)us / 1000000;
}

/* It is full all the time, and takes bytes each `step_us`. */
static void run(struct connection *connection, uint64_t rate, int64_t step_us, int steps)
{
	for (int i = 0; i < steps; i++) {
		outflow_full(&connection->outflow, connection->now, connection->sent);
		pass(connection, step_us, rate);
	}
}

static size_t moment(uint64_t rate)
{
	uint64_t bytes = rate * OUTFLOW_AHEAD_US / 1000000;

	if (bytes < OUTFLOW_AHEAD_LEAST)
		return OUTFLOW_AHEAD_LEAST;
	return bytes < OUTFLOW_AHEAD_MOST ? (size_t)bytes : OUTFLOW_AHEAD_MOST;
}

/* Near enough: it is arithmetic on whole windows. */
static void assert_moment(const struct connection *connection, uint64_t rate)
{
	size_t expected = moment(rate);

	ck_assert_uint_ge(connection->outflow.ahead, expected - expected / 4);
	ck_assert_uint_le(connection->outflow.ahead, expected + expected / 4);
	ck_assert_uint_ge(connection->outflow.ahead, OUTFLOW_AHEAD_LEAST);
	ck_assert_uint_le(connection->outflow.ahead, OUTFLOW_AHEAD_MOST);
}

START_TEST(begins_with_the_most)
{
	struct connection connection;

	start(&connection);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_MOST);
	/* Full once says nothing yet. */
	outflow_full(&connection.outflow, connection.now, connection.sent);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_MOST);
	pass(&connection, OUTFLOW_WINDOW_MS * 1000 - 1, MBIT);
	outflow_full(&connection.outflow, connection.now, connection.sent);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_MOST);
}
END_TEST

START_TEST(a_moment_at_every_rate)
{
	static const uint64_t rates[] = { KBIT, MBIT, 10 * MBIT, 50 * MBIT, 100 * MBIT, 300 * MBIT,
		UINT64_C(1000) * MBIT, UINT64_C(2500) * MBIT, UINT64_C(10000) * MBIT,
		UINT64_C(100000) * MBIT };
	static const int64_t steps_us[] = { 50, 900, 10000, 70000 };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(steps_us); j++) {
			struct connection connection;

			start(&connection);
			run(&connection, rates[i], steps_us[j], (int)(1000000 / steps_us[j]));
			assert_moment(&connection, rates[i]);
		}
	}
}
END_TEST

/* Down and up again, within a few windows. */
START_TEST(rate_changes)
{
	struct connection connection;

	start(&connection);
	run(&connection, 800 * MBIT, 1000, 200);
	assert_moment(&connection, 800 * MBIT);
	run(&connection, 50 * MBIT, 1000, 200);
	assert_moment(&connection, 50 * MBIT);
	run(&connection, 800 * MBIT, 1000, 200);
	assert_moment(&connection, 800 * MBIT);
}
END_TEST

/* Nothing at all for a while, as when the path is gone: the least; and then it finds back. */
START_TEST(pause)
{
	struct connection connection;

	start(&connection);
	run(&connection, 800 * MBIT, 1000, 200);
	run(&connection, 0, 1000, 5000);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_LEAST);
	run(&connection, 800 * MBIT, 1000, 200);
	assert_moment(&connection, 800 * MBIT);
}
END_TEST

/* A long silence with no full connection in it is not a slow one. */
START_TEST(idle_time_does_not_count)
{
	struct connection connection;

	start(&connection);
	run(&connection, 800 * MBIT, 1000, 200);
	outflow_full(&connection.outflow, connection.now, connection.sent);
	pass(&connection, 100, 800 * MBIT);
	outflow_free(&connection.outflow, connection.now, connection.sent);
	ck_assert_int_eq(connection.outflow.since.ns, 0);
	pass(&connection, 60000000, 0);
	outflow_free(&connection.outflow, connection.now, connection.sent); /* again: fine */
	outflow_full(&connection.outflow, connection.now, connection.sent);
	assert_moment(&connection, 800 * MBIT);
}
END_TEST

/* Full for a moment now and then: it may be faster than was thought, and never slower. */
START_TEST(short_times_only_raise)
{
	struct connection connection;

	start(&connection);
	run(&connection, 100 * MBIT, 1000, 200);
	size_t before = connection.outflow.ahead;

	outflow_free(&connection.outflow, connection.now, connection.sent);
	outflow_full(&connection.outflow, connection.now, connection.sent);
	pass(&connection, 2000, 10 * MBIT);
	outflow_free(&connection.outflow, connection.now, connection.sent);
	ck_assert_uint_eq(connection.outflow.ahead, before);

	outflow_full(&connection.outflow, connection.now, connection.sent);
	pass(&connection, 2000, 800 * MBIT);
	outflow_free(&connection.outflow, connection.now, connection.sent);
	ck_assert_uint_gt(connection.outflow.ahead, before);
	ck_assert_uint_le(connection.outflow.ahead, moment(800 * MBIT));
}
END_TEST

/* A few bytes in no time at all are no rate. */
START_TEST(no_time_at_all)
{
	struct connection connection;

	start(&connection);
	run(&connection, 100 * MBIT, 1000, 200);
	size_t before = connection.outflow.ahead;

	outflow_free(&connection.outflow, connection.now, connection.sent);
	outflow_full(&connection.outflow, connection.now, connection.sent);
	connection.sent += before;
	outflow_free(&connection.outflow, connection.now, connection.sent);
	ck_assert_uint_ge(connection.outflow.ahead, before);
	ck_assert_uint_le(connection.outflow.ahead, before + before / 4);
}
END_TEST

/*
 * After an outage the connection is faster than we can fill it, so it is never full for a window
 * again: each short time in which it was has to count.
 */
START_TEST(fast_after_an_outage)
{
	struct connection connection;

	start(&connection);
	run(&connection, 800 * MBIT, 1000, 200);
	run(&connection, 0, 1000, 5000);
	outflow_full(&connection.outflow, connection.now, connection.sent);
	outflow_free(&connection.outflow, connection.now, connection.sent);
	for (int i = 0; i < 100; i++) {
		outflow_full(&connection.outflow, connection.now, connection.sent);
		pass(&connection, 2000, 800 * MBIT);
		outflow_free(&connection.outflow, connection.now, connection.sent);
		pass(&connection, 100, 0);
	}
	assert_moment(&connection, 800 * MBIT);
}
END_TEST

/* After a slow time, a connection that takes everything at once is never full, and never measured. */
START_TEST(back_to_the_most_without_being_full)
{
	struct connection connection;
	int times = 0;

	start(&connection);
	run(&connection, MBIT, 1000, 200);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_LEAST);
	for (; connection.outflow.ahead < OUTFLOW_AHEAD_MOST; times++) {
		size_t before = connection.outflow.ahead;
		outflow_ran(&connection.outflow);
		ck_assert_uint_gt(connection.outflow.ahead, before);
	}
	ck_assert_int_gt(times, 2); /* step by step */
	outflow_ran(&connection.outflow);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_MOST);
	/* Full again, it is measured again. */
	run(&connection, MBIT, 1000, 200);
	ck_assert_uint_eq(connection.outflow.ahead, OUTFLOW_AHEAD_LEAST);
}
END_TEST

START_TEST(it_can_look_further_ahead)
{
	struct connection connection;

	start(&connection);
	outflow_look_ahead(&connection.outflow, 4 * OUTFLOW_AHEAD_US);
	ck_assert_uint_eq(
		connection.outflow.ahead, OUTFLOW_AHEAD_MOST); /* nothing is measured yet */
	run(&connection, 80 * MBIT, 500, 200);
	assert_moment(&connection, 4 * 80 * MBIT);
	outflow_look_ahead(&connection.outflow, OUTFLOW_AHEAD_US);
	assert_moment(&connection, 80 * MBIT);
	outflow_look_ahead(&connection.outflow, 4 * OUTFLOW_AHEAD_US);
	assert_moment(&connection, 4 * 80 * MBIT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("outflow");

	unit_add(s, "begins_with_the_most", begins_with_the_most);
	unit_add(s, "a_moment_at_every_rate", a_moment_at_every_rate);
	unit_add(s, "rate_changes", rate_changes);
	unit_add(s, "it_can_look_further_ahead", it_can_look_further_ahead);
	unit_add(s, "pause", pause);
	unit_add(s, "idle_time_does_not_count", idle_time_does_not_count);
	unit_add(s, "short_times_only_raise", short_times_only_raise);
	unit_add(s, "no_time_at_all", no_time_at_all);
	unit_add(s, "fast_after_an_outage", fast_after_an_outage);
	unit_add(s, "back_to_the_most_without_being_full", back_to_the_most_without_being_full);
	return s;
}

int main(void)
{
	return unit_run("outflow", suite());
}
