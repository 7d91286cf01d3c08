/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test's main() shares.
 *
 * A test file makes one libcheck suite and ends with
 *
 *	static Suite *suite(void)
 *	{
 *		const TTest *const tests[] = { reads_big_endian, writes_big_endian };
 *
 *		return unit_suite("bytes", setup, teardown, tests, ARRAY_SIZE(tests));
 *	}
 *
 *	int main(void)
 *	{
 *		return unit_run("bytes", suite());
 *	}
 *
 * The time limit of a test and the cases of a suite that has several are made with unit_add_case(). unit_add() adds one
 * test without a fixture, unit_add_loop() one that runs for each row of a table.
 *
 * The closing line "NN%: Checks: n, Failures: n, Errors: n" is libcheck's and is what scripts/check
 * counts. Each test runs in a process of its own (CK_FORK=no in the environment turns that off, for a
 * debugger, and in scripts/check for valgrind unless the test says own-process); time limits are libcheck's (CK_DEFAULT_TIMEOUT, CK_TIMEOUT_MULTIPLIER).
 */
#ifndef CULVERT_TESTS_UNIT_UNIT_H
#define CULVERT_TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

/* Copies a text into an array, which has to hold it. */
#define unit_text(array, text) \
	ck_assert_int_lt(snprintf((array), sizeof(array), "%s", (text)), (int)sizeof(array))

/*
 * How many of the rounds of a long loop a test takes: all of them, or the part of them that the environment's
 * UNIT_ROUNDS_DIVISOR leaves, where each round costs too much (valgrind). At least one.
 */
static inline int unit_rounds(int all)
{
	const char *text = getenv("UNIT_ROUNDS_DIVISOR");
	int divisor = text ? atoi(text) : 1;

	return divisor <= 1 ? all : all / divisor + 1;
}

/* Adds one case with one test to a suite: the common shape of a test file. */
static inline void unit_add(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

/* The same with what is to be done before and after it. */
static inline void unit_add_between(
	Suite *suite, const char *name, const TTest *test, SFun set_up, SFun tear_down)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

/* Adds one case with one test that runs once for each number from `start` up to `end`, which is not included. */
static inline void unit_add_loop(
	Suite *suite, const char *name, const TTest *test, size_t start, size_t end)
{
	TCase *tcase = tcase_create(name);

	tcase_add_loop_test(tcase, test, (int)start, (int)end);
	suite_add_tcase(suite, tcase);
}

/*
 * Adds one case with several tests. `set_up` and `tear_down` run before and after each of them; NULL stands for nothing.
 * Returns the case, which belongs to the suite, for those that set a time limit.
 */
static inline TCase *unit_add_case(Suite *suite, const char *name, SFun set_up, SFun tear_down,
	const TTest *const *tests, size_t count)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return tcase;
}

/* A suite of one such case, which has the suite's name: the shape of a file whose tests share their fixture. */
static inline Suite *unit_suite(
	const char *name, SFun set_up, SFun tear_down, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);

	(void)unit_add_case(suite, name, set_up, tear_down, tests, count);
	return suite;
}

/*
 * Runs a suite and frees it. Returns the exit status for main(): failure when a check failed, and when
 * the suite held none.
 */
static inline int unit_run(const char *name, Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed, run;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	run = srunner_ntests_run(runner);
	srunner_free(runner);
	if (run == 0)
		fprintf(stderr, "%s: the suite holds no test\n", name);
	return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
