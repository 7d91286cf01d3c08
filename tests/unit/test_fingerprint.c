/* SPDX-License-Identifier: Apache-2.0 */
/* base/fingerprint: the values that the authors of FNV-1a have published, which files of netd rest on. */
#include "base/fingerprint.h"

#include "tests/unit/unit.h"

START_TEST(published_values)
{
	ck_assert_uint_eq(fingerprint_of_text(""), FINGERPRINT_OF_NOTHING);
	ck_assert_uint_eq(fingerprint_of_text("a"), UINT64_C(0xaf63dc4c8601ec8c));
	ck_assert_uint_eq(fingerprint_of_text("foobar"), UINT64_C(0x85944171f73967e8));
}
END_TEST

START_TEST(parts_are_the_whole)
{
	uint64_t part = fingerprint_add(FINGERPRINT_OF_NOTHING, "foo", 3);

	ck_assert_uint_eq(fingerprint_add(part, "bar", 3), fingerprint_of_text("foobar"));
	ck_assert_uint_eq(fingerprint_add(part, "", 0), part);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { published_values, parts_are_the_whole };
	Suite *suite = suite_create("fingerprint");

	unit_add_case(suite, "fingerprint", NULL, NULL, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("fingerprint", suite);
}
