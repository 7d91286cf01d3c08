/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection over several paths may have on its way: by the best rate of the last samples. */
#include "lane/path_window.h"

#include "unit.h"

enum { RTT_US = 30000 };

static struct path_window window;
static struct mono now;
static uint64_t acked;

static void set_up(void)
{
	window = (struct path_window){ .limit = 0 };
	now.ns = INT64_C(1000000000000);
	acked = 5000000; /* of the time before */
	path_window_note(&window, now, acked, true, RTT_US);
}

static void tear_down(void)
{
}

static void carry(uint64_t mbit, unsigned samples, bool limited)
{
	for (unsigned i = 0; i < samples; i++) {
		now = mono_add(now, DURATION_MS(PATH_WINDOW_SAMPLE_MS));
		acked += mbit * 125 * PATH_WINDOW_SAMPLE_MS;
		path_window_note(&window, now, acked, limited, RTT_US);
	}
}

START_TEST(there_is_none_before_the_first_sample)
{
	ck_assert_uint_eq(window.limit, 0);
	now = mono_add(now, DURATION_MS(PATH_WINDOW_SAMPLE_MS - 1));
	path_window_note(&window, now, acked + 1000000, true, RTT_US);
	ck_assert_uint_eq(window.limit, 0);
}
END_TEST

START_TEST(one_and_a_half_of_the_longest_round_trip)
{
	carry(380, 1, true);
	ck_assert_uint_eq(window.limit, UINT64_C(380) * 125000 * 30 / 1000 * 3 / 2);
}
END_TEST

START_TEST(the_best_of_the_last_samples_counts)
{
	carry(200, 1, true);
	carry(100, PATH_WINDOW_SAMPLES - 1, true);
	ck_assert_uint_eq(window.limit, UINT64_C(200) * 125000 * 30 / 1000 * 3 / 2);
	carry(100, 1, true);
	ck_assert_uint_eq(window.limit, UINT64_C(100) * 125000 * 30 / 1000 * 3 / 2);
}
END_TEST

START_TEST(a_pause_shows_nothing)
{
	carry(200, 1, true);
	carry(1, 10 * PATH_WINDOW_SAMPLES, false);
	ck_assert_uint_eq(window.limit, UINT64_C(200) * 125000 * 30 / 1000 * 3 / 2);
	/* But more than before does, whatever waits. */
	carry(300, 1, false);
	ck_assert_uint_eq(window.limit, UINT64_C(300) * 125000 * 30 / 1000 * 3 / 2);
}
END_TEST

START_TEST(a_slow_connection)
{
	carry(1, 1, true);
	ck_assert_uint_eq(window.limit, PATH_WINDOW_LEAST);
}
END_TEST

START_TEST(a_fast_connection_has_none)
{
	carry(501, 1, true);
	ck_assert_uint_eq(window.limit, 0);
}
END_TEST

/* The kernel's count of what is under way may be a moment older than ours of what was sent. */
START_TEST(a_count_that_goes_back)
{
	carry(100, 1, true);
	now = mono_add(now, DURATION_MS(PATH_WINDOW_SAMPLE_MS));
	path_window_note(&window, now, acked - 1, true, RTT_US);
	ck_assert_uint_eq(window.limit, UINT64_C(100) * 125000 * 30 / 1000 * 3 / 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { there_is_none_before_the_first_sample,
		one_and_a_half_of_the_longest_round_trip, the_best_of_the_last_samples_counts,
		a_pause_shows_nothing, a_slow_connection, a_fast_connection_has_none,
		a_count_that_goes_back };

	return unit_suite("path_window", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("path_window", suite());
}
