/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as a change of what a path leads to: renames, writes, links that are turned, directories. */
#include "system/path_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char dir[sizeof("/tmp/test_path_watch-XXXXXX")];
static struct path_watch watch;

static const char *in(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void turn(const char *name, const char *target)
{
	ck_assert_int_eq(symlink(target, in("turning")), 0);
	ck_assert_int_eq(rename(in("turning"), in(name)), 0);
}

static void set(const char *name)
{
	const char *const paths[] = { in(name) };

	ck_assert_int_eq(path_watch_set(&watch, paths, 1), 0);
}

static enum path_watch_event happened(void)
{
	enum path_watch_event event;

	ck_assert_int_eq(path_watch_read(&watch, &event), 0);
	return event;
}

static void set_up(void)
{
	(void)strcpy(dir, "/tmp/test_path_watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(path_watch_open(&watch), 0);
	put("file", "one");
	put("other", "one");
}

static void tear_down(void)
{
	char command[64];

	path_watch_close(&watch);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(nothing_at_first)
{
	set("file");
	ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
	put("other", "two");
	ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
}
END_TEST

START_TEST(written_in_place)
{
	int fd;

	set("file");
	fd = open(in("file"), O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "two", 3), 3);
	ck_assert_int_eq(happened(), PATH_WATCH_WRITING);
	close(fd);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	ck_assert_int_eq(chmod(in("file"), 0644), 0);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

/* After each change the new file is watched as the old one was. */
START_TEST(replaced)
{
	set("file");
	for (int i = 0; i < 3; i++) {
		put("new", "two");
		ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
		ck_assert_int_eq(rename(in("new"), in("file")), 0);
		ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
		set("file");
		put("file", "three");
		ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	}
	ck_assert_uint_lt(watch.count, 8);
}
END_TEST

START_TEST(gone_and_back)
{
	set("file");
	ck_assert_int_eq(unlink(in("file")), 0);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	set("file");
	ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
	put("file", "again");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

/* tls.crt -> ..data/tls.crt, ..data -> ..1: the second link is turned to another directory. */
START_TEST(secret_of_kubernetes)
{
	ck_assert_int_eq(mkdir(in("..1"), 0700), 0);
	put("..1/tls.crt", "one");
	ck_assert_int_eq(symlink("..1", in("..data")), 0);
	ck_assert_int_eq(symlink("..data/tls.crt", in("tls.crt")), 0);
	for (int i = 0; i < 3; i++) {
		char next[8], next_file[16];

		(void)snprintf(next, sizeof(next), "..%d", i + 2);
		(void)snprintf(next_file, sizeof(next_file), "%s/tls.crt", next);
		set("tls.crt");
		ck_assert_int_eq(mkdir(in(next), 0700), 0);
		put(next_file, "two");
		ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
		turn("..data", next);
		ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
		set("tls.crt");
		put(next_file, "three");
		ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	}
}
END_TEST

/* An absolute link, and a directory on the way that is exchanged. */
START_TEST(on_the_way)
{
	ck_assert_int_eq(mkdir(in("live"), 0700), 0);
	ck_assert_int_eq(mkdir(in("next"), 0700), 0);
	put("live/key", "one");
	put("next/key", "two");
	ck_assert_int_eq(symlink(in("live/key"), in("link")), 0);
	set("link");
	ck_assert_int_eq(rename(in("live"), in("old")), 0);
	ck_assert_int_eq(rename(in("next"), in("live")), 0);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	set("link");
	put("old/key", "nobody's");
	ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
	put("live/key", "three");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

START_TEST(links_in_a_circle)
{
	ck_assert_int_eq(symlink("b", in("a")), 0);
	ck_assert_int_eq(symlink("a", in("b")), 0);
	set("a");
	turn("b", "file");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

START_TEST(directory)
{
	ck_assert_int_eq(mkdir(in("lists"), 0700), 0);
	set("lists");
	put("lists/a", "one");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	put("lists/a", "two");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	ck_assert_int_eq(unlink(in("lists/a")), 0);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

/* A path whose directory does not exist yet. */
START_TEST(not_there_yet)
{
	set("later/file");
	ck_assert_int_eq(mkdir(in("later"), 0700), 0);
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
	set("later/file");
	put("later/file", "one");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

START_TEST(another_path)
{
	set("file");
	set("other");
	put("file", "two");
	ck_assert_int_eq(happened(), PATH_WATCH_NOTHING);
	put("other", "two");
	ck_assert_int_eq(happened(), PATH_WATCH_CHANGED);
}
END_TEST

START_TEST(limits)
{
	struct rlimit old, limit;
	const char *paths[PATH_WATCH_SPOTS_MAX];
	char names[PATH_WATCH_SPOTS_MAX][96];

	for (size_t i = 0; i < PATH_WATCH_SPOTS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s/%zu", dir, i);
		paths[i] = names[i];
	}
	ck_assert_int_eq(path_watch_set(&watch, paths, PATH_WATCH_SPOTS_MAX), -ENOSPC);
	path_watch_close(&watch);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(path_watch_open(&watch), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	path_watch_close(&watch);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { nothing_at_first, written_in_place, replaced, gone_and_back,
		secret_of_kubernetes, on_the_way, links_in_a_circle, directory, not_there_yet,
		another_path, limits };

	return unit_suite("path_watch", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("path_watch", suite());
}
