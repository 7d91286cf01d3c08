/* SPDX-License-Identifier: Apache-2.0 */
/* When changed files are tried, and when a fault of theirs is logged. Time stands still unless the test moves it. */
#include "netd/credential_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/log_capture.h"
#include "tests/unit/unit.h"

static struct mono now;
static char dir[sizeof("/tmp/test_credential_files-XXXXXX")];
static char paths[4][128];
static struct settings settings;
static struct credential_files files;
static struct loop *loop;
static unsigned taken;
static int verdict;
static const char *fault;

struct mono mono_now(void)
{
	return now;
}

static int take(struct credential_files *taking, struct problem *problem)
{
	ck_assert_ptr_eq(taking, &files);
	taken++;
	if (verdict < 0)
		problem_set(problem, "%s", fault);
	return verdict;
}

static const char *in(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* What inotify has to say. */
static void hear(void)
{
	if (files.watch.fd >= 0 && !files.pause.running)
		files.reports.ready(&files.reports, EPOLLIN);
}

/* Lets time pass, and the timers expire that are due by then. */
static void pass(int64_t ms)
{
	struct mono until = mono_add(now, DURATION_MS(ms));
	struct loop_timer *const timers[] = { &files.pause, &files.settle, &files.poll };
	struct loop_timer *first;

	do {
		first = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
			if (timers[i]->running && !mono_before(until, timers[i]->due) &&
				(!first || mono_before(timers[i]->due, first->due)))
				first = timers[i];
		}
		if (!first)
			break;
		if (mono_before(now, first->due))
			now = first->due;
		loop_timer_stop(loop, first);
		first->expired(first);
	} while (true);
	now = until;
}

static void start(void)
{
	credential_files_start(&files, loop, &settings, take);
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1); /* for a change before the watch began */
	taken = 0;
}

static void set_up(void)
{
	static const char *const names[] = { "crt", "key", "ca", "crl" };

	(void)strcpy(dir, "/tmp/test_credential_files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		put(names[i], "one");
		(void)snprintf(paths[i], sizeof(paths[i]), "%s", in(names[i]));
	}
	settings = (struct settings){
		.certificate = paths[0], .key = paths[1], .ca = paths[2], .crl = paths[3]
	};
	now = (struct mono){ DURATION_S(1000).ns };
	taken = 0;
	verdict = 0;
	fault = "they do not fit";
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void tear_down(void)
{
	char command[64];

	credential_files_stop(&files);
	loop_free(loop);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_change)
{
	static const char *const names[] = { "crt", "key", "ca", "crl" };

	start();
	hear();
	pass(20000);
	ck_assert_uint_eq(taken, 0);
	put(names[_i], "two");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS - 1);
	ck_assert_uint_eq(taken, 0);
	pass(1);
	ck_assert_uint_eq(taken, 1);
	pass(60000);
	ck_assert_uint_eq(taken, 1);
}
END_TEST

/* They are taken together if they come together, and in time if they do not end. */
START_TEST(several)
{
	start();
	put("crt", "two");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS / 2);
	put("key", "two");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS - 1);
	ck_assert_uint_eq(taken, 0);
	pass(1);
	ck_assert_uint_eq(taken, 1);
	for (int i = 0; i <= CREDENTIAL_FILES_SETTLE_MAX_MS / 100; i++) {
		put("crl", "more");
		hear();
		pass(100);
	}
	ck_assert_uint_ge(taken, 2);
}
END_TEST

/* The certificate before its key. */
START_TEST(one_after_the_other)
{
	start();
	verdict = -EINVAL;
	put("crt", "two");
	hear();
	pass(2000);
	ck_assert_uint_eq(taken, 1);
	verdict = 0;
	put("key", "two");
	hear();
	log_capture_begin(LOG_LEVEL_INFO);
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 2);
	pass(CREDENTIAL_FILES_GRACE_MS);
	ck_assert_uint_eq(log_count("\n"), 0);
	log_capture_end();
	ck_assert_uint_eq(taken, 2);
}
END_TEST

START_TEST(a_fault)
{
	start();
	verdict = -EINVAL;
	put("crt", "two");
	hear();
	log_capture_begin(LOG_LEVEL_INFO);
	pass(CREDENTIAL_FILES_GRACE_MS - 1);
	ck_assert_uint_eq(log_count("\n"), 0);
	pass(1);
	ck_assert(log_has(
		"changed files cannot be used: they do not fit; what was read before stays in use"));
	/* The same once more is no news, another one is. */
	for (int i = 0; i < 2; i++) {
		log_forget();
		put("crt", "three");
		hear();
		pass(CREDENTIAL_FILES_GRACE_MS);
		ck_assert_uint_eq(log_count("cannot be used: they are damaged"), i == 1);
		ck_assert_uint_eq(log_count("\n"), i == 1);
		fault = "they are damaged";
	}
	verdict = 0;
	put("crt", "four");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert(log_has("fit again"));
	log_capture_end();
}
END_TEST

/* A file that is still being written is left alone, but not for ever. */
START_TEST(being_written)
{
	int fd;

	start();
	fd = open(in("ca"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "half", 4), 4);
	hear();
	pass(1000);
	ck_assert_uint_eq(taken, 0);
	close(fd);
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1);
	fd = open(in("ca"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	hear();
	pass(CREDENTIAL_FILES_GRACE_MS);
	ck_assert_uint_eq(taken, 2);
	close(fd);
}
END_TEST

/* One file that changes all the time does not keep another from being used. */
START_TEST(written_without_end)
{
	unsigned before;
	int fd;

	start();
	fd = open(in("crl"), O_WRONLY | O_APPEND | O_CLOEXEC);
	for (int ms = 0; ms < 2 * CREDENTIAL_FILES_GRACE_MS; ms += 100) {
		ck_assert_int_eq(write(fd, ".", 1), 1);
		hear();
		pass(100);
	}
	ck_assert_uint_ge(taken, 1);
	/* Nor from being tried again while it does not fit. */
	verdict = -EINVAL;
	for (int ms = 0; ms < 2 * CREDENTIAL_FILES_GRACE_MS; ms += 100) {
		ck_assert_int_eq(fchmod(fd, 0600), 0);
		hear();
		pass(100);
	}
	verdict = 0;
	before = taken;
	for (int ms = 0; ms < CREDENTIAL_FILES_SETTLE_MAX_MS; ms += 100) {
		ck_assert_int_eq(fchmod(fd, 0600), 0);
		hear();
		pass(100);
	}
	ck_assert_uint_gt(taken, before);
	close(fd);
}
END_TEST

/* A flood of reports is read a piece at a time. */
START_TEST(a_flood_of_reports)
{
	start();
	ck_assert_uint_eq(files.reports.events & EPOLLIN, EPOLLIN);
	put("other", "");
	put("crt", "two");
	hear();
	ck_assert_uint_eq(files.reports.events & EPOLLIN, 0);
	pass(CREDENTIAL_FILES_PAUSE_MS - 1);
	ck_assert_uint_eq(files.reports.events & EPOLLIN, 0);
	pass(1);
	ck_assert_uint_eq(files.reports.events & EPOLLIN, EPOLLIN);
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1);
}
END_TEST

START_TEST(not_just_now)
{
	start();
	verdict = -EBUSY;
	put("crt", "two");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS * 10);
	ck_assert_uint_eq(taken, 10);
	verdict = 0;
	pass(CREDENTIAL_FILES_SETTLE_MS * 10);
	ck_assert_uint_eq(taken, 11);
}
END_TEST

/* Nothing was reported, as for a change by another host. */
START_TEST(found_by_looking)
{
	start();
	put("crl", "another length");
	pass((int64_t)CREDENTIAL_FILES_POLL_S * 1000 + CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1);
	pass((int64_t)CREDENTIAL_FILES_POLL_S * 3000);
	ck_assert_uint_eq(taken, 1);
}
END_TEST

START_TEST(in_a_directory_of_lists)
{
	ck_assert_int_eq(mkdir(in("lists"), 0700), 0);
	(void)snprintf(paths[3], sizeof(paths[3]), "%s", in("lists"));
	start();
	put("lists/a.crl", "one");
	hear();
	pass(CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1);
	put("lists/a.crl", "another length"); /* unheard */
	pass((int64_t)CREDENTIAL_FILES_POLL_S * 1000 + CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 2);
}
END_TEST

START_TEST(without_inotify)
{
	struct rlimit old, limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 0;
	log_capture_begin(LOG_LEVEL_INFO);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	credential_files_start(&files, loop, &settings, take);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert(log_has("looked at every 5 s"));
	log_capture_end();
	pass(CREDENTIAL_FILES_SETTLE_MS);
	taken = 0;
	put("key", "another length");
	pass((int64_t)CREDENTIAL_FILES_POLL_LIMITED_S * 1000 + CREDENTIAL_FILES_SETTLE_MS);
	ck_assert_uint_eq(taken, 1);
}
END_TEST

/* Credentials inside the configuration have no files, and an unlocked key is not read again. */
START_TEST(which_files)
{
	char inside[] = "-----BEGIN CERTIFICATE-----", unlocked[] = "-----BEGIN PRIVATE KEY-----";

	settings.certificate = settings.ca = settings.crl = inside;
	settings.unlocked_key = unlocked;
	credential_files_start(&files, loop, &settings, take);
	ck_assert_int_lt(files.watch.fd, 0);
	ck_assert(!files.settle.running && !files.poll.running);
	settings.ca = paths[2];
	credential_files_follow(&files);
	pass(CREDENTIAL_FILES_SETTLE_MS);
	taken = 0;
	put("key", "two");
	hear();
	pass(1000);
	ck_assert_uint_eq(taken, 0);
	put("ca", "two");
	hear();
	pass(1000);
	ck_assert_uint_eq(taken, 1);
	settings.ca = inside;
	credential_files_follow(&files);
	ck_assert_int_lt(files.watch.fd, 0);
	ck_assert(!files.settle.running && !files.poll.running);
}
END_TEST

START_TEST(not_started)
{
	files = (struct credential_files){ .loop = NULL };
	credential_files_follow(&files);
	credential_files_stop(&files);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { several, one_after_the_other, a_fault, being_written,
		written_without_end, a_flood_of_reports, not_just_now, found_by_looking,
		in_a_directory_of_lists, without_inotify, which_files, not_started };
	Suite *s = unit_suite("credential_files", set_up, tear_down, tests, ARRAY_SIZE(tests));
	TCase *tcase = tcase_create("each");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_change, 0, 4);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("credential_files", suite());
}
