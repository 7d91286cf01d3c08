/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/wall_clock.h"

#include <time.h>

#include "unit.h"

START_TEST(the_wall_clock_counts_seconds)
{
	int64_t before = (int64_t)time(NULL);
	int64_t now = wall_now();

	/* A build with a test clock adds what its file says. */
#ifndef CULVERT_TEST_CLOCK
	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, (int64_t)time(NULL));
#else
	(void)before;
	(void)now;
#endif
}
END_TEST

START_TEST(durations_show_two_units)
{
	char text[DURATION_TEXT_MAX];

	ck_assert_str_eq(duration_format(DURATION_S(59), text), "59 s");
	ck_assert_str_eq(duration_format(DURATION_S(184), text), "3 min 4 s");
	ck_assert_str_eq(duration_format(DURATION_S(3600 * 51), text), "2 d 3 h");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("wall_clock");

	unit_add(suite, "wall", the_wall_clock_counts_seconds);
	unit_add(suite, "text", durations_show_two_units);
	return suite;
}

int main(void)
{
	return unit_run("wall_clock", suite());
}
