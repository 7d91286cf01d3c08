/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char dir[64];
static int dir_fd;

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/culvert-test-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
}

static void tear_down(void)
{
	static const char *const names[] = { "file", "file.tmp", "other" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (unlinkat(dir_fd, names[i], 0) < 0 && errno == EISDIR)
			(void)unlinkat(dir_fd, names[i], AT_REMOVEDIR);
	}
	close(dir_fd);
	(void)rmdir(dir);
}

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make_file(const char *name, const void *data, size_t len, mode_t mode)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

START_TEST(reads_whole_files)
{
	struct problem problem = { .text = "" };
	char *data;
	size_t len;

	make_file("file", "a\0b\n", 4, 0644);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(data, "a\0b\n", 5); /* with the NUL past its end */
	free(data);
	make_file("other", "", 0, 0644);
	ck_assert_int_eq(file_read(path_of("other"), FILE_PUBLIC, &data, &len, &problem), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_str_eq(data, "");
	free(data);
	ck_assert_str_eq(problem.text, "");
}
END_TEST

START_TEST(private_files_are_the_owners_alone)
{
	static const mode_t bad[] = { 0640, 0604, 0644, 0660, 0620 };
	struct problem problem = { .text = "" };
	char *data = NULL;
	size_t len;

	make_file("file", "key", 3, 0600);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PRIVATE, &data, &len, &problem), 0);
	free(data);
	data = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(fchmodat(dir_fd, "file", bad[i], 0), 0);
		ck_assert_int_eq(
			file_read(path_of("file"), FILE_PRIVATE, &data, &len, &problem), -EPERM);
		ck_assert_ptr_null(data);
		ck_assert_ptr_nonnull(strstr(problem.text, "chmod 600 "));
		ck_assert_ptr_nonnull(strstr(problem.text, path_of("file")));
	}
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), 0);
	free(data);
}
END_TEST

START_TEST(privacy_without_reading)
{
	struct problem problem = { .text = "" };

	make_file("file", "key", 3, 0600);
	ck_assert_int_eq(file_check_private(path_of("file"), &problem), 0);
	ck_assert_str_eq(problem.text, "");
	ck_assert_int_eq(fchmodat(dir_fd, "file", 0640, 0), 0);
	ck_assert_int_eq(file_check_private(path_of("file"), &problem), -EPERM);
	ck_assert_ptr_nonnull(strstr(problem.text, "chmod 600 "));
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, path_of("other")));
	ck_assert_int_eq(file_check_private(path_of("other"), NULL), -ENOENT);
}
END_TEST

/* Only root can give a file away. */
START_TEST(private_files_belong_to_root_or_us)
{
	struct problem problem = { .text = "" };
	char *data = NULL;
	size_t len;

	make_file("file", "key", 3, 0600);
	ck_assert_int_eq(fchownat(dir_fd, "file", 1, (gid_t)-1, 0), 0);
	ck_assert_int_eq(file_check_private(path_of("file"), &problem), -EPERM);
	ck_assert_ptr_nonnull(strstr(problem.text, "chown root "));
	ck_assert_ptr_nonnull(strstr(problem.text, path_of("file")));
	ck_assert_int_eq(file_read(path_of("file"), FILE_PRIVATE, &data, &len, &problem), -EPERM);
	ck_assert_ptr_null(data);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), 0);
	free(data);
	/* The owner himself may have it; and what is root's is trusted by all. */
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(seteuid(1), 0);
	ck_assert_int_eq(file_check_private(path_of("file"), &problem), 0);
	ck_assert_int_eq(seteuid(0), 0);
	make_file("other", "key", 3, 0600);
	ck_assert_int_eq(seteuid(1), 0);
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), 0);
	ck_assert_int_eq(seteuid(0), 0);
	/* Not root, one can read what is root's through its group: that much is allowed, and no more. */
	ck_assert_int_eq(fchmodat(dir_fd, "other", 0640, 0), 0);
	ck_assert_int_eq(fchmodat(dir_fd, "file", 0640, 0), 0);
	ck_assert_int_eq(seteuid(1), 0);
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), 0);
	ck_assert_int_eq(file_check_private(path_of("file"), &problem), -EPERM);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), -EPERM);
	ck_assert_int_eq(fchmodat(dir_fd, "other", 0644, 0), 0);
	ck_assert_int_eq(seteuid(1), 0);
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), -EPERM);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(fchmodat(dir_fd, "other", 0660, 0), 0);
	ck_assert_int_eq(seteuid(1), 0);
	ck_assert_int_eq(file_check_private(path_of("other"), &problem), -EPERM);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(writes_all_or_says_why)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char *data;
	size_t len;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, "hel", 3), 0);
	ck_assert_int_eq(file_write_all(fd, "", 0), 0);
	ck_assert_int_eq(file_write_all(fd, "lo", 2), 0);
	ck_assert_int_eq(file_read_fd(fd, &data, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(data, "hello");
	free(data);
	close(fd);
	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(file_write_all(full, "x", 1), -ENOSPC);
	close(full);
	ck_assert_int_eq(file_write_all(-1, "x", 1), -EBADF);
}
END_TEST

START_TEST(what_cannot_be_read_is_said)
{
	struct problem problem = { .text = "" };
	char *data;
	size_t len;

	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, path_of("file")));
	ck_assert_ptr_nonnull(strstr(problem.text, "No such file"));
	ck_assert_int_eq(file_read("no-such", FILE_PUBLIC, &data, &len, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "the directory that this was started in"));
	ck_assert_int_eq(file_read(dir, FILE_PUBLIC, &data, &len, &problem), -EISDIR);
	/* A FIFO without a writer must neither hold us up nor be read. */
	ck_assert_int_eq(mkfifoat(dir_fd, "file", 0600), 0);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), -EISDIR);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, NULL), -EISDIR);
}
END_TEST

START_TEST(size_is_bounded)
{
	struct problem problem = { .text = "" };
	char *data;
	size_t len;

	make_file("file", "", 0, 0600);
	ck_assert_int_eq(truncate(path_of("file"), FILE_SIZE_MAX), 0);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), 0);
	ck_assert_uint_eq(len, FILE_SIZE_MAX);
	free(data);
	ck_assert_int_eq(truncate(path_of("file"), FILE_SIZE_MAX + 1), 0);
	ck_assert_int_eq(file_read(path_of("file"), FILE_PUBLIC, &data, &len, &problem), -EFBIG);
}
END_TEST

START_TEST(descriptors_keep_their_offset)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *data;
	size_t len;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "hello", 5), 5);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(file_read_fd(fd, &data, &len), 0);
		ck_assert_uint_eq(len, 5);
		ck_assert_str_eq(data, "hello");
		free(data);
		ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 5);
	}
	close(fd);
	ck_assert_int_eq(file_read_fd(dir_fd, &data, &len), -EISDIR);
	ck_assert_int_eq(file_read_fd(-1, &data, &len), -EBADF);
}
END_TEST

static void expect_content(const char *name, const char *expected)
{
	char *data;
	size_t len;

	ck_assert_int_eq(file_read(path_of(name), FILE_PRIVATE, &data, &len, NULL), 0);
	ck_assert_str_eq(data, expected);
	free(data);
}

START_TEST(replaces_whole_files)
{
	ck_assert_int_eq(file_replace_at(dir_fd, "file", "one", 3), 0);
	expect_content("file", "one");
	ck_assert_int_eq(file_replace_at(dir_fd, "file", "two, longer", 11), 0);
	expect_content("file", "two, longer");
	ck_assert_int_eq(file_replace_at(dir_fd, "file", "", 0), 0);
	expect_content("file", "");
	ck_assert_int_eq(faccessat(dir_fd, "file.tmp", F_OK, 0), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(creates_only_what_is_not_there)
{
	ck_assert_int_eq(file_create_at(dir_fd, "file", "one", 3), 0);
	expect_content("file", "one");
	ck_assert_int_eq(file_create_at(dir_fd, "file", "two", 3), -EEXIST);
	expect_content("file", "one");
	ck_assert_int_eq(faccessat(dir_fd, "file.tmp", F_OK, 0), -1);
	ck_assert_int_eq(symlinkat("nowhere", dir_fd, "link"), 0);
	ck_assert_int_eq(file_create_at(dir_fd, "link", "two", 3), -EEXIST);
}
END_TEST

START_TEST(a_crashs_left_over_is_replaced)
{
	/*
	 * Whatever stands under the temporary name, even a link to somewhere else, is not written
	 * to.
	 */
	make_file("other", "precious", 8, 0600);
	ck_assert_int_eq(symlinkat("other", dir_fd, "file.tmp"), 0);
	ck_assert_int_eq(file_replace_at(dir_fd, "file", "new", 3), 0);
	expect_content("file", "new");
	expect_content("other", "precious");
	ck_assert_int_eq(faccessat(dir_fd, "file.tmp", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}
END_TEST

START_TEST(failure_leaves_the_old_file)
{
	char long_name[NAME_MAX + 2];

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	ck_assert_int_eq(file_replace_at(dir_fd, long_name, "x", 1), -ENAMETOOLONG);
	ck_assert_int_eq(file_replace_at(dir_fd, "", "x", 1), -EINVAL);
	ck_assert_int_eq(file_replace_at(dir_fd, "../file", "x", 1), -EINVAL);
	ck_assert_int_eq(file_replace_at(-1, "file", "x", 1), -EBADF);
	/* A directory cannot be replaced by a file; nothing is left behind. */
	ck_assert_int_eq(mkdirat(dir_fd, "file", 0700), 0);
	ck_assert_int_eq(file_replace_at(dir_fd, "file", "x", 1), -EISDIR);
	ck_assert_int_eq(faccessat(dir_fd, "file.tmp", F_OK, 0), -1);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, set_up, tear_down);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("file");

	add(suite, "read", reads_whole_files);
	add(suite, "private", private_files_are_the_owners_alone);
	add(suite, "privacy", privacy_without_reading);
	if (geteuid() == 0)
		add(suite, "owner", private_files_belong_to_root_or_us);
	add(suite, "write", writes_all_or_says_why);
	add(suite, "errors", what_cannot_be_read_is_said);
	add(suite, "size", size_is_bounded);
	add(suite, "descriptors", descriptors_keep_their_offset);
	add(suite, "replace", replaces_whole_files);
	add(suite, "create", creates_only_what_is_not_there);
	add(suite, "left over", a_crashs_left_over_is_replaced);
	add(suite, "failure", failure_leaves_the_old_file);
	return suite;
}

int main(void)
{
	return unit_run("file", suite());
}
