/* SPDX-License-Identifier: Apache-2.0 */
#include "base/backoff.h"

#include "random.h"
#include "unit.h"

static struct backoff fresh(void)
{
	return (struct backoff){ .first = DURATION_MS(200), .longest = DURATION_S(30) };
}

START_TEST(limits_double_up_to_the_longest)
{
	/* 0.2 s × 2^n, at most 30 s; a `random` of 0 gives the lower end, half of it. */
	static const int64_t limits_ms[] = { 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000,
		30000 };
	struct backoff low = fresh(), high = fresh();

	for (size_t i = 0; i < ARRAY_SIZE(limits_ms); i++) {
		int64_t limit = limits_ms[i] * 1000000;

		ck_assert_int_eq(backoff_next(&low, 0).ns, limit / 2);
		/* The range has limit - limit/2 + 1 values: the last is the limit itself. */
		ck_assert_int_eq(backoff_next(&high, (uint64_t)(limit - limit / 2)).ns, limit);
	}
}
END_TEST

START_TEST(every_wait_lies_in_the_upper_half)
{
	struct random random = { 1 };
	struct backoff backoff = fresh();
	int64_t limit = backoff.first.ns;

	for (int i = 0; i < 1000; i++) {
		int64_t wait = backoff_next(&backoff, random_next(&random)).ns;

		ck_assert_int_ge(wait, limit / 2);
		ck_assert_int_le(wait, limit);
		limit = limit * 2 < backoff.longest.ns ? limit * 2 : backoff.longest.ns;
	}
}
END_TEST

START_TEST(reset_begins_again)
{
	struct backoff backoff = fresh();

	for (int i = 0; i < 20; i++)
		(void)backoff_next(&backoff, 0);
	backoff_reset(&backoff);
	ck_assert_uint_eq(backoff.attempt, 0);
	ck_assert_int_eq(backoff_next(&backoff, 0).ns, DURATION_MS(100).ns);
}
END_TEST

START_TEST(never_overflows)
{
	struct backoff backoff = { .first = { 1 }, .longest = { INT64_MAX } };

	for (int i = 0; i < 100; i++)
		ck_assert_int_ge(backoff_next(&backoff, UINT64_MAX).ns, 0);
	ck_assert_int_ge(backoff_next(&backoff, 0).ns, INT64_MAX / 4);
}
END_TEST

START_TEST(first_above_longest_is_the_longest)
{
	struct backoff backoff = { .first = DURATION_S(9), .longest = DURATION_S(2) };

	ck_assert_int_eq(backoff_next(&backoff, 0).ns, DURATION_S(1).ns);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("backoff");

	unit_add(suite, "limits", limits_double_up_to_the_longest);
	unit_add(suite, "range", every_wait_lies_in_the_upper_half);
	unit_add(suite, "reset", reset_begins_again);
	unit_add(suite, "overflow", never_overflows);
	unit_add(suite, "longest", first_above_longest_is_the_longest);
	return suite;
}

int main(void)
{
	return unit_run("backoff", suite());
}
