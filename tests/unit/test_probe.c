/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement on a probed announcement, in a world whose time and targets the test plays. */
#include "engine/probe.h"

#include "tests/unit/unit.h"

static const struct settings_probe_rule rule = { .interval = { 400000000 }, .down = 3, .up = 5 };
static struct probe probe;
static struct mono now;
static unsigned told; /* how often its state has changed */

static void setup(void)
{
	now = (struct mono){ DURATION_S(1000).ns };
	told = 0;
	probe_init(&probe, &rule, false, now);
}

/* So many probes, an interval apart, with that result. */
static void probes(unsigned count, bool answered)
{
	for (unsigned i = 0; i < count; i++) {
		now = mono_add(now, rule.interval);
		told += probe_take(&probe, answered, "no answer", now);
	}
}

static void is(enum probe_state state)
{
	ck_assert_int_eq(probe.state, state);
	ck_assert(probe_announces(&probe) == (state == PROBE_ALIVE));
}

START_TEST(the_first_result_decides)
{
	is(PROBE_UNKNOWN);
	ck_assert_str_eq(probe_state_text(&probe), "unknown");
	probes(1, true);
	is(PROBE_ALIVE);
	ck_assert_str_eq(probe_state_text(&probe), "alive");
	setup();
	probes(1, false);
	is(PROBE_DEAD);
	ck_assert_str_eq(probe_state_text(&probe), "dead");
	ck_assert_str_eq(probe.why, "no answer");
	ck_assert_uint_eq(probe.changes, 0);
}
END_TEST

/* The engine before has announced it. */
START_TEST(trusted_until_the_first_result)
{
	probe_init(&probe, &rule, true, now);
	ck_assert(probe_announces(&probe));
	probes(1, false);
	is(PROBE_DEAD);
}
END_TEST

START_TEST(so_many_failures_in_a_row)
{
	probes(1, true);
	for (int i = 0; i < 10; i++) {
		probes(2, false);
		probes(1, true);
	}
	is(PROBE_ALIVE);
	probes(2, false);
	is(PROBE_ALIVE);
	probes(1, false);
	is(PROBE_DEAD);
	ck_assert_uint_eq(told, 2);
	ck_assert_uint_eq(probe.changes, 1);
}
END_TEST

/* The worst case that the manual names: it dies right after an answer. */
START_TEST(the_bound_holds)
{
	struct mono died;

	probes(1, true);
	died = now;
	while (probe.state == PROBE_ALIVE)
		probes(1, false);
	/* The last of the three began two intervals after the first, and had one for its answer. */
	ck_assert_int_le(duration_ms(mono_since(now, died)) + duration_ms(rule.interval), 1600);
}
END_TEST

START_TEST(so_many_answers_in_a_row)
{
	probes(1, false);
	probes(4, true);
	probes(1, false);
	probes(4, true);
	is(PROBE_DEAD);
	ck_assert_uint_eq(probe.streak, 4);
	probes(1, true);
	is(PROBE_ALIVE);
	ck_assert_uint_eq(probe.doublings, 0);
}
END_TEST

/* Dead, and back after as many answers as are needed. Returns that number. */
static unsigned flaps(void)
{
	unsigned needed;

	probes(3, false);
	is(PROBE_DEAD);
	needed = probe_needed(&probe);
	probes(needed - 1, true);
	is(PROBE_DEAD);
	probes(1, true);
	is(PROBE_ALIVE);
	return needed;
}

/* The first death is free, as it was alive since the start; 60 s are 150 probes. */
START_TEST(one_that_flaps_is_held_down)
{
	static const unsigned needed[] = { 5, 10, 20, 40, 80, 150, 150, 150, 150, 150, 150 };

	probes(1, true);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		ck_assert_uint_eq(flaps(), needed[i]);
	ck_assert_uint_eq(probe.changes, 2 * ARRAY_SIZE(needed));
}
END_TEST

START_TEST(a_steady_minute_is_forgiven)
{
	probes(1, true);
	flaps();
	ck_assert_uint_eq(flaps(), 10);
	probes(140, true);
	ck_assert_uint_eq(flaps(), 20);
	probes(150, true);
	ck_assert_uint_eq(flaps(), 5);
}
END_TEST

/* Neither makes a target wait longer than its own rule says. */
START_TEST(long_intervals_are_not_doubled_away)
{
	const struct settings_probe_rule slow = { .interval = DURATION_S(60), .down = 1, .up = 2 };

	probe_init(&probe, &slow, false, now);
	ck_assert_uint_eq(probe_needed(&probe), 2);
	probe.doublings = PROBE_DOUBLINGS_MAX;
	ck_assert_uint_eq(probe_needed(&probe), 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { the_first_result_decides, trusted_until_the_first_result,
		so_many_failures_in_a_row, the_bound_holds, so_many_answers_in_a_row,
		one_that_flaps_is_held_down, a_steady_minute_is_forgiven,
		long_intervals_are_not_doubled_away };

	return unit_suite("probe", setup, NULL, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("probe", suite());
}
