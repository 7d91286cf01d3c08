/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

#include "unit.h"

static struct mono at_ms(int64_t ms)
{
	struct mono start = { .ns = 0 };
	struct duration since = DURATION_MS(ms);

	return mono_add(start, since);
}

static int take_all(struct rate *rate, struct mono now)
{
	int taken = 0;

	while (taken < 1000 && rate_take(rate, now))
		taken++;
	return taken;
}

START_TEST(starts_full_and_refills)
{
	struct rate rate;

	rate_init(&rate, 10, 5, at_ms(0));
	ck_assert_int_eq(take_all(&rate, at_ms(0)), 5);
	ck_assert_int_eq(take_all(&rate, at_ms(99)), 0);
	ck_assert_int_eq(take_all(&rate, at_ms(101)), 1);
	ck_assert_int_eq(take_all(&rate, at_ms(401)), 3);
}
END_TEST

START_TEST(never_holds_more_than_the_burst)
{
	struct rate rate;

	rate_init(&rate, 10, 5, at_ms(0));
	ck_assert_int_eq(take_all(&rate, at_ms(3600000)), 5);
}
END_TEST

START_TEST(sustains_its_rate)
{
	struct rate rate;
	int taken = 0;

	rate_init(&rate, 20, 1, at_ms(0));
	for (int64_t ms = 0; ms <= 10000; ms++)
		taken += rate_take(&rate, at_ms(ms));
	/*
	 * 20 a second for 10 s and the one at the start; a token may be short of whole by rounding.
	 */
	ck_assert_int_ge(taken, 199);
	ck_assert_int_le(taken, 201);
}
END_TEST

START_TEST(a_debt_is_paid_first)
{
	struct rate rate;

	rate_init(&rate, 10, 5, at_ms(0));
	ck_assert_int_eq(rate_wait(&rate, 5, at_ms(0)).ns, 0);
	rate_charge(&rate, 7, at_ms(0));
	ck_assert(!rate_take(&rate, at_ms(299)));
	ck_assert_int_eq(duration_ms(rate_wait(&rate, 1, at_ms(299))), 1);
	ck_assert(rate_take(&rate, at_ms(301)));
	ck_assert_int_eq(duration_ms(rate_wait(&rate, 5, at_ms(301))), 499);
	ck_assert_int_eq(take_all(&rate, at_ms(3600000)), 5);
}
END_TEST

START_TEST(time_that_goes_back_gives_nothing)
{
	struct rate rate;

	rate_init(&rate, 1000, 1, at_ms(1000));
	ck_assert(rate_take(&rate, at_ms(1000)));
	ck_assert(!rate_take(&rate, at_ms(0)));
	ck_assert(!rate_take(&rate, at_ms(1000)));
	ck_assert(rate_take(&rate, at_ms(1002)));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("rate");

	unit_add(suite, "refill", starts_full_and_refills);
	unit_add(suite, "burst", never_holds_more_than_the_burst);
	unit_add(suite, "sustained", sustains_its_rate);
	unit_add(suite, "debt", a_debt_is_paid_first);
	unit_add(suite, "backwards", time_that_goes_back_gives_nothing);
	return suite;
}

int main(void)
{
	return unit_run("rate", suite());
}
