/* SPDX-License-Identifier: Apache-2.0 */
/* A path is played, sample by sample: what it shows has to lead to the right control, and seldom to a change. */
#include "lane/congestion.h"

#include <string.h>

#include "unit.h"

enum {
	SECOND = 1000 / CONGESTION_SAMPLE_MS, /* samples */
	MTU = 1448,
	LEAST_US = 40000,
};

static struct congestion congestion;
static struct congestion_view view;
static struct mono now;
static struct tcp_path path;
static unsigned changes;
static uint64_t passes; /* bytes in a sample */
static bool breaks;     /* nothing arrives any more */

/* A path of 40 ms, on which a connection sends all the time and loses nothing. */
static void setup(void)
{
	congestion_init(&congestion);
	memset(&view, 0, sizeof(view));
	now.ns = INT64_C(1000000000000);
	path = (struct tcp_path){ .rtt_us = LEAST_US, .least_rtt_us = LEAST_US, .rate = 275000 };
	changes = 0;
	passes = 50 * MTU;
	breaks = false;
}

static void teardown(void)
{
}

/* A sample later: so many bytes were sent, of which so many were sent again. */
static void sample(uint64_t sent, uint64_t resent, bool limited)
{
	enum congestion_control wanted;

	now = mono_add(now, DURATION_MS(CONGESTION_SAMPLE_MS));
	path.sent += sent;
	path.acked += breaks ? 0 : sent - resent;
	path.resent += resent;
	wanted = congestion_judge(&congestion, now, &path, limited, &view);
	if (wanted == congestion.control)
		return;
	if (changes > 0)
		ck_assert_int_ge(
			mono_since(now, congestion.changed).ns, DURATION_S(CONGESTION_HOLD_S).ns);
	congestion_changed(&congestion, wanted, now);
	changes++;
}

static void idle_for(int seconds)
{
	now = mono_add(now, DURATION_S(seconds));
}

/* For so many seconds fifty segments leave in each sample, and every other one loses a segment. */
static void lossy(int seconds)
{
	for (int i = 0; i < seconds * SECOND; i++)
		sample(passes, i % 2 == 0 ? MTU : 0, true);
}

static void clean(int seconds)
{
	for (int i = 0; i < seconds * SECOND; i++)
		sample(passes, 0, true);
}

static void make_fast(void)
{
	passes = CONGESTION_FAST / SECOND;
}

/* ---- to BBR ---- */

START_TEST(losses_without_a_queue_lead_to_bbr)
{
	lossy(4);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_ge(view.loss_ppm, 8000); /* about one of a hundred */
	ck_assert_uint_le(view.loss_ppm, 15000);
	ck_assert_uint_eq(view.rtt_us, LEAST_US);
	ck_assert_uint_eq(view.least_rtt_us, LEAST_US);
	ck_assert_uint_eq(view.rate, 50 * MTU * SECOND);
}
END_TEST

START_TEST(two_losses_in_three_seconds_are_enough)
{
	clean(1);
	sample(500 * MTU, MTU, true);
	clean(1);
	sample(500 * MTU, MTU, true);
	clean(1);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
}
END_TEST

START_TEST(one_burst_of_losses_is_not)
{
	clean(1);
	for (int i = 0; i < 5; i++)
		sample(500 * MTU, 100 * MTU, true);
	clean(30);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(few_losses_in_much_are_not)
{
	for (int i = 0; i < 30 * SECOND; i++)
		sample(10000 * MTU, i % 2 == 0 ? MTU : 0, true); /* 50 of a million */
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* A cable that is pulled: the kernel sends again, now and then, and nothing arrives. */
START_TEST(a_broken_path_changes_nothing)
{
	clean(4);
	breaks = true;
	for (int i = 0; i < 10 * SECOND; i++)
		sample(i % 5 == 0 ? MTU : 0, i % 5 == 0 ? MTU : 0, true);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* A terminal session that loses a packet now and then is not held up by it. */
START_TEST(a_lane_that_sends_little_changes_nothing)
{
	for (int i = 0; i < 60 * SECOND; i++)
		sample(2000, i % 5 == 0 ? 100 : 0, true);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(a_clean_path_keeps_the_kernels)
{
	clean(600);
	ck_assert_int_eq(congestion.control, CONGESTION_KERNEL);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* A queue grows for a second and loses a segment when it is full, as CUBIC fills it. */
static void fill_and_lose(int times, uint32_t shortest_us, uint32_t longest_us)
{
	for (int i = 0; i < times * SECOND; i++) {
		int step = i % SECOND;

		path.rtt_us = shortest_us +
			(longest_us - shortest_us) * (uint32_t)step / (SECOND - 1);
		sample(passes, step == SECOND - 1 ? MTU : 0, true);
	}
}

/* Losses of a full queue are the kernel's business: its control shares the link with others by them. */
START_TEST(losses_with_a_queue_change_nothing)
{
	fill_and_lose(60, LEAST_US + LEAST_US / 4, 2 * LEAST_US);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* A queue of a few milliseconds, which a round trip near its least hides. */
START_TEST(losses_with_a_short_queue_change_nothing)
{
	fill_and_lose(60, LEAST_US, LEAST_US + LEAST_US / TCP_PATH_QUEUE_SHARE);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* One that is seldom seen otherwise: only losses come with it. */
START_TEST(losses_in_queued_samples_change_nothing)
{
	clean(1);
	for (int i = 0; i < 60 * SECOND; i++) {
		bool full = i % 20 == 0;

		/* Longer round trips without a loss keep the rank low. */
		path.rtt_us = full ? 2 * LEAST_US : i % 20 == 10 ? 3 * LEAST_US : LEAST_US;
		sample(passes, full ? MTU : 0, true);
	}
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* At first it needs a round trip near its least: these are fewer losses than CONGESTION_RANKS. */
START_TEST(a_few_losses_far_from_the_least_are_not_enough)
{
	path.rtt_us = LEAST_US + LEAST_US / TCP_PATH_QUEUE_SHARE + 1;
	lossy(1);
	ck_assert_uint_eq(changes, 0);
	idle_for(2);
	path.rtt_us--;
	lossy(1);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

START_TEST(a_short_round_trip_may_vary_by_two_milliseconds)
{
	path.least_rtt_us = 500;
	path.rtt_us = 500 + TCP_PATH_QUEUE_US + 1;
	lossy(1);
	ck_assert_uint_eq(changes, 0);
	idle_for(2);
	path.rtt_us--;
	lossy(1);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* Losses of a tenth of the samples, at a rate that varies by so many percent up and down. */
static void lose_at_random(int seconds, uint64_t percent, uint32_t least_us, uint32_t jitter_us)
{
	for (int i = 0; i < seconds * SECOND; i++) {
		uint64_t part = passes / 100 * percent;

		path.rtt_us = least_us + jitter_us / 6 * (uint32_t)(i / 3 * 5 % 7);
		sample(i % 4 < 2 ? passes + part : passes - part, i % 10 == 9 ? MTU : 0, true);
	}
}

/* Jitter: the round trip is never near its least, and losses come at any. */
START_TEST(losses_at_any_round_trip_lead_to_bbr)
{
	lose_at_random(6, CONGESTION_VARIES + 1, LEAST_US + LEAST_US / 4, LEAST_US);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* The round trip of a short queue changes faster than samples show it. */
START_TEST(a_full_link_explains_losses)
{
	lose_at_random(60, CONGESTION_VARIES - 1, LEAST_US + LEAST_US / 4, LEAST_US);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* The kernel keeps the least round trip of a shorter way for minutes. */
START_TEST(losses_on_a_longer_way_lead_to_bbr)
{
	clean(4);
	lose_at_random(6, CONGESTION_VARIES + 1, 3 * LEAST_US, 0);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
}
END_TEST

/* What the ranks of one window say is no reason to change later. */
START_TEST(a_pause_forgets_the_losses_before)
{
	for (int i = 0; i < 20; i++) {
		path.rtt_us = 2 * LEAST_US;
		clean(1);
		sample(2 * passes, MTU, true);
		clean(1);
		sample(2 * passes, MTU, true);
		clean(1);
		idle_for(2);
	}
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* The sample with a loss may come after the queue has gone. */
START_TEST(the_round_trip_before_a_loss_counts)
{
	for (int i = 0; i < 60 * SECOND; i++) {
		int step = i % SECOND;

		path.rtt_us = step < 15 ? 2 * LEAST_US + (uint32_t)step : LEAST_US + LEAST_US / 4;
		sample(passes, step == 15 ? MTU : 0, true);
	}
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(a_queue_now_and_then_is_no_standing_one)
{
	for (int i = 0; i < 4 * SECOND; i++) {
		path.rtt_us = i % 5 == 0 ? 2 * LEAST_US : LEAST_US;
		sample(50 * MTU, i % 2 == 0 ? MTU : 0, true);
	}
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* After a rest the smoothed round trip still counts delayed acknowledgements. */
START_TEST(a_falling_round_trip_is_no_queue)
{
	path.rtt_us = 3 * LEAST_US;
	for (int i = 0; i < SECOND; i++) {
		path.rtt_us -= LEAST_US / SECOND;
		sample(passes, i % 3 == 0 ? MTU : 0, true);
	}
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* On a long way the segments of one loss are sent again with pauses, for a round trip. */
START_TEST(one_loss_on_a_long_way_is_one)
{
	enum { LONG_US = 400000, PAUSE = LONG_US / 1000 / CONGESTION_SAMPLE_MS };

	path.rtt_us = path.least_rtt_us = LONG_US;
	clean(1);
	for (int i = 0; i <= PAUSE; i++)
		sample(passes, i % PAUSE == 0 ? MTU : 0, true);
	clean(4);
	ck_assert_uint_eq(changes, 0);
	sample(passes, MTU, true);
	for (int i = 0; i <= PAUSE; i++)
		sample(passes, 0, true);
	sample(passes, MTU, true);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* What an inner connection loses before the change costs it seconds. */
START_TEST(the_change_comes_soon)
{
	for (int i = 0; i <= CONGESTION_WINDOW_LEAST; i++)
		sample(passes, i % 3 == 1 ? MTU : 0, true);
	ck_assert_uint_eq(changes, 1);
}
END_TEST

/* What sends little is not held up by losses. */
START_TEST(a_sender_that_is_not_limited_changes_nothing)
{
	for (int i = 0; i < 60 * SECOND; i++)
		sample(50 * MTU, i % 3 == 0 ? MTU : 0, i % 2 == 0);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(a_pause_begins_a_new_window)
{
	for (int i = 0; i < 20; i++) {
		clean(1);
		sample(50 * MTU, MTU, true);
		idle_for(2);
	}
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* What was sent before the first sample is nobody's loss. */
START_TEST(the_first_sample_is_only_a_beginning)
{
	path.sent = UINT64_C(1) << 40;
	path.resent = UINT64_C(1) << 39;
	clean(10);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* The kernel's counters of another first path (MPTCP) may be smaller. */
START_TEST(counters_that_go_back_count_nothing)
{
	clean(4);
	path.sent = path.resent = 0;
	clean(4);
	ck_assert_uint_eq(changes, 0);
}
END_TEST

/* ---- and back ---- */

START_TEST(clean_and_fast_leads_back)
{
	lossy(4);
	make_fast();
	clean(CONGESTION_CLEAN_S - 1);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
	clean(3);
	ck_assert_int_eq(congestion.control, CONGESTION_KERNEL);
	ck_assert_uint_eq(changes, 2);
	ck_assert_uint_eq(view.loss_ppm, 0);
	ck_assert_uint_eq(view.rate, CONGESTION_FAST);
}
END_TEST

START_TEST(a_clean_slow_path_keeps_bbr)
{
	lossy(4);
	passes = CONGESTION_FAST / SECOND - SECOND;
	clean(600);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
}
END_TEST

START_TEST(each_loss_begins_the_clean_time_again)
{
	lossy(4);
	make_fast();
	for (int i = 0; i < 20; i++) {
		clean(CONGESTION_CLEAN_S - 1);
		sample(50 * MTU, MTU, true);
	}
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
}
END_TEST

START_TEST(changes_are_ten_seconds_apart)
{
	lossy(4);
	make_fast();
	clean(CONGESTION_CLEAN_S + 2);
	ck_assert_int_eq(congestion.control, CONGESTION_KERNEL);
	passes = 50 * MTU;
	lossy(CONGESTION_HOLD_S - 3);
	ck_assert_int_eq(congestion.control, CONGESTION_KERNEL);
	lossy(4);
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
	ck_assert_uint_eq(changes, 3);
}
END_TEST

/* A path that is clean for twelve seconds of every minute: each return takes twice as long, in the end none comes. */
START_TEST(a_changing_path_does_not_flap)
{
	for (int minute = 0; minute < 60; minute++) {
		make_fast();
		clean(12);
		passes = 50 * MTU;
		lossy(48);
	}
	ck_assert_int_eq(congestion.control, CONGESTION_BBR);
	ck_assert_uint_le(changes, 3);
}
END_TEST

START_TEST(the_clean_time_has_a_limit)
{
	for (int i = 0; i < 20; i++) {
		passes = 50 * MTU;
		lossy(15);
		make_fast();
		clean(CONGESTION_CLEAN_MOST_S + 2);
		ck_assert_int_eq(congestion.control, CONGESTION_KERNEL);
	}
}
END_TEST

/* ---- slow start ---- */

/* A sample in which packets wait, or not. */
static bool begins_again(bool waits)
{
	now = mono_add(now, DURATION_MS(CONGESTION_SAMPLE_MS));
	return congestion_begins_again(&congestion, now, &path, waits);
}

START_TEST(slow_start_that_ended_early_begins_again)
{
	path.slow_start_over = true;
	ck_assert(!begins_again(false));
	ck_assert(begins_again(true));
	/* What it ends by then is the path. */
	ck_assert(!begins_again(true));
}
END_TEST

START_TEST(slow_start_that_the_path_ended_does_not)
{
	ck_assert(!begins_again(false));
	ck_assert(!begins_again(true));
	path.slow_start_over = true;
	ck_assert(!begins_again(true));
	ck_assert(!begins_again(true));
}
END_TEST

START_TEST(slow_start_does_not_begin_again_where_it_cannot_help)
{
	path.slow_start_over = true;
	path.resent = 1; /* the window was too large before */
	ck_assert(!begins_again(false));
	ck_assert(!begins_again(true));

	path.resent = 0;
	ck_assert(!begins_again(false));
	path.rtt_us = 2 * LEAST_US; /* the path is full already */
	ck_assert(!begins_again(true));

	path.rtt_us = path.least_rtt_us = CONGESTION_FAR_US - 1;
	ck_assert(!begins_again(false));
	ck_assert(!begins_again(true));

	path.rtt_us = path.least_rtt_us = CONGESTION_FAR_US;
	congestion_changed(&congestion, CONGESTION_BBR, now);
	ck_assert(!begins_again(false));
	ck_assert(!begins_again(true));
	congestion_changed(&congestion, CONGESTION_KERNEL, now);
	ck_assert(!begins_again(false));
	ck_assert(begins_again(true));
}
END_TEST

START_TEST(slow_start_does_not_begin_again_all_the_time)
{
	unsigned times = 0;

	path.slow_start_over = true;
	for (int i = 0; i < 30 * SECOND; i++)
		times += begins_again(i % 2 == 1);
	ck_assert_uint_eq(times, 3);
}
END_TEST

START_TEST(the_text_has_units)
{
	char text[CONGESTION_VIEW_TEXT_MAX];
	const struct congestion_view shown = { 10500, 40100, 40000, 275000 };

	ck_assert_str_eq(congestion_view_text(text, &shown),
		"1.05 % lost, round trip 40.1 ms, least 40.0 ms, 2.2 Mbit/s");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { losses_without_a_queue_lead_to_bbr,
		two_losses_in_three_seconds_are_enough, one_burst_of_losses_is_not,
		a_broken_path_changes_nothing, a_lane_that_sends_little_changes_nothing,
		few_losses_in_much_are_not, a_clean_path_keeps_the_kernels,
		losses_with_a_queue_change_nothing, losses_with_a_short_queue_change_nothing,
		losses_in_queued_samples_change_nothing,
		a_few_losses_far_from_the_least_are_not_enough,
		a_short_round_trip_may_vary_by_two_milliseconds,
		losses_at_any_round_trip_lead_to_bbr, losses_on_a_longer_way_lead_to_bbr,
		a_full_link_explains_losses, a_pause_forgets_the_losses_before,
		the_round_trip_before_a_loss_counts, a_queue_now_and_then_is_no_standing_one,
		a_falling_round_trip_is_no_queue, one_loss_on_a_long_way_is_one,
		the_change_comes_soon, a_sender_that_is_not_limited_changes_nothing,
		a_pause_begins_a_new_window, the_first_sample_is_only_a_beginning,
		counters_that_go_back_count_nothing, clean_and_fast_leads_back,
		a_clean_slow_path_keeps_bbr, each_loss_begins_the_clean_time_again,
		changes_are_ten_seconds_apart, a_changing_path_does_not_flap,
		the_clean_time_has_a_limit, slow_start_that_ended_early_begins_again,
		slow_start_that_the_path_ended_does_not,
		slow_start_does_not_begin_again_where_it_cannot_help,
		slow_start_does_not_begin_again_all_the_time, the_text_has_units };

	return unit_suite("congestion", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("congestion", suite());
}
