/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of culvert run: what is Culvert's and what is the command's. And its settings. */
#include "client/run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "options_test.h"

enum { WORDS_MAX = 16 };

static struct run_arguments arguments;
static struct problem problem;
static char words[512];
static char *argv[WORDS_MAX + 1];

/* A command line with single spaces. */
static int parse(const char *line)
{
	int argc = 0;
	char *rest = words;

	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *word; (word = strsep(&rest, " ")) && argc < WORDS_MAX; argc++)
		argv[argc] = word;
	argv[argc] = NULL;
	memset(&arguments, 0, sizeof(arguments));
	return run_parse(argc, argv, &arguments, &problem);
}

static void refused(const char *line, const char *text)
{
	ck_assert_int_eq(parse(line), -EINVAL);
	ck_assert_str_eq(problem.text, text);
	ck_assert_ptr_null(arguments.profile);
}

START_TEST(the_profile_and_the_command)
{
	ck_assert_int_eq(parse("run alice.conf -- ls -l --help"), 0);
	ck_assert_str_eq(arguments.profile, "alice.conf");
	ck_assert_str_eq(arguments.command[0], "ls");
	ck_assert_str_eq(arguments.command[1], "-l");
	ck_assert_str_eq(arguments.command[2], "--help");
	ck_assert_ptr_null(arguments.command[3]);
	ck_assert_int_eq(arguments.timeout.ns, DURATION_S(RUN_TIMEOUT_S).ns);
	ck_assert(!arguments.verbose);
	ck_assert(!arguments.help);
}
END_TEST

START_TEST(the_dashes_may_be_left_out)
{
	ck_assert_int_eq(parse("run alice.conf ls --verbose --timeout"), 0);
	ck_assert_str_eq(arguments.command[0], "ls");
	ck_assert_str_eq(arguments.command[1], "--verbose");
	ck_assert(!arguments.verbose);
	/* Only the first are Culvert's. */
	ck_assert_int_eq(parse("run alice.conf -- -- x"), 0);
	ck_assert_str_eq(arguments.command[0], "--");
	ck_assert_int_eq(parse("run -- -odd.conf ls"), 0);
	ck_assert_str_eq(arguments.profile, "-odd.conf");
	ck_assert_str_eq(arguments.command[0], "ls");
}
END_TEST

START_TEST(options_come_first)
{
	ck_assert_int_eq(parse("run --timeout 5 --verbose alice.conf true"), 0);
	ck_assert_int_eq(arguments.timeout.ns, DURATION_S(5).ns);
	ck_assert(arguments.verbose);
	ck_assert_int_eq(parse("run --timeout=86400 -v alice.conf true"), 0);
	ck_assert_int_eq(arguments.timeout.ns, DURATION_S(86400).ns);
	ck_assert_int_eq(parse("run --help"), 0);
	ck_assert(arguments.help);
}
END_TEST

START_TEST(mistakes_are_told)
{
	refused("run", "a profile is missing");
	refused("run --", "a profile is missing");
	refused("run alice.conf", "a command is missing after the profile");
	refused("run alice.conf --", "a command is missing after the profile");
	refused("run --colour alice.conf ls", "unknown option: --colour");
	refused("run --timeout", "a value is missing after --timeout");
	refused("run --timeout 0 a b", "--timeout: expected seconds from 1 to 86400, got \"0\"");
	refused("run --timeout 5s a b", "--timeout: expected seconds from 1 to 86400, got \"5s\"");
	refused("run --timeout -1 a b", "--timeout: expected seconds from 1 to 86400, got \"-1\"");
	refused("run --timeout 99999999999999999999 a b",
		"--timeout: expected seconds from 1 to 86400, got \"99999999999999999999\"");
}
END_TEST

/* ---- the settings ---- */

static const char profile[] =
	"remotes = \"192.0.2.1\"; server_name = \"hub\"; netns = \"blue\";\n"
	"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; log_level = \"debug\";\n"
	"control_socket = \"/run/other.sock\";";

START_TEST(a_command_has_no_part_of_the_system)
{
	struct settings *settings;

	ck_assert_int_eq(unsetenv("XDG_RUNTIME_DIR"), 0);
	settings = options_good(run_load_quiet, profile, "/tmp/alice.conf");
	ck_assert(settings->contained);
	ck_assert_str_eq(settings->peers[0].netns, "");
	ck_assert_str_eq(settings->control_socket, "");
	ck_assert_int_eq(settings->log_level, LOG_LEVEL_WARNING);
	settings_free(settings);
	settings = options_good(run_load_verbose, profile, "/tmp/alice.conf");
	ck_assert_int_eq(settings->log_level, LOG_LEVEL_DEBUG);
	settings_free(settings);
}
END_TEST

START_TEST(its_socket_is_the_users)
{
	char dir[] = "/tmp/culvert-test-run-XXXXXX", expected[64], longest[256];
	struct settings *settings;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	settings = options_good(run_load_quiet, profile, "/tmp/alice.conf");
	(void)snprintf(expected, sizeof(expected), "%s/culvert/alice.sock", dir);
	ck_assert_str_eq(settings->control_socket, expected);
	settings_free(settings);
	/* What does not fit, is not there or not absolute is no place. */
	(void)snprintf(longest, sizeof(longest), "%s/%0200d", dir, 0);
	for (size_t i = 0; i < 3; i++) {
		const char *const odd[] = { longest, "/no/such/directory", "." };

		ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", odd[i], 1), 0);
		settings = options_good(run_load_quiet, profile, "/tmp/alice.conf");
		ck_assert_str_eq(settings->control_socket, "");
		settings_free(settings);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { the_profile_and_the_command, the_dashes_may_be_left_out,
		options_come_first, mistakes_are_told, a_command_has_no_part_of_the_system,
		its_socket_is_the_users };

	return unit_run("run", unit_suite("run", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
