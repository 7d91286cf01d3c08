/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a person means by a word. */
#include "client/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static char dir[] = "/tmp/culvert-test-profile-XXXXXX";
static char path[PATH_MAX];
static struct problem problem;

static void make(const char *file)
{
	int dir_fd = open(dir, O_PATH | O_DIRECTORY);
	int fd = openat(dir_fd, file, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	close(dir_fd);
}

static void remove_file(const char *file)
{
	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(paths_are_taken_as_they_are)
{
	static const char *const words[] = { "/etc/culvert/alice.conf", "./alice", "alice.conf",
		"profiles/alice", "no.conf" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		ck_assert_int_eq(profile_find(words[i], "/nowhere", path, &problem), 0);
		ck_assert_str_eq(path, words[i]);
	}
}
END_TEST

START_TEST(names_are_looked_up)
{
	char expected[PATH_MAX];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(profile_find("alice", dir, path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "none"));
	make("alice.conf");
	make("bob.conf");
	make("odd name.conf");
	make("alice.key");
	ck_assert_int_eq(profile_find("alice", dir, path, &problem), 0);
	(void)snprintf(expected, sizeof(expected), "%s/alice.conf", dir);
	ck_assert_str_eq(path, expected);
	ck_assert_int_eq(profile_find("alice.conf", dir, path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, expected));
	ck_assert_ptr_nonnull(strstr(problem.text, "or alice"));
	ck_assert_int_eq(profile_find("./alice.conf", dir, path, &problem), 0);
	ck_assert_int_eq(profile_find("carol", dir, path, &problem), -ENOENT);
	ck_assert_msg(strstr(problem.text, "(there: alice, bob)") != NULL, "%s", problem.text);
	ck_assert_ptr_nonnull(strstr(problem.text, "./carol"));
	ck_assert_int_eq(profile_find("", dir, path, &problem), -EINVAL);
	ck_assert_int_eq(profile_find("..", dir, path, &problem), -EINVAL);
	ck_assert_int_eq(profile_find("a b", dir, path, &problem), -EINVAL);
	ck_assert_int_eq(profile_find("a\nb", dir, path, &problem), -EINVAL);
	remove_file("alice.conf");
	remove_file("bob.conf");
	remove_file("odd name.conf");
	remove_file("alice.key");
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_file_gives_a_name)
{
	struct identity name;

	ck_assert_int_eq(profile_name("/etc/culvert/branch-a.conf", &name), 0);
	ck_assert_str_eq(name.name, "branch-a");
	ck_assert_int_eq(profile_name("branch-a", &name), 0);
	ck_assert_str_eq(name.name, "branch-a");
	ck_assert_int_eq(profile_name(".conf", &name), 0);
	ck_assert_str_eq(name.name, ".conf");
	ck_assert_int_eq(profile_name("/etc/odd name.conf", &name), -EINVAL);
	ck_assert_int_eq(profile_name("/etc/", &name), -EINVAL);
}
END_TEST

/* A mistyped name starts nothing that lies about here. */
START_TEST(files_of_this_directory_are_named_only)
{
	char here[PATH_MAX];

	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	(void)snprintf(dir, sizeof(dir), "/tmp/culvert-test-profile-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	make("alice.vpn");
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(profile_find("alice.vpn", "/nowhere", path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "write its path: ./alice.vpn"));
	ck_assert_int_eq(chdir(here), 0);
	remove_file("alice.vpn");
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("profile");

	unit_add(suite, "paths", paths_are_taken_as_they_are);
	unit_add(suite, "names", names_are_looked_up);
	unit_add(suite, "name", a_file_gives_a_name);
	unit_add(suite, "here", files_of_this_directory_are_named_only);
	return suite;
}

int main(void)
{
	return unit_run("profile", suite());
}
