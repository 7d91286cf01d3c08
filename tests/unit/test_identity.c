/* SPDX-License-Identifier: Apache-2.0 */
#include "base/identity.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "unit.h"

static int set(const char *text)
{
	struct identity identity;

	return identity_set(&identity, text, strlen(text));
}

START_TEST(good_names_are_taken)
{
	static const char *const names[] = { "a", "Z", "9", "-", "_", "gw-b.example.org", "a..b",
		"...", ".hidden", "A_b-C.9" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct identity identity;

		ck_assert_int_eq(identity_set(&identity, names[i], strlen(names[i])), 0);
		ck_assert_str_eq(identity.name, names[i]);
	}
}
END_TEST

START_TEST(odd_names_are_refused)
{
	static const char *const names[] = { "", ".", "..", "../../etc/passwd", "a/b", "a b",
		"$(id)", "a\n", "\xc3\xa4", "a,b", "a%s", "a\\b", "*", "a:b", "a@b" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(set(names[i]) == -EINVAL, "taken: \"%s\"", names[i]);
}
END_TEST

START_TEST(only_the_documented_characters)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	for (int c = 0; c < 256; c++) {
		struct identity identity;
		char text[2] = { 'x', (char)c };
		bool expected = c != 0 && strchr(allowed, c);

		ck_assert_msg((identity_set(&identity, text, 2) == 0) == expected, "byte %d", c);
	}
}
END_TEST

START_TEST(length_is_bounded)
{
	struct identity identity;
	char text[IDENTITY_MAX + 1];

	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(identity_set(&identity, text, IDENTITY_MAX), 0);
	ck_assert_uint_eq(strlen(identity.name), IDENTITY_MAX);
	ck_assert_int_eq(identity_set(&identity, text, IDENTITY_MAX + 1), -EINVAL);
}
END_TEST

START_TEST(failure_leaves_the_result_alone)
{
	struct identity identity = { .name = "before" };

	ck_assert_int_eq(identity_set(&identity, "a\0b", 3), -EINVAL);
	ck_assert_str_eq(identity.name, "before");
}
END_TEST

START_TEST(equality_knows_case)
{
	struct identity a, b, c;

	ck_assert_int_eq(identity_set(&a, "branch-a", 8), 0);
	ck_assert_int_eq(identity_set(&b, "branch-abc", 8), 0);
	ck_assert_int_eq(identity_set(&c, "Branch-a", 8), 0);
	ck_assert(identity_equal(&a, &b));
	ck_assert(!identity_equal(&a, &c));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("identity");

	unit_add(suite, "good", good_names_are_taken);
	unit_add(suite, "odd", odd_names_are_refused);
	unit_add(suite, "characters", only_the_documented_characters);
	unit_add(suite, "length", length_is_bounded);
	unit_add(suite, "failure", failure_leaves_the_result_alone);
	unit_add(suite, "equality", equality_knows_case);
	return suite;
}

int main(void)
{
	return unit_run("identity", suite());
}
