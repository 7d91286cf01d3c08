/* SPDX-License-Identifier: Apache-2.0 */
/* base/log_quota: a peer with many texts fills no log, and takes no line from another. */
#include "base/log_quota.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct log_quota quota;

static struct mono at_ms(int64_t ms)
{
	return mono_add((struct mono){ .ns = 7000000000 }, DURATION_MS(ms));
}

static void set_up(void)
{
	memset(&quota, 0, sizeof(quota));
}

static bool may(const char *text, int64_t ms)
{
	uint64_t held;
	int len;

	return log_quota_take(&quota, text, at_ms(ms), &held, &len);
}

START_TEST(one_subject)
{
	uint64_t held;
	char text[64];
	int passed = 0, len;

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "peer-a: route 10.%d.0.0/16", i);
		passed += may(text, 0);
	}
	ck_assert_int_eq(passed, LOG_QUOTA_BURST);
	ck_assert(may("peer-b: hello", 0));
	ck_assert(!may("peer-a: hello", 499));
	ck_assert(log_quota_take(&quota, "peer-a: again", at_ms(501), &held, &len));
	ck_assert_uint_eq(held, 1000 - LOG_QUOTA_BURST + 1);
	ck_assert_int_eq(len, 6);
	ck_assert(log_quota_take(&quota, "peer-a: again", at_ms(1001), &held, &len));
	ck_assert_uint_eq(held, 0);
}
END_TEST

/* Names that differ in one letter, the first or the last. */
START_TEST(similar_names)
{
	for (int i = 0; i <= LOG_QUOTA_BURST; i++)
		(void)may("a: hello", 0);
	ck_assert(!may("a: hello", 0));
	ck_assert(may("b: hello", 0));
	ck_assert(may("ba: hello", 0));
	ck_assert(may("ab: hello", 0));
	for (int i = 0; i <= LOG_QUOTA_BURST; i++)
		(void)may("ba: hello", 0);
	ck_assert(may("da: hello", 0));
}
END_TEST

/* The logger is at most as loud as all subjects together, however many names there are. */
START_TEST(many_subjects)
{
	char text[64];
	int passed = 0;

	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "peer-%d: hello", i);
		passed += may(text, 0);
	}
	ck_assert_int_eq(passed, LOG_QUOTA_SUBJECTS * LOG_QUOTA_BURST);
}
END_TEST

START_TEST(no_subject)
{
	char text[LOG_QUOTA_SUBJECT_MAX + 4];
	uint64_t held;
	int len;

	for (int i = 0; i < 2 * LOG_QUOTA_BURST; i++) {
		ck_assert(log_quota_take(&quota, "the network has changed", at_ms(0), &held, &len));
		ck_assert_uint_eq(held, 0);
		ck_assert_int_eq(len, 0);
	}
	memset(text, 'a', sizeof(text));
	memcpy(text + LOG_QUOTA_SUBJECT_MAX + 1, ": ", 3);
	for (int i = 0; i < 2 * LOG_QUOTA_BURST; i++)
		ck_assert(may(text, 0));
	/* The longest that is one. */
	memcpy(text + LOG_QUOTA_SUBJECT_MAX, ":", 2);
	for (int i = 0; i < LOG_QUOTA_BURST; i++)
		ck_assert(may(text, 0));
	ck_assert(!may(text, 0));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { one_subject, similar_names, many_subjects, no_subject };
	Suite *suite = suite_create("log_quota");

	unit_add_case(suite, "log_quota", set_up, NULL, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("log_quota", suite);
}
