/* SPDX-License-Identifier: Apache-2.0 */
/* What this end announces: stated by the configuration and by commands, and tracked by netd. */
#include "engine/announced.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

static struct announced announced;
static struct problem problem;
static unsigned memory; /* how many lists may grow before memory is out */

/* Lists of prefixes grow by this. */
void *reallocarray(void *data, size_t count, size_t size)
{
	if (memory == 0)
		return NULL;
	memory--;
	ck_assert_uint_le(count, SIZE_MAX / size);
	return realloc(data, count * size);
}

static void setup(void)
{
	announced = (struct announced){ .stated.items = NULL };
	problem = (struct problem){ .text = "" };
	memory = UINT_MAX;
}

static void teardown(void)
{
	announced_free(&announced);
}

static int add(const char *text)
{
	struct prefix one = prefix_of(text);

	return announced_add(&announced, SETTINGS_SERVER, &one, 1, &problem);
}

static int withdraw(const char *text)
{
	struct prefix one = prefix_of(text);

	return announced_withdraw(&announced, &one, 1, &problem);
}

static bool has(const char *text)
{
	struct prefix one = prefix_of(text);

	return prefix_list_has(&announced.all, &one);
}

/* A page of netd's set: up to two prefixes. */
static int track(uint16_t total, uint16_t offset, const char *first, const char *second)
{
	static struct request_tracked page;

	page = (struct request_tracked){ .total = total, .offset = offset };
	if (first)
		page.prefix[page.count++] = prefix_of(first);
	if (second)
		page.prefix[page.count++] = prefix_of(second);
	return announced_track(&announced, &page);
}

START_TEST(configured)
{
	struct settings *settings = server(0);

	ck_assert_int_eq(announced_configure(&announced, settings), 0);
	ck_assert_uint_eq(announced.all.count, 0);
	announce(settings, "10.1.0.0/16");
	ck_assert_int_eq(announced_configure(&announced, settings), 0);
	ck_assert(has("10.1.0.0/16"));
	ck_assert_uint_eq(announced.all.count, 1);
	settings_free(settings);
}
END_TEST

static void appends(const struct settings_peer *peer, size_t count, const char *const *expected)
{
	struct prefix_list list = { .items = NULL };
	char text[ADDR_TEXT_MAX];

	ck_assert_int_eq(announced_append(&announced, peer, &list), 0);
	prefix_list_sort(&list);
	ck_assert_uint_eq(list.count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_str_eq(prefix_format(&list.items[i], text), expected[i]);
	prefix_list_free(&list);
}

/* A peer's own list is announced to that peer alone; "@common" in it is an unset prefix. */
START_TEST(own_lists)
{
	static const char *const common[] = { "10.1.0.0/16", "10.7.0.0/16" };
	static const char *const own[] = { "0.0.0.0/0" };
	static const char *const both[] = { "0.0.0.0/0", "10.1.0.0/16", "10.7.0.0/16" };
	struct settings *settings = server(3);
	struct prefix everything = prefix_of("0.0.0.0/0"), unset = { .len = 0 };
	struct prefix one = prefix_of("10.1.0.0/16"), seven = prefix_of("10.7.0.0/16");

	announce(settings, "10.1.0.0/16");
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(
			prefix_list_append(&settings->peers[i].announce, &everything, 1), 0);
	ck_assert_int_eq(prefix_list_append(&settings->peers[1].announce, &unset, 1), 0);
	for (size_t i = 0; i < 3; i++)
		settings->peers[i].has_announce = true;
	ck_assert_int_eq(settings_gather_own(settings), 0);
	ck_assert_uint_eq(settings->announced_own.count, 1);
	ck_assert_int_eq(announced_configure(&announced, settings), 0);
	ck_assert_int_eq(track(1, 0, "10.7.0.0/16", NULL), 1);
	appends(NULL, 2, common);
	appends(&settings->peers[0], 1, own);
	appends(&settings->peers[1], 3, both);
	appends(&settings->peers[2], 0, NULL);
	settings->peers[2].has_announce = false;
	appends(&settings->peers[2], 2, common);
	ck_assert(has("0.0.0.0/0") && has("10.1.0.0/16") && has("10.7.0.0/16"));
	ck_assert_uint_eq(announced.all.count, 3);
	ck_assert(announced_is_common(&announced, &one) && announced_is_common(&announced, &seven));
	ck_assert(!announced_is_common(&announced, &everything));
	/* It is not stated: a command may announce it to all. */
	ck_assert_int_eq(withdraw("0.0.0.0/0"), -ENOENT);
	ck_assert_str_eq(problem.text,
		"0.0.0.0/0 is announced to single peers only: take it from `announce` in their entries and reload");
	ck_assert_int_eq(add("0.0.0.0/0"), 0);
	ck_assert(announced_is_common(&announced, &everything));
	appends(&settings->peers[0], 1, own);
	ck_assert_int_eq(withdraw("0.0.0.0/0"), 0);
	ck_assert(has("0.0.0.0/0"));
	settings_free(settings);
}
END_TEST

/* Memory is out while the list of one peer is made: an error, whichever part it is. */
/* What is behind it is dead: whatever list has it, and only there. No peer may take it. */
START_TEST(withheld)
{
	static const char *const left[] = { "10.7.0.0/16" };
	static const char *const wider[] = { "10.0.0.0/8" };
	struct settings *settings = server(2);
	struct prefix one = prefix_of("10.1.0.0/16"), eight = prefix_of("10.0.0.0/8");
	struct prefix_list list = { .items = NULL }, more = { .items = NULL };

	announce(settings, "10.1.0.0/16");
	for (size_t i = 0; i < 2; i++)
		settings->peers[i].has_announce = true;
	ck_assert_int_eq(prefix_list_append(&settings->peers[0].announce, &one, 1), 0);
	ck_assert_int_eq(prefix_list_append(&settings->peers[1].announce, &eight, 1), 0);
	ck_assert_int_eq(settings_gather_own(settings), 0);
	ck_assert_int_eq(announced_configure(&announced, settings), 0);
	ck_assert_int_eq(track(2, 0, "10.1.0.0/16", "10.7.0.0/16"), 1);
	ck_assert_int_eq(prefix_list_append(&list, &one, 1), 0);
	announced_withhold(&announced, &list);
	ck_assert_uint_eq(list.count, 0);
	appends(NULL, 1, left);
	appends(&settings->peers[0], 0, NULL);
	appends(&settings->peers[1], 1, wider);
	ck_assert(has("10.1.0.0/16"));
	/* What the caller's list has of others is not this end's. */
	ck_assert_int_eq(prefix_list_append(&more, &one, 1), 0);
	ck_assert_int_eq(announced_append(&announced, NULL, &more), 0);
	ck_assert_uint_eq(more.count, 2);
	prefix_list_free(&more);
	announced_withhold(&announced, &list);
	appends(&settings->peers[0], 1, (const char *const[]){ "10.1.0.0/16" });
	settings_free(settings);
}
END_TEST

START_TEST(own_lists_without_memory)
{
	struct settings *settings = server(1);
	struct prefix own[] = { prefix_of("10.5.0.0/16"), { .len = 0 } };

	announce(settings, "10.1.0.0/16");
	ck_assert_int_eq(prefix_list_append(&settings->peers[0].announce, own, 2), 0);
	settings->peers[0].has_announce = true;
	memory = 0;
	ck_assert_int_eq(settings_gather_own(settings), -ENOMEM);
	memory = UINT_MAX;
	ck_assert_int_eq(settings_gather_own(settings), 0);
	for (unsigned room = 0; room < 3; room++) {
		announced_free(&announced);
		announced = (struct announced){ .stated.items = NULL };
		memory = room;
		ck_assert_int_eq(announced_configure(&announced, settings), -ENOMEM);
	}
	memory = UINT_MAX;
	announced_free(&announced);
	announced = (struct announced){ .stated.items = NULL };
	ck_assert_int_eq(announced_configure(&announced, settings), 0);
	ck_assert_int_eq(track(1, 0, "10.7.0.0/16", NULL), 1);
	for (unsigned room = 0; room < 3; room++) {
		struct prefix_list list = { .items = NULL };

		memory = room;
		ck_assert_int_eq(announced_append(&announced, &settings->peers[0], &list), -ENOMEM);
		prefix_list_free(&list);
	}
	memory = UINT_MAX;
	settings_free(settings);
}
END_TEST

START_TEST(added_and_withdrawn)
{
	ck_assert_int_eq(add("10.2.0.0/16"), 0);
	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	ck_assert(has("10.1.0.0/16") && has("10.2.0.0/16"));
	ck_assert_int_eq(withdraw("10.2.0.0/16"), 0);
	ck_assert(has("10.1.0.0/16") && !has("10.2.0.0/16"));
	ck_assert_uint_eq(announced.stated.count, 1);
	ck_assert_int_eq(withdraw("10.1.0.0/16"), 0);
	ck_assert_uint_eq(announced.all.count, 0);
}
END_TEST

/* A command that names no prefix changes none. */
START_TEST(nothing)
{
	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	ck_assert_int_eq(announced_add(&announced, SETTINGS_SERVER, NULL, 0, &problem), 0);
	ck_assert_int_eq(announced_withdraw(&announced, NULL, 0, &problem), 0);
	ck_assert_uint_eq(announced.stated.count, 1);
	ck_assert(has("10.1.0.0/16"));
	ck_assert_int_eq(withdraw("10.1.0.0/16"), 0);
}
END_TEST

/* A refusal names the prefix, and nothing has changed. */
static void refuses(int r, int error, const char *text)
{
	ck_assert_int_eq(r, error);
	ck_assert_str_eq(problem.text, text);
	ck_assert_uint_eq(announced.all.count, 1);
	ck_assert_uint_eq(announced.stated.count, 1);
	ck_assert(has("10.1.0.0/16"));
}

START_TEST(refusals)
{
	struct prefix twice[] = { prefix_of("10.3.0.0/16"), prefix_of("10.3.0.0/16") };
	struct prefix known[] = { prefix_of("10.3.0.0/16"), prefix_of("10.1.0.0/16") };
	struct prefix everywhere = prefix_of("0.0.0.0/0");

	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	refuses(add("10.1.0.0/16"), -EEXIST, "10.1.0.0/16 is announced already");
	refuses(announced_add(&announced, SETTINGS_SERVER, twice, 2, &problem), -EEXIST,
		"10.3.0.0/16 is named twice");
	refuses(announced_add(&announced, SETTINGS_SERVER, known, 2, &problem), -EEXIST,
		"10.1.0.0/16 is announced already");
	refuses(withdraw("10.3.0.0/16"), -ENOENT, "10.3.0.0/16 is not announced");
	known[0] = known[1];
	refuses(announced_withdraw(&announced, known, 2, &problem), -EEXIST,
		"10.1.0.0/16 is named twice");
	ck_assert_int_eq(add("127.0.0.0/8"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "127.0.0.0/8 cannot be announced: "));
	ck_assert_int_eq(
		announced_add(&announced, SETTINGS_CLIENT, &everywhere, 1, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "0.0.0.0/0 cannot be announced: "));
	ck_assert_uint_eq(announced.all.count, 1);
	ck_assert_int_eq(announced_add(&announced, SETTINGS_SERVER, &everywhere, 1, &problem), 0);
}
END_TEST

START_TEST(limited)
{
	struct prefix two[2] = { prefix_of("10.1.0.0/16"), prefix_of("10.2.0.0/16") };
	char text[32];

	for (int i = 0; i < SETTINGS_PREFIX_MAX - 1; i++) {
		(void)snprintf(text, sizeof(text), "10.9.%d.0/24", i);
		ck_assert_int_eq(add(text), 0);
	}
	ck_assert_int_eq(announced_add(&announced, SETTINGS_SERVER, two, 2, &problem), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(problem.text, "cannot announce 10.2.0.0/16: the limit of "));
	ck_assert_uint_eq(announced.all.count, SETTINGS_PREFIX_MAX - 1);
	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	ck_assert_int_eq(add("10.2.0.0/16"), -ENOSPC);
}
END_TEST

START_TEST(tracked_in_pages)
{
	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	ck_assert_int_eq(track(3, 0, "10.3.0.0/16", "10.2.0.0/16"), 0);
	ck_assert_uint_eq(announced.all.count, 1);
	ck_assert_int_eq(track(3, 2, "10.1.0.0/16", NULL), 1);
	ck_assert_uint_eq(announced.tracked.count, 3);
	ck_assert_uint_eq(announced.all.count, 3); /* what is stated as well is there once */
	ck_assert_int_eq(withdraw("10.1.0.0/16"), 0);
	ck_assert(has("10.1.0.0/16")); /* tracked still */
	ck_assert_int_eq(withdraw("10.3.0.0/16"), -ENOENT);
	ck_assert_str_eq(problem.text,
		"10.3.0.0/16 is tracked: this end announces it as long as this host has it");
	ck_assert_int_eq(track(1, 0, "10.4.0.0/16", NULL), 1);
	ck_assert(has("10.4.0.0/16") && !has("10.3.0.0/16"));
	ck_assert_int_eq(track(0, 0, NULL, NULL), 1);
	ck_assert_uint_eq(announced.all.count, 0);
}
END_TEST

/* Without its beginning a set says nothing; a new beginning gives up the set that was under way. */
START_TEST(broken_pages)
{
	ck_assert_int_eq(track(3, 2, "10.2.0.0/16", NULL), 0);
	ck_assert_int_eq(track(3, 0, "10.2.0.0/16", "10.3.0.0/16"), 0);
	ck_assert_int_eq(track(3, 1, "10.4.0.0/16", NULL), 0);
	ck_assert_int_eq(track(2, 0, "10.5.0.0/16", NULL), 0);
	ck_assert_uint_eq(announced.all.count, 0);
	ck_assert_int_eq(track(2, 1, "10.6.0.0/16", NULL), 1);
	ck_assert_uint_eq(announced.all.count, 2);
	ck_assert(has("10.5.0.0/16") && has("10.6.0.0/16"));
}
END_TEST

/* Wherever memory runs out, nothing has changed, and the same works once there is memory. */
static void ck_unchanged(void)
{
	ck_assert_uint_eq(announced.stated.count, 2);
	ck_assert_uint_eq(announced.tracked.count, 1);
	ck_assert_uint_eq(announced.all.count, 3);
	ck_assert(has("10.1.0.0/16") && has("10.2.0.0/16") && has("10.3.0.0/16"));
	memory = UINT_MAX;
}

START_TEST(no_memory)
{
	unsigned grown = 0;
	int r;

	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	ck_assert_int_eq(add("10.2.0.0/16"), 0);
	ck_assert_int_eq(track(1, 0, "10.3.0.0/16", NULL), 1);
	for (memory = 0; (r = add("10.4.0.0/16")) < 0; memory = ++grown) {
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_str_eq(problem.text, "out of memory");
		ck_unchanged();
	}
	ck_assert_uint_eq(grown, 3); /* what is stated, and both in one list */
	ck_assert_uint_eq(announced.all.count, 4);
	memory = UINT_MAX;
	ck_assert_int_eq(withdraw("10.4.0.0/16"), 0);
	problem = (struct problem){ .text = "" };
	for (memory = grown = 0; (r = withdraw("10.1.0.0/16")) < 0; memory = ++grown) {
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_str_eq(problem.text, "out of memory");
		ck_unchanged();
	}
	ck_assert_uint_eq(grown, 3);
	ck_assert(!has("10.1.0.0/16") && has("10.2.0.0/16") && has("10.3.0.0/16"));
	memory = UINT_MAX;
	ck_assert_int_eq(add("10.1.0.0/16"), 0);
	for (memory = grown = 0; (r = track(2, 0, "10.5.0.0/16", "10.6.0.0/16")) < 0;
		memory = ++grown) {
		ck_assert_int_eq(r, -ENOMEM);
		ck_unchanged();
	}
	ck_assert_int_eq(r, 1);
	ck_assert_uint_eq(grown, 3);
	ck_assert(has("10.1.0.0/16") && has("10.5.0.0/16") && has("10.6.0.0/16"));
	ck_assert_uint_eq(announced.all.count, 4);
}
END_TEST

/* A page with which memory runs out is lost, and with it the set: netd sends it again. */
START_TEST(no_memory_for_a_page)
{
	ck_assert_int_eq(track(3, 0, "10.1.0.0/16", "10.2.0.0/16"), 0);
	memory = 0;
	ck_assert_int_eq(track(3, 2, "10.3.0.0/16", NULL), -ENOMEM);
	ck_assert_uint_eq(announced.all.count, 0);
	memory = UINT_MAX;
	ck_assert_int_eq(track(3, 0, "10.1.0.0/16", "10.2.0.0/16"), 0);
	ck_assert_int_eq(track(3, 2, "10.3.0.0/16", NULL), 1);
	ck_assert_uint_eq(announced.all.count, 3);
}
END_TEST

static struct settings *announcing(const char *text)
{
	struct settings *settings = server(0);
	char copy[128], *rest = copy, *word;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	settings->announce.items = calloc(8, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	while ((word = strsep(&rest, " ")))
		settings->announce.items[settings->announce.count++].prefix = prefix_of(word);
	return settings;
}

static void ck_all(const char *expected)
{
	char all[256] = "", text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < announced.all.count; i++) {
		size_t len = strlen(all);

		(void)snprintf(&all[len], sizeof(all) - len, "%s%s", i == 0 ? "" : " ",
			prefix_format(&announced.all.items[i], text));
	}
	ck_assert_str_eq(all, expected);
}

/* What a command has added or withdrawn stays so, and all else is as the new configuration says. */
START_TEST(followed)
{
	struct settings *before = announcing("10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16"),
			*now = announcing("10.2.0.0/16 10.3.0.0/16 10.5.0.0/16 10.6.0.0/16");

	ck_assert_int_eq(announced_configure(&announced, before), 0);
	ck_assert_int_eq(withdraw("10.3.0.0/16"), 0);
	ck_assert_int_eq(withdraw("10.4.0.0/16"), 0);
	ck_assert_int_eq(add("10.6.0.0/16"), 0); /* the configuration names it later */
	ck_assert_int_eq(add("10.7.0.0/16"), 0);
	ck_assert_int_eq(track(1, 0, "10.8.0.0/16", NULL), 1);
	ck_assert_int_eq(announced_follow(&announced, before, now), 0);
	ck_all("10.2.0.0/16 10.5.0.0/16 10.6.0.0/16 10.7.0.0/16 10.8.0.0/16");
	/* Each is stated once: one command withdraws it. */
	ck_assert_uint_eq(announced.stated.count, 4);
	ck_assert_int_eq(withdraw("10.6.0.0/16"), 0);
	ck_assert(!has("10.6.0.0/16"));
	/* The prefixes of single peers are those of the new settings. */
	ck_assert_ptr_eq(announced.own, &now->announced_own);
	settings_free(before);
	settings_free(now);
}
END_TEST

/* A reload that leaves `announce` alone changes nothing of what commands have done. */
START_TEST(followed_without_a_change)
{
	struct settings *before = announcing("10.1.0.0/16 10.2.0.0/16"),
			*now = announcing("10.1.0.0/16 10.2.0.0/16");

	ck_assert_int_eq(announced_configure(&announced, before), 0);
	ck_assert_int_eq(withdraw("10.1.0.0/16"), 0);
	ck_assert_int_eq(add("10.7.0.0/16"), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(announced_follow(&announced, before, now), 0);
		ck_all("10.2.0.0/16 10.7.0.0/16");
	}
	settings_free(before);
	settings_free(now);
}
END_TEST

/* Wherever memory runs out: all is announced as before, and all can be followed later. */
START_TEST(followed_without_memory)
{
	struct settings *before = announcing("10.1.0.0/16 10.2.0.0/16"),
			*now = announcing("10.2.0.0/16 10.3.0.0/16");
	unsigned enough = 0;
	int r;

	ck_assert_int_eq(announced_configure(&announced, before), 0);
	ck_assert_int_eq(withdraw("10.1.0.0/16"), 0);
	ck_assert_int_eq(add("10.7.0.0/16"), 0);
	do {
		ck_all("10.2.0.0/16 10.7.0.0/16");
		ck_assert_uint_eq(announced.stated.count, 2);
		memory = enough++;
		r = announced_follow(&announced, before, now);
	} while (r == -ENOMEM);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(enough, 4);
	ck_all("10.2.0.0/16 10.3.0.0/16 10.7.0.0/16");
	settings_free(before);
	settings_free(now);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("announced");

	unit_add_between(suite, "configured", configured, setup, teardown);
	unit_add_between(suite, "own lists", own_lists, setup, teardown);
	unit_add_between(suite, "withheld", withheld, setup, teardown);
	unit_add_between(
		suite, "own lists without memory", own_lists_without_memory, setup, teardown);
	unit_add_between(suite, "added and withdrawn", added_and_withdrawn, setup, teardown);
	unit_add_between(suite, "nothing", nothing, setup, teardown);
	unit_add_between(suite, "refusals", refusals, setup, teardown);
	unit_add_between(suite, "limited", limited, setup, teardown);
	unit_add_between(suite, "tracked in pages", tracked_in_pages, setup, teardown);
	unit_add_between(suite, "broken pages", broken_pages, setup, teardown);
	unit_add_between(suite, "followed", followed, setup, teardown);
	unit_add_between(
		suite, "followed without a change", followed_without_a_change, setup, teardown);
	unit_add_between(
		suite, "followed without memory", followed_without_memory, setup, teardown);
	unit_add_between(suite, "no memory", no_memory, setup, teardown);
	unit_add_between(suite, "no memory for a page", no_memory_for_a_page, setup, teardown);
	return suite;
}

int main(void)
{
	return unit_run("announced", suite());
}
