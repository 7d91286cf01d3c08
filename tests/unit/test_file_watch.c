/* SPDX-License-Identifier: Apache-2.0 */
#include "system/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "unit.h"

static char directory[sizeof("/tmp/test_file_watch-XXXXXX")];
static char path[64], other[64];
static struct file_watch watch;

static void setup(void)
{
	unit_text(directory, "/tmp/test_file_watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/watched", directory);
	(void)snprintf(other, sizeof(other), "%s/other", directory);
}

static void teardown(void)
{
	file_watch_close(&watch);
	(void)unlink(path);
	(void)unlink(other);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void write_file(const char *name, int flags)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
}

static bool has_changed(void)
{
	bool changed = true;

	ck_assert_int_eq(file_watch_read(&watch, &changed), 0);
	return changed;
}

START_TEST(each_kind_of_change_is_noticed)
{
	ck_assert_int_eq(file_watch_open(&watch, path), 0);
	ck_assert(!has_changed());
	write_file(path, 0); /* made */
	ck_assert(has_changed());
	write_file(path, O_APPEND); /* written in place */
	ck_assert(has_changed());
	write_file(other, 0);
	ck_assert(!has_changed());
	ck_assert_int_eq(rename(other, path), 0); /* replaced */
	ck_assert(has_changed());
	write_file(path, O_APPEND); /* the new one */
	ck_assert(has_changed());
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(has_changed());
	ck_assert(!has_changed());
}
END_TEST

/* netd then looks at the file every second: netd/dns. */
START_TEST(a_limit_is_an_error)
{
	struct rlimit before, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(file_watch_open(&watch, path), -EMFILE);
	ck_assert_int_eq(watch.fd, -1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(what_cannot_be_watched_is_an_error)
{
	ck_assert_int_eq(file_watch_open(&watch, "relative"), -EINVAL);
	ck_assert_int_eq(watch.fd, -1);
	ck_assert_int_eq(file_watch_open(&watch, "/nonexistent/file"), -ENOENT);
	ck_assert_int_eq(watch.fd, -1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { each_kind_of_change_is_noticed, a_limit_is_an_error,
		what_cannot_be_watched_is_an_error };

	return unit_suite("file_watch", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("file_watch", suite());
}
