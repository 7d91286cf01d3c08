/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error_text.h"

#include <errno.h>
#include <limits.h>

#include "tests/unit/unit.h"

START_TEST(either_sign)
{
	ck_assert_str_eq(error_text(ENODEV), "No such device");
	ck_assert_str_eq(error_text(-ENODEV), "No such device");
	ck_assert_str_eq(error_text(0), "Success");
}
END_TEST

START_TEST(no_errno)
{
	const int numbers[] = { 4095, -4095, INT_MAX, -INT_MAX, INT_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_str_eq(error_text(numbers[i]), "unknown error");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { either_sign, no_errno };

	return unit_suite("error_text", NULL, NULL, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("error_text", suite());
}
