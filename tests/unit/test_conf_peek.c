/* SPDX-License-Identifier: Apache-2.0 */
/* config/conf_peek: one value of a text, whatever else is wrong with that. */
#include <stdlib.h>
#include <string.h>

#include "config/conf_peek.h"
#include "unit.h"

static void finds(const char *text, const char *expected)
{
	size_t len = strlen(text);
	char *exact = malloc(len + 1); /* so that a sanitizer sees what is read beyond */
	char value[8] = "before";

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	ck_assert(conf_peek(exact, len, "key", value, sizeof(value)) == (expected != NULL));
	ck_assert_str_eq(value, expected ? expected : "before");
	free(exact);
}

START_TEST(test_found)
{
	finds("key = true;", "true");
	finds("key=TRUE", "TRUE");
	finds("other = 1; key : \"word\";", "word");
	finds("/* a */ key /* b */ = # c\n // d\n true", "true");
	finds("a = \"\\\"\"; key = 1;", "1");
	finds("key = 1;\nkey = 2;", "2");
	finds("\xef\xbb\xbfkey = true;", "true");
}
END_TEST

START_TEST(test_found_in_a_broken_text)
{
	finds("remotes = [ \"192.0.2.2:443\" ;\nkey = true;", "true");
	finds("= = } ] \x01\xff; key = true", "true");
	finds("unknown 7 key = true; certificate = \"", "true");
	finds("key = true; key = [ ];", "true");
}
END_TEST

START_TEST(test_not_found)
{
	finds("", NULL);
	finds("key", NULL);
	finds("key =", NULL);
	finds("key true", NULL);
	finds("monkey = true; key_s = true;", NULL);
	finds("# key = true;", NULL);
	finds("// key = true;", NULL);
	finds("/* key = true; */", NULL);
	finds("/* key = true;", NULL);
	finds("a = \"key = true;\";", NULL);
	finds("a = \"\\", NULL);
	finds("/", NULL);
	finds("key = far_too_long;", NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("conf_peek");

	unit_add(suite, "found", test_found);
	unit_add(suite, "found in a broken text", test_found_in_a_broken_text);
	unit_add(suite, "not found", test_not_found);
	return suite;
}

int main(void)
{
	return unit_run("conf_peek", suite());
}
