/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations with files that do not do: each is one line with file, line, key and the file that
 * is named. What certificates themselves can get wrong is tested in test_tls_context.c.
 */
#include "config/configuration.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/options.h"

#include "unit.h"

static const struct configuration_role role = { .tls_role = TLS_SERVER,
	.load = daemon_options_load };

static char dir[64];
static struct configuration configuration;
static struct problem problem;

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/culvert-test-configuration-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	configuration = (struct configuration){ .path = NULL };
	problem.text[0] = '\0';
}

static void tear_down(void)
{
	static const char *const names[] = { "conf", "crt", "key", "ca" };
	char path[128];

	configuration_free(&configuration);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* One of the last four that were asked for. */
static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static int load_text(const char *text, mode_t mode)
{
	static char path[128];

	make_file("conf", text, mode);
	(void)snprintf(path, sizeof(path), "%s/conf", dir);
	return configuration_load(&configuration, &role, path, &problem);
}

/* A server's configuration with these files, each on a line of its own. */
static int load(const char *certificate, const char *key, const char *ca, mode_t mode)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"pool4 = \"10.9.0.0/24\";\n"
		"certificate = \"%s\";\n"
		"key = \"%s\";\n"
		"ca = \"%s\";\n",
		certificate, key, ca);
	return load_text(text, mode);
}

static int check(void)
{
	struct configuration_verdict verdict = { .identity = { .name = "untouched" } };
	struct findings findings = { .count = 0 };
	const struct finding *error;
	int r = configuration_examine(
		&configuration, &role, CONFIGURATION_CHECK, &findings, &verdict);

	error = findings_first(&findings, FINDING_ERROR);
	if (r < 0 && error)
		problem = error->text;
	findings_free(&findings);
	ck_assert_str_eq(verdict.identity.name, "untouched");
	return r;
}

/* The words are to begin with "DIR/conf:LINE: ", and then so. */
static void says(unsigned line, const char *words)
{
	char expected[256];

	(void)snprintf(expected, sizeof(expected), "%s/conf:%u: %s", dir, line, words);
	ck_assert_msg(strncmp(problem.text, expected, strlen(expected)) == 0,
		"\"%s\" does not begin with \"%s\"", problem.text, expected);
}

START_TEST(no_file_at_all)
{
	ck_assert_int_eq(
		configuration_load(&configuration, &role, path_of("conf"), &problem), -ENOENT);
	ck_assert_ptr_null(configuration.text);
	ck_assert_ptr_null(configuration.settings);
	ck_assert_ptr_nonnull(strstr(problem.text, path_of("conf")));
}
END_TEST

START_TEST(refused_text_stays_to_be_looked_at)
{
	ck_assert_int_eq(load_text("remotes = [ \"a\" ];\n", 0644), -EINVAL);
	ck_assert_str_eq(configuration.text, "remotes = [ \"a\" ];\n");
	ck_assert_ptr_null(configuration.settings);
	says(1, "remotes: ");
}
END_TEST

START_TEST(the_engine_is_never_root)
{
	static const char *const names[] = { "root", "0", "00" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char text[256], expected[64];

		(void)snprintf(text, sizeof(text),
			"pool4 = \"10.9.0.0/24\";\ncertificate = \"/c\";\nkey = \"/k\";\n"
			"ca = \"/a\";\nuser = \"%s\";\n",
			names[i]);
		ck_assert_int_eq(load_text(text, 0644), 0);
		ck_assert_int_eq(check(), -EPERM);
		(void)snprintf(expected, sizeof(expected), "user: '%s' is root", names[i]);
		says(5, expected);
		configuration_free(&configuration);
	}
}
END_TEST

START_TEST(a_key_inside_makes_the_file_private)
{
	static const char key[] = "-----BEGIN PRIVATE KEY-----\n";

	ck_assert_int_eq(load("/c", key, "/a", 0644), -EPERM);
	ck_assert_ptr_nonnull(strstr(problem.text, "chmod 600 "));
	ck_assert_ptr_nonnull(strstr(problem.text, path_of("conf")));
	configuration_free(&configuration);
	ck_assert_int_eq(load("/c", key, "/a", 0600), 0);
	configuration_free(&configuration);
	/* With its key elsewhere, everybody may read it. */
	ck_assert_int_eq(load("/c", "/k", "/a", 0644), 0);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
	char expected[256];

	make_file("crt", "x", 0644);
	ck_assert_int_eq(load(path_of("crt"), path_of("key"), path_of("ca"), 0644), 0);
	ck_assert_int_eq(check(), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "key: cannot read %s", path_of("key"));
	says(3, expected);

	make_file("key", "x", 0640);
	ck_assert_int_eq(check(), -EPERM);
	(void)snprintf(expected, sizeof(expected), "key: %s is open", path_of("key"));
	says(3, expected);
	ck_assert_ptr_nonnull(strstr(problem.text, "chmod 600 "));

	make_file("key", "x", 0600);
	ck_assert_int_eq(check(), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "ca: cannot read %s", path_of("ca"));
	says(4, expected);
}
END_TEST

START_TEST(files_that_hold_something_else)
{
	char expected[256];

	make_file("crt", "no certificate", 0644);
	make_file("key", "no key", 0600);
	make_file("ca", "no certificate", 0644);
	ck_assert_int_eq(load(path_of("crt"), path_of("key"), path_of("ca"), 0644), 0);
	ck_assert_int_eq(check(), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "certificate: %s: holds no certificate",
		path_of("crt"));
	says(2, expected);
}
END_TEST

/* PEM text in the configuration has no file of its own to be named. */
START_TEST(text_that_is_something_else)
{
	make_file("key", "no key", 0600);
	make_file("ca", "no certificate", 0644);
	ck_assert_int_eq(load("-----BEGIN NOTHING-----", path_of("key"), path_of("ca"), 0644), 0);
	ck_assert_int_eq(check(), -EINVAL);
	says(2, "certificate: ");
	ck_assert_ptr_null(strstr(&problem.text[strlen(dir) + 1], dir));
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, set_up, tear_down);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("configuration");

	add(suite, "no file", no_file_at_all);
	add(suite, "refused", refused_text_stays_to_be_looked_at);
	add(suite, "root", the_engine_is_never_root);
	add(suite, "private", a_key_inside_makes_the_file_private);
	add(suite, "unreadable", files_that_cannot_be_read);
	add(suite, "not PEM", files_that_hold_something_else);
	add(suite, "not PEM inside", text_that_is_something_else);
	return suite;
}

int main(void)
{
	return unit_run("configuration", suite());
}
