/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of both programs' options share. Tests run from the repository's top: the examples,
 * the golden files and the documentation are read from there.
 */
#ifndef CULVERT_TESTS_UNIT_OPTIONS_TEST_H
#define CULVERT_TESTS_UNIT_OPTIONS_TEST_H

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "config/settings.h"

#include "unit.h"

typedef int (*options_load)(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem);

enum { OPTIONS_MUTATIONS = 3000 };

/* Not inline: gcc 12 then takes what is found in the text for a pointer to the variable. */
__attribute__((noinline, unused)) static char *options_read(const char *path, size_t *ret_len)
{
	struct problem problem = { .text = "" };
	char *text = NULL;

	ck_assert_msg(
		file_read(path, FILE_PUBLIC, &text, ret_len, &problem) == 0, "%s", problem.text);
	return text;
}

/* The caller frees; never NULL: what should load must. */
static inline struct settings *options_good(options_load load, const char *text, const char *path)
{
	struct problem problem = { .text = "" };
	struct settings *settings = NULL;

	ck_assert_msg(load(text, strlen(text), path, &settings, &problem) == 0, "%s", problem.text);
	return settings;
}

/*
 * Whatever the text is: it loads, or there is one line that begins with the file's name. The bytes
 * stand at the end of their memory, so that reading on is seen by a sanitizer.
 */
static inline void options_survives(options_load load, const char *text, size_t len)
{
	struct problem problem = { .text = "" };
	struct settings *settings = NULL;
	char *exact = malloc(len > 0 ? len : 1);
	int r;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, len);
	r = load(exact, len, "FILE", &settings, &problem);
	if (r == 0) {
		ck_assert_str_eq(problem.text, "");
		ck_assert_int_eq(settings_check(settings, &problem), 0);
		settings_free(settings);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_ptr_null(settings);
		ck_assert_msg(strncmp(problem.text, "FILE:", 5) == 0, "%s", problem.text);
		ck_assert_ptr_null(strchr(problem.text, '\n'));
	}
	free(exact);
}

static inline void options_cut_everywhere(options_load load, const char *path)
{
	size_t len;
	char *text = options_read(path, &len);

	for (size_t cut = 0; cut <= len; cut++)
		options_survives(load, text, cut);
	free(text);
}

/* xorshift64*: the same numbers everywhere. */
static inline size_t options_random(uint64_t *state, size_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (size_t)((*state * 0x2545f4914f6cdd1du) >> 33) % below;
}

/* Changes a few places: another byte, one that means something, a piece gone, a piece doubled. */
static inline void options_mutate(options_load load, const char *path)
{
	static const char special[] = "{}[]()=:;,\"#/*\\@\n \x80.0x-";
	uint64_t state = 20260101;
	size_t len, len_max;
	char *text = options_read(path, &len), *copy;

	len_max = 2 * len;
	copy = malloc(len_max);
	ck_assert_ptr_nonnull(copy);
	for (int i = 0; i < OPTIONS_MUTATIONS; i++) {
		size_t changes = 1 + options_random(&state, 4), now = len;

		memcpy(copy, text, len);
		while (changes-- > 0 && now > 1) {
			size_t at = options_random(&state, now - 1);
			size_t piece = 1 + options_random(&state, now - at < 60 ? now - at : 60);

			switch (options_random(&state, 4)) {
			case 0:
				copy[at] = (char)options_random(&state, 256);
				break;
			case 1:
				copy[at] = special[options_random(&state, sizeof(special))];
				break;
			case 2:
				memmove(&copy[at], &copy[at + piece], now - at - piece);
				now -= piece;
				break;
			default:
				if (now + piece > len_max)
					break;
				memmove(&copy[at + piece], &copy[at], now - at);
				now += piece;
				break;
			}
		}
		options_survives(load, copy, now);
	}
	free(copy);
	free(text);
}

/*
 * Every NAME.conf of the directory: beside a NAME.err it is refused with exactly that line, without
 * one it loads. Returns how many files there are.
 */
static inline int options_golden(options_load load, const char *dir)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort), files = 0;

	ck_assert_msg(count > 0, "nothing in %s", dir);
	for (int i = 0; i < count; i++) {
		struct problem problem = { .text = "" };
		const char *name = entries[i]->d_name;
		size_t name_len = strlen(name), len, expected_len;
		struct settings *settings = NULL;
		char path[512], *text, *expected = NULL;
		int r;

		if (name_len > 5 && strcmp(&name[name_len - 5], ".conf") == 0) {
			(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
			text = options_read(path, &len);
			(void)snprintf(
				path, sizeof(path), "%s/%.*s.err", dir, (int)name_len - 5, name);
			r = load(text, len, name, &settings, &problem);
			if (file_read(path, FILE_PUBLIC, &expected, &expected_len, NULL) == 0) {
				ck_assert_msg(r == -EINVAL, "%s: got %d", name, r);
				strcat(problem.text, "\n");
				ck_assert_str_eq(problem.text, expected);
			} else {
				ck_assert_msg(r == 0, "%s", problem.text);
			}
			settings_free(settings);
			free(expected);
			free(text);
			files++;
		}
		free(entries[i]);
	}
	free(entries);
	return files;
}

/* The documentation holds the table as it is printed, between its two marks. */
static inline void options_documented(int (*describe)(FILE *out), const char *mark)
{
	char begin[64], *doc, *table, *start, *end;
	size_t doc_len, table_len;
	FILE *out = open_memstream(&table, &table_len);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(describe(out), 0);
	ck_assert_int_eq(fclose(out), 0);
	/* Each row says when a change of its value applies. */
	ck_assert_ptr_null(strstr(table, " |  | "));
	doc = options_read("docs/configuration.md", &doc_len);
	(void)snprintf(begin, sizeof(begin), "<!-- table: %s -->\n", mark);
	start = strstr(doc, begin);
	ck_assert_msg(start != NULL, "docs/configuration.md has no %s", begin);
	start += strlen(begin);
	end = strstr(start, "<!-- end of table -->");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	ck_assert_str_eq(start, table);
	free(table);
	free(doc);
}

#endif
