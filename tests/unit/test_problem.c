/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problem.h"

#include <string.h>

#include "unit.h"

START_TEST(set_formats_and_cuts)
{
	struct problem problem = { .text = "" };
	char long_text[2 * PROBLEM_TEXT_MAX];

	problem_set(&problem, "%s is %d", "mtu", 12);
	ck_assert_str_eq(problem.text, "mtu is 12");

	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	problem_set(&problem, "%s", long_text);
	ck_assert_uint_eq(strlen(problem.text), PROBLEM_TEXT_MAX - 1);
	problem_prepend(&problem, "%s", long_text);
	ck_assert_uint_eq(strlen(problem.text), PROBLEM_TEXT_MAX - 1);
}
END_TEST

START_TEST(newlines_never_stay)
{
	struct problem problem = { .text = "" };

	problem_set(&problem, "one\ntwo\r\n");
	ck_assert_ptr_null(strpbrk(problem.text, "\r\n"));
	problem_prepend(&problem, "a\nb");
	ck_assert_str_eq(problem.text, "a b: one two  ");
}
END_TEST

START_TEST(prepend_puts_context_in_front)
{
	struct problem problem = { .text = "no such file" };

	problem_prepend(&problem, "line %d", 3);
	ck_assert_str_eq(problem.text, "line 3: no such file");
	problem_prepend(&problem, "%s", "culvert.conf");
	ck_assert_str_eq(problem.text, "culvert.conf: line 3: no such file");
}
END_TEST

START_TEST(old_text_may_be_an_argument)
{
	struct problem problem = { .text = "it" };

	problem_set(&problem, "<%s>", problem.text);
	ck_assert_str_eq(problem.text, "<it>");
	problem_prepend(&problem, "%s", problem.text);
	ck_assert_str_eq(problem.text, "<it>: <it>");
}
END_TEST

START_TEST(null_means_words_not_wanted)
{
	problem_set(NULL, "%s", "x");
	problem_prepend(NULL, "%s", "x");
}
END_TEST

START_TEST(escape_makes_text_printable)
{
	char out[64];

	ck_assert_str_eq(problem_escape(out, sizeof(out), "plain ~text", 11), "plain ~text");
	ck_assert_str_eq(
		problem_escape(out, sizeof(out), "a\nb\\c\x7f\xff", 7), "a\\x0ab\\x5cc\\x7f\\xff");
	ck_assert_str_eq(problem_escape(out, sizeof(out), "a\0b", 3), "a\\x00b");
	ck_assert_str_eq(problem_escape(out, sizeof(out), "", 0), "");
}
END_TEST

START_TEST(escaping_the_rest_leaves_backslashes)
{
	char out[64];

	ck_assert_str_eq(
		problem_escape_rest(out, sizeof(out), "a\nb\\x0a\x7f", 8), "a\\x0ab\\x0a\\x7f");
	ck_assert_str_eq(problem_escape_rest(out, sizeof(out), "a\0b", 3), "a\\x00b");
	ck_assert_str_eq(problem_escape_rest(out, 5, "abc\n", 4), "abc");
}
END_TEST

START_TEST(escape_is_cut_before_an_escape)
{
	char out[8];

	memset(out, '#', sizeof(out));
	ck_assert_str_eq(problem_escape(out, 8, "abc\n", 4), "abc\\x0a");
	ck_assert_str_eq(problem_escape(out, 7, "abc\n", 4), "abc");
	ck_assert_str_eq(problem_escape(out, 3, "abc", 3), "ab");
	ck_assert_str_eq(problem_escape(out, 1, "abc", 3), "");
	memset(out, '#', sizeof(out));
	ck_assert_ptr_eq(problem_escape(out, 0, "abc", 3), out);
	ck_assert_int_eq(out[0], '#');
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("problem");

	unit_add(suite, "set", set_formats_and_cuts);
	unit_add(suite, "newlines", newlines_never_stay);
	unit_add(suite, "prepend", prepend_puts_context_in_front);
	unit_add(suite, "aliases", old_text_may_be_an_argument);
	unit_add(suite, "null", null_means_words_not_wanted);
	unit_add(suite, "escape", escape_makes_text_printable);
	unit_add(suite, "escape rest", escaping_the_rest_leaves_backslashes);
	unit_add(suite, "escape cut", escape_is_cut_before_an_escape);
	return suite;
}

int main(void)
{
	return unit_run("problem", suite());
}
