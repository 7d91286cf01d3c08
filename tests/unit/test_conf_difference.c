/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf_difference.h"

#include <stdio.h>
#include <string.h>

#include "conf_target.h"

/* The differences between two files, as lines "PATH KIND". */
static void differences(const char *before, const char *after, char *out, size_t size);

struct report {
	char *out;
	size_t size;
};

static void report(void *context, const char *path, const struct conf_option *option,
	enum conf_difference difference)
{
	static const char signs[] = {
		[CONF_CHANGED] = '~', [CONF_ADDED] = '+', [CONF_REMOVED] = '-'
	};
	struct report *report = context;
	int n = snprintf(
		report->out, report->size, "%c%s(%s) ", signs[difference], path, option->key);

	ck_assert(n > 0 && (size_t)n < report->size);
	report->out += n;
	report->size -= (size_t)n;
}

static void load(const char *text, struct target *target)
{
	struct problem problem = { .text = "" };

	memset(target, 0, sizeof(*target));
	ck_assert_msg(conf_load(text, strlen(text), "f", &table, target, &problem) == 0, "%s",
		problem.text);
}

static void differences(const char *before, const char *after, char *out, size_t size)
{
	struct target first, second;
	struct report context = { out, size };

	out[0] = '\0';
	load(before, &first);
	load(after, &second);
	ck_assert_int_eq(conf_differences(&table, &first, &second, report, &context), 0);
	done(&first);
	done(&second);
}

static void differs(const char *before, const char *after, const char *expected)
{
	char text[512];

	differences(before, after, text, sizeof(text));
	ck_assert_str_eq(text, expected);
}

START_TEST(test_values)
{
	differs("", "", "");
	differs("flag = false; number = 12;", "number = 12; flag = false;", "");
	differs("", "flag = true;", ""); /* what is the default anyway */
	differs("", "flag = false;", "~flag(flag) ");
	differs("number = 12; wait = 3;", "number = 13; wait = \"3s\";", "~number(number) ");
	differs("wait = 3;", "wait = 3.5;", "~wait(wait) ");
	differs("word = \"ab\";", "word = \"abc\";", "~word(word) ");
	differs("material = \"/a\";", "", "~material(material) ");
	differs("material = \"/a\";", "material = \"/a\";", "");
	differs("level = \"info\";", "level = \"debug\";", "~level(level) ");
	differs("addr = \"fd00::1\";", "addr = \"fd00::2\";", "~addr(addr) ");
	differs("prefix = \"10.0.0.0/8\";", "prefix = \"10.0.0.0/9\";", "~prefix(prefix) ");
	differs("colour = \"red\";", "colour = \"blue\";", "~colour(colour) ");
}
END_TEST

START_TEST(test_lists)
{
	differs("endpoints = [ \"1.2.3.4:5\" ];", "endpoints = [ \"1.2.3.4:6\" ];",
		"~endpoints(endpoints) ");
	differs("remotes = [ \"a:1\", \"b:2\" ];", "remotes = [ \"b:2\", \"a:1\" ];",
		"~remotes(remotes) ");
	differs("remotes = [ \"a:1\" ];", "remotes = [ \"a:1\", \"b:2\" ];", "~remotes(remotes) ");
	differs("remotes = [ \"a:1\" ];", "remotes = \"a:1\";", "");
	differs("remotes = [ \"a:1\" ];", "remotes = [ \"a:1 2\" ];", "~remotes(remotes) ");
	differs("remotes = [ \"a:1 2\" ];", "remotes = [ \"a:1 2\" ];", "");
	differs("prefixes = [ ];", "prefixes = [ \"10.0.0.0/8\" ];", "~prefixes(prefixes) ");
	differs("", "prefixes = [ \"10.0.0.0/8\", \"fc00::/7\" ];", "");
	/* A keyword is no value. */
	differs("prefixes = [ \"@some\" ];", "prefixes = [ \"0.0.0.0/0\" ];",
		"~prefixes(prefixes) ");
}
END_TEST

/* Entries of a list that may have plain names in their place have no order of their own, either. */
START_TEST(test_mixed)
{
	differs("mixed = [ \"a\", \"b\" ];", "mixed = [ \"b\", \"a\" ];", "");
	differs("mixed = ( { name = \"a\"; weight = 1; } );",
		"mixed = ( { name = \"a\"; weight = 2; } );", "~mixed.a.weight(weight) ");
	differs("mixed = [ \"a\", \"b\" ];", "mixed = [ \"b\" ];", "-mixed.a(mixed) ");
}
END_TEST

/* Entries with a name are compared by it. */
START_TEST(test_entries)
{
	differs("items = ( { name = \"a\"; }, { name = \"b\"; weight = 2; } );",
		"items = ( { name = \"b\"; weight = 2; }, { name = \"a\"; } );", "");
	differs("items = ( { name = \"a\"; }, { name = \"b\"; weight = 2; } );",
		"items = ( { name = \"b\"; weight = 3; }, { name = \"a\"; } );",
		"~items.b.weight(weight) ");
	differs("items = ( { name = \"a\"; }, { name = \"c\"; } );",
		"items = ( { name = \"b\"; }, { name = \"c\"; weight = 1; } );",
		"-items.a(items) +items.b(items) ~items.c.weight(weight) ");
	differs("items = ( { name = \"a\"; } );", "", "-items.a(items) ");
	differs("", "items = ( { name = \"a\"; } );", "+items.a(items) ");
}
END_TEST

/* The target of the allocation that the entries are sorted in is the only one. */
START_TEST(test_names_as_long_as_they_may_be)
{
	char text[256], name[IDENTITY_MAX + 1], expected[256];

	memset(name, 'x', IDENTITY_MAX);
	name[IDENTITY_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "items = ( { name = \"%s\"; } );", name);
	(void)snprintf(expected, sizeof(expected), "+items.%s(items) ", name);
	differs("", text, expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf difference");

	unit_add(suite, "values", test_values);
	unit_add(suite, "lists", test_lists);
	unit_add(suite, "mixed", test_mixed);
	unit_add(suite, "entries", test_entries);
	unit_add(suite, "long names", test_names_as_long_as_they_may_be);
	return unit_run("conf_difference", suite);
}
