/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* valgrind answers open() of /proc/self/exe with the program, and stat() with itself. */
#include "netd/program_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "wire/request.h"

static struct program_file file;
static struct problem problem;
static char directory[32], path[64];

static void make(mode_t mode)
{
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static bool is_file(int fd, const char *what)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && stat(what, &there) == 0 && here.st_dev == there.st_dev &&
		here.st_ino == there.st_ino;
}

static void setup(void)
{
	program_file_init(&file);
	ck_assert_int_eq(program_file_open(&file), 0);
	(void)snprintf(directory, sizeof(directory), "/tmp/culvert-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/program", directory);
	make(0755);
}

static void teardown(void)
{
	program_file_close(&file);
	program_file_close(&file);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(its_own)
{
	ck_assert_int_eq(file.path[0], '/');
	ck_assert(is_file(file.fd, "/proc/self/exe"));
	ck_assert(is_file(file.fd, file.path));
	ck_assert(!program_file_on_trial(&file));
	program_file_revert(&file);
	program_file_prove(&file);
	ck_assert(is_file(file.fd, "/proc/self/exe"));
}
END_TEST

/* The mark of another program, across the border of two pieces that netd reads. */
static void make_with_version(uint32_t version)
{
	enum { BEFORE = 65530 };
	static const char half[] = { 'c', 'u', 'l', 'v', 'e', 'r', 't', ' ' };
	static const char rest[] = "REQUEST_VERSION is\0";
	FILE *out;

	(void)unlink(path);
	out = fopen(path, "wxe");
	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < BEFORE; i++)
		ck_assert_int_eq(fputc('x', out), 'x');
	ck_assert_uint_eq(fwrite(half, sizeof(half), 1, out), 1);
	ck_assert_uint_eq(fwrite(rest, sizeof(rest), 1, out), 1);
	ck_assert_uint_eq(fwrite(&version, sizeof(version), 1, out), 1);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

START_TEST(another_version_is_refused)
{
	(void)snprintf(file.path, sizeof(file.path), "%s", path);
	make_with_version(REQUEST_VERSION + 1);
	ck_assert_int_eq(program_file_renew(&file, &problem), -EPROTO);
	ck_assert_ptr_nonnull(strstr(problem.text, "systemctl restart"));
	ck_assert(!program_file_on_trial(&file));
	ck_assert(is_file(file.fd, "/proc/self/exe"));
	make_with_version(REQUEST_VERSION);
	ck_assert_int_eq(program_file_renew(&file, &problem), 0);
	ck_assert(program_file_on_trial(&file));
	program_file_revert(&file);
}
END_TEST

START_TEST(trial)
{
	(void)snprintf(file.path, sizeof(file.path), "%s", path);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(program_file_renew(&file, &problem) == 0, "%s", problem.text);
		ck_assert(program_file_on_trial(&file));
		ck_assert(is_file(file.fd, path));
		ck_assert_int_eq(program_file_renew(&file, &problem), -EBUSY);
		program_file_revert(&file);
		ck_assert(!program_file_on_trial(&file));
		ck_assert(is_file(file.fd, "/proc/self/exe"));
	}
	ck_assert_int_eq(program_file_renew(&file, &problem), 0);
	program_file_prove(&file);
	ck_assert(!program_file_on_trial(&file));
	ck_assert(is_file(file.fd, path));
	program_file_revert(&file); /* nothing is on trial any more */
	ck_assert(is_file(file.fd, path));
}
END_TEST

static void ck_refused(int error, const char *words)
{
	ck_assert_int_eq(program_file_renew(&file, &problem), error);
	ck_assert_msg(strstr(problem.text, words) != NULL, "%s", problem.text);
	ck_assert(!program_file_on_trial(&file));
	ck_assert(is_file(file.fd, "/proc/self/exe"));
}

START_TEST(refused)
{
	static const struct {
		mode_t mode;
		int error;
		const char *words;
	} rows[] = {
		{ 0775, -EPERM, "chmod go-w" },
		{ 0757, -EPERM, "chmod go-w" },
		{ 0720, -EPERM, "chmod go-w" },
		{ 0644, -EACCES, "chmod 755" },
	};

	(void)snprintf(file.path, sizeof(file.path), "%s", path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make(rows[i].mode);
		ck_refused(rows[i].error, rows[i].words);
	}
	ck_assert_int_eq(unlink(path), 0);
	ck_refused(-ENOENT, "cannot open /tmp/culvert-unit-");
	ck_assert_int_eq(mkfifo(path, 0755), 0);
	ck_refused(-EACCES, "is not a file");
	file.path[0] = '\0';
	ck_refused(-ENOENT, "restart it");
}
END_TEST

START_TEST(owner)
{
	if (geteuid() != 0)
		return; /* nobody else to own it */
	(void)snprintf(file.path, sizeof(file.path), "%s", path);
	ck_assert_int_eq(chown(path, 12345, 0), 0);
	ck_refused(-EPERM, "chown root");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { its_own, another_version_is_refused, trial, refused, owner };

	return unit_suite("program_file", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("program_file", suite());
}
