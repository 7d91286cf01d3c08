/* SPDX-License-Identifier: Apache-2.0 */
/* config/conf on a table of its own: the places in a file that it names, the keys, the documentation. */
#include "conf_target.h"
#include "unit.h"

/* The line is that of the value, wherever strings, comments and what follows are. */
START_TEST(test_lines)
{
	refused("/* two\nlines */ number = 1;", "f:2: number:", "got 1");
	refused("material = \"a\"\n\"b\"; word = \"c\nd\"; # number\n\nnumber = 15;",
		"f:2: word:", "several lines");
	refused("prefixes = [\n\"10.0.0.0/8\",\n\"x\"\n\n];", "f:3: prefixes.[1]:", "\"x\"");
	refused("prefixes = [\n\"10.0.0.0/8\",\n\"x\"\n\"y\"\n];", "f:3: prefixes.[1]:", "\"xy\"");
	refused("items = (\n{ name = \"a\"; },\n\n{\nname = \"b\"; weight =\n 11; } );",
		"f:5: items.[1].weight:", "got 11");
	refused("number\n= 11\nnumber = 12", "f:3: number:", "first on line 1");
	refused("flag = true;\n// comment\nflog = true;\n", "f:3: flog:", "\"flag\"");
	/* A quote after a backslash does not end a string; a comment in a string is none. */
	refused("material = \"a\\\"/*\";\nnumber = 5;", "f:2: number:", "got 5");
	refused("material = \"a\\\\\";\nnumber = 5;", "f:2: number:", "got 5");
	refused("material = \"@include\";\n@include \"x\"\n", "f:2:", "@include");
	refused("number = 10;\n  @include\t\"x\"", "f:2:", "@include");
}
END_TEST

/* As libconfig compares each key with all before it, 100,000 of them would take a minute. */
START_TEST(test_many_keys)
{
	struct problem problem = { .text = "" };
	struct target target = { .flag = false };
	size_t len, count = 100000;
	char *text;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "k%zu = 1;\n", i);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(conf_load(text, len, "f", &table, &target, &problem), -EINVAL);
	ck_assert_str_eq(problem.text, "f:129: expected at most 128 keys, got more");
	done(&target);
	free(text);
}
END_TEST

START_TEST(test_locate)
{
	static const char text[] = "number = 10;\nprefixes = [ \"10.0.0.0/8\",\n\"fc00::/7\" ];\n"
				   "items = ( { name = \"a\"; },\n{ name = \"b\"; } );\n"
				   "endpoints = \"::1\";\n";
	static const struct {
		const char *before, *after;
	} rows[] = {
		{ "number: x", "f:1: number: x" },
		{ "prefixes.[1]: y", "f:3: prefixes.[1]: y" },
		{ "items.[1].name (b): z", "f:5: items.[1].name (b): z" },
		{ "items.[1].weight: z", "f:5: items.[1].weight: z" },
		{ "endpoints.[0]: z", "f:6: endpoints.[0]: z" },
		{ "wait: not there", "f: wait: not there" },
		{ "no key at all", "f: no key at all" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct problem problem;

		problem_set(&problem, "%s", rows[i].before);
		conf_locate(text, sizeof(text) - 1, "f", &problem);
		ck_assert_str_eq(problem.text, rows[i].after);
	}
	conf_locate(text, sizeof(text) - 1, "f", NULL);
}
END_TEST

START_TEST(test_has_key)
{
	static const char text[] =
		"a = 1;\n# b = 2;\ngroup = { c = \"d = 4; a\"; };\nlist = ( );\n";
	static const char include[] = "a = 1;\n@include \"/etc/passwd\"\n";

	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "a"), 1);
	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "group"), 1);
	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "list"), 1);
	/* Neither in a comment nor in a group nor in a string. */
	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "b"), 0);
	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "c"), 0);
	ck_assert_int_eq(conf_has_key(text, sizeof(text) - 1, "d"), 0);
	ck_assert_int_eq(conf_has_key("", 0, "a"), 0);
	/* The length counts, not a terminator. */
	ck_assert_int_eq(conf_has_key(text, 6, "group"), 0);
	ck_assert_int_eq(conf_has_key("a = ;", 5, "a"), -EINVAL);
	ck_assert_int_eq(conf_has_key(include, sizeof(include) - 1, "a"), -EINVAL);
}
END_TEST

/* The path is shown, not believed. */
START_TEST(test_path)
{
	struct problem problem = { .text = "" };
	struct target target = { .flag = false };

	ck_assert_int_eq(conf_load("x = 1;", 6, "a\nb\x1b", &table, &target, &problem), -EINVAL);
	ck_assert_str_eq(problem.text,
		"a\\x0ab\\x1b:1: x: expected a known key, got an unknown "
		"one; docs/configuration.md lists them");
	done(&target);
	/* Nobody wants the words. */
	ck_assert_int_eq(conf_load("x = 1;", 6, "f", &table, &target, NULL), -EINVAL);
	done(&target);
}
END_TEST

/* Some editors write no newline at the end. */
START_TEST(test_last_line)
{
	taken("number = 12; # a comment");
	taken("number = 12; // a comment");
	taken("number = 12; /* a comment */");
	taken("# a comment");
	refused("number = 12; # a comment\nx = 1;", "f:2: x:", "unknown");
}
END_TEST

START_TEST(test_describe)
{
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(conf_describe(&table, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "| `flag` | true or false | `true` | at once | A flag. |\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "| `number` | an integer from 10 to 20 | none | restart | Ten. |\n"));
	ck_assert_ptr_nonnull(strstr(text, "| `remotes` | list, at most 2: "));
	ck_assert_ptr_nonnull(strstr(text, " | made up | next connection | Remotes. |\n"));
	ck_assert_ptr_nonnull(strstr(text, "| `items.name` | "));
	ck_assert_ptr_nonnull(strstr(text, " | **required** | "));
	free(text);
}
END_TEST

/* The rows of another table stand where it is named, be they first, between or last, and none twice. */
START_TEST(test_also)
{
	static const struct conf_option shared_rows[] = { { .key = "s1" }, { .key = "s2" } };
	static const struct conf_table shared = { .options = shared_rows, .count = 2 };
	static const struct conf_option rows[] = { { .also = &shared }, { .key = "a" },
		{ .also = &shared }, { .key = "b" }, { .also = &shared } };
	static const struct conf_table whole = { .options = rows, .count = 5 };
	static const char *const expected[] = { "s1", "s2", "a", "s1", "s2", "b", "s1", "s2" };
	struct conf_walk walk = { .table = &whole };

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		ck_assert_str_eq(conf_next(&walk)->key, expected[i]);
	ck_assert_ptr_null(conf_next(&walk));
	ck_assert_ptr_null(conf_next(&walk));
	ck_assert_ptr_eq(conf_find(&whole, "s2"), &shared_rows[1]);
	ck_assert_ptr_eq(conf_find(&whole, "b"), &rows[3]);
	ck_assert_ptr_null(conf_find(&whole, "c"));
}
END_TEST

static const char *const secrets[] = { "MIGHAgEAMBMG", "G0wawIBAQQgb", "H0+VerJTlDDn",
	"FahRANCAAQxZ", "hunter2" };

/* One more edit of the text; none of the secrets may be in what is said of it. */
static void keeps_secrets(const char *text)
{
	struct problem problem = { .text = "" };
	struct target target = { .flag = false };

	(void)conf_load(text, strlen(text), "f", &table, &target, &problem);
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		ck_assert_msg(!strstr(problem.text, secrets[i]), "%s\n%s", problem.text, text);
	done(&target);
}

/* However a quote, a sign or a line break is misplaced, no message repeats a key or a password. */
START_TEST(test_secrets)
{
	static const char good[] = "key = \"-----BEGIN PRIVATE KEY-----\n"
				   "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbgiU==\n"
				   "H0+VerJTlDDnxfmeK6lR7wt1HFahRANCAAQxZKiMO\n"
				   "-----END PRIVATE KEY-----\n\";\n"
				   "proxy = \"http://user:hunter2@192.0.2.9:3128\";\n";
	static const char *const put[] = { "", "\"", "\n", " ", "=", ";", ":", ",", "{", ")", "#",
		"\";\n", "\"\n" };
	char text[sizeof(good) + 8];

	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		for (size_t i = 0; i < 2 * ARRAY_SIZE(put); i++) {
			const char *rest = &good[at + i % 2];

			(void)snprintf(
				text, sizeof(text), "%.*s%s%s", (int)at, good, put[i / 2], rest);
			keeps_secrets(text);
			/* The same without the first line, which has the opening quote. */
			if (strchr(text, '\n'))
				keeps_secrets(strchr(text, '\n') + 1);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("conf");

	unit_add(suite, "lines", test_lines);
	unit_add(suite, "many keys", test_many_keys);
	unit_add(suite, "locate", test_locate);
	unit_add(suite, "has key", test_has_key);
	unit_add(suite, "path", test_path);
	unit_add(suite, "last line", test_last_line);
	unit_add(suite, "describe", test_describe);
	unit_add(suite, "also", test_also);
	unit_add(suite, "secrets", test_secrets);
	return suite;
}

int main(void)
{
	return unit_run("conf", suite());
}
