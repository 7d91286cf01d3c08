/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of a directory count as revocation lists, and in which order. */
#include "config/crl_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/unit.h"

#define LIST(text) "-----BEGIN X509 CRL-----\n" text "\n-----END X509 CRL-----"

static char dir[] = "/tmp/test_crl_source-XXXXXX";
static char *data;
static size_t len;
static struct problem problem;

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
	memcpy(dir, "/tmp/test_crl_source-XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	data = NULL;
	problem = (struct problem){ 0 };
}

static void tear_down(void)
{
	static const char *const names[] = { "a.crl", "b.pem", "0a1b2c3d.r0", "README",
		".hidden.crl", "a.crl~", "other", "x.crl", "big.crl" };
	char path[128];

	free(data);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(one_file)
{
	char path[128];

	put("a.crl", "anything");
	(void)snprintf(path, sizeof(path), "%s/a.crl", dir);
	ck_assert_int_eq(crl_source_read(path, &data, &len, &problem), 0);
	ck_assert_str_eq(data, "anything"); /* tls_context_new() judges it */
	ck_assert_uint_eq(len, strlen("anything"));
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(crl_source_read(path, &data, &len, &problem), -ENOENT);
}
END_TEST

START_TEST(all_lists_in_order)
{
	put("b.pem", LIST("B"));
	put("a.crl", "a comment\n" LIST("A"));
	put("0a1b2c3d.r0", LIST("0") "\n");
	put("README", "no list");
	put("other", LIST("O"));
	put(".hidden.crl", "half");
	put("a.crl~", "old");
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), 0);
	ck_assert_str_eq(
		data, LIST("0") "\n\na comment\n" LIST("A") "\n" LIST("B") "\n" LIST("O") "\n");
	ck_assert_uint_eq(len, strlen(data));
}
END_TEST

START_TEST(a_list_that_cannot_be_read)
{
	static const char *const names[] = { "x.crl", "b.pem", "0a1b2c3d.r0" };

	put("a.crl", LIST("A"));
	put(names[_i], "0\x82 binary");
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, names[_i]));
	ck_assert_ptr_nonnull(strstr(problem.text, "holds no revocation list in PEM form"));
}
END_TEST

START_TEST(none)
{
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -ENODATA);
	ck_assert_ptr_nonnull(strstr(problem.text, dir));
	put("README", "no list");
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -ENODATA);
}
END_TEST

/* Each may be as large as a file may be, and so may be all of them. */
START_TEST(too_much)
{
	char path[128];

	put("a.crl", LIST("A"));
	put("big.crl", LIST("B"));
	(void)snprintf(path, sizeof(path), "%s/big.crl", dir);
	ck_assert_int_eq(truncate(path, FILE_SIZE_MAX), 0);
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -EFBIG);
	ck_assert_ptr_nonnull(strstr(problem.text, "cannot read the lists in "));
}
END_TEST

/* Files without a list are read, too: neither many nor large ones may keep netd busy. */
START_TEST(full_of_other_things)
{
	char path[128];

	put("a.crl", LIST("A"));
	for (int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d", dir, i);
		put(path + strlen(dir) + 1, "");
		ck_assert_int_eq(truncate(path, FILE_SIZE_MAX), 0);
	}
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -EFBIG);
	ck_assert_ptr_nonnull(strstr(problem.text, "have more than 16777216 bytes"));
	for (int i = 0; i < CRL_SOURCE_NAMES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d", dir, i);
		put(path + strlen(dir) + 1, "");
	}
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), -EFBIG);
	ck_assert_ptr_nonnull(strstr(problem.text, "holds more than 1024 names"));
	for (int i = 0; i < CRL_SOURCE_NAMES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d", dir, i);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), 0);
}
END_TEST

START_TEST(directories_are_skipped)
{
	char path[128];

	put("a.crl", LIST("A"));
	(void)snprintf(path, sizeof(path), "%s/x.crl", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(crl_source_read(dir, &data, &len, &problem), 0);
	ck_assert_str_eq(data, LIST("A") "\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crl_source");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30); /* one makes many files */
	tcase_add_test(tcase, one_file);
	tcase_add_test(tcase, all_lists_in_order);
	tcase_add_loop_test(tcase, a_list_that_cannot_be_read, 0, 3);
	tcase_add_test(tcase, none);
	tcase_add_test(tcase, too_much);
	tcase_add_test(tcase, full_of_other_things);
	tcase_add_test(tcase, directories_are_skipped);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("crl_source", suite());
}
