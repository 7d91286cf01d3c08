/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/version.h"
#include "client/check.h"
#include "client/client.h"
#include "client/command.h"
#include "client/import.h"
#include "client/options.h"
#include "client/profile.h"
#include "client/run.h"
#include "client/ssh_session.h"
#include "config/configuration.h"
#include "netd/kill_switch.h"
#include "netd/netd.h"
#include "netd/sweep.h"
#include "system/process.h"

/*
 * culvert: the client (`up`), the checker, and the command line for running daemons
 * (client/command.c).
 */

static const char usage[] =
	"usage: culvert COMMAND …\n"
	"\n"
	"  up PROFILE                  connect by this profile; runs in the foreground, logs to stderr\n"
	"  run PROFILE -- COMMAND …    run one command inside the VPN, as an ordinary user; culvert run --help\n"
	"  check PROFILE               examine a profile, or a culvertd.conf, with its certificate and key, and\n"
	"                              this host; culvert check --help\n"
	"  import FILE [NAME]          check a profile and install it as " PROFILE_DIR
	"/NAME.conf; see\n"
	"                              culvert import --help, also for PKCS#12 bundles\n"
	"  down [NAME]                 end a running client or server\n"
	"  reload [NAME]               read its configuration again and switch to it, without a restart\n"
	"  drain [NAME] [--over DURATION]\n"
	"                              send a server's clients to another server, then end it\n"
	"  reexec [NAME]               replace its engine by the program that is on disk now\n"
	"  status [NAME…] [--json]     show the state of all running clients and servers, or of those or\n"
	"                              the peers with these names; --peer NAME: of a peer, --full: all of\n"
	"                              ten peers and more, --check: status 0 only if all are up\n"
	"  peers [NAME] [--json]       list its peers, a line each\n"
	"  routes [NAME] [--json]      list the prefixes announced and received\n"
	"  routes add|del PREFIX… [--name NAME]\n"
	"                              announce or withdraw prefixes now\n"
	"  doctor [NAME] [--json]      show what blocks a tunnel, and the command that fixes it\n"
	"  sweep [NAME]                remove what killed clients have left: kill switch, full tunnel, resolvers\n"
	"  options                     list every option of a profile\n"
	"  --help, --version\n"
	"\n"
	"PROFILE is a file, which has a slash or ends in .conf, or the name of one in " PROFILE_DIR
	"\n"
	"(--dir DIR: in another directory). NAME is the profile's file name without .conf, or \"culvertd\"; it\n"
	"may be left out when only one is running. --socket PATH names a control socket instead, and so does\n"
	"$CULVERT_SOCKET where nothing else is named.\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong command line, 3 configuration, certificate or\n"
	"key refused and nothing started, 4 no such daemon is running, 5 refused by the other end or the\n"
	"daemon, 6 not permitted.\n";

static enum exit_code start(struct configuration *profile, bool closed, pid_t predecessor)
{
	char name[] = "culvert", engine[] = "--engine";
	char *const engine_argv[] = { name, engine, NULL };
	struct netd_program program = {
		.settings = profile->settings,
		.config_path = profile->path,
		.configuration = profile,
		.role = &client_role.configuration,
		.engine_argv = engine_argv,
		.closed = closed,
		.predecessor = predecessor,
	};

	return netd_run(&program);
}

/*
 * Puts the kill switch in force if the profile has it, even if the certificate or the key's
 * passphrase is wrong. So no packet leaves this host while the user fixes that. *ret_closed: the
 * kill switch is in force. Without the capability this is impossible, but then no program starts.
 */
static enum exit_code close_first(
	const struct configuration *profile, const struct identity *name, bool *ret_closed)
{
	struct problem problem;

	if (!profile_wants_kill_switch(profile->text, profile->len) ||
		!process_has_capability(CAP_NET_ADMIN) ||
		kill_switch_close(name->name, ret_closed, &problem) == 0)
		return EXIT_CODE_OK;
	log_error("%s", problem.text);
	return EXIT_CODE_FAILURE;
}

/* Puts the kill switch in force first, then starts nothing that check refuses. */
static enum exit_code up(const char *path, pid_t predecessor)
{
	struct configuration profile;
	struct problem problem = { 0 };
	struct identity name;
	enum exit_code code = EXIT_CODE_OK;
	bool closed = false;

	int r = configuration_load(&profile, &client_role.configuration, path, &problem);
	if (r < 0)
		(void)check_explain_server(&profile, &problem);
	else
		ssh_session_warn(profile.settings);
	if (profile_called(profile.text, profile.len, path, &name) == 0)
		code = close_first(&profile, &name, &closed);
	if (r == 0 && code == EXIT_CODE_OK) {
		log_set_level(profile.settings->log_level);
		r = configuration_prepare(&profile, &client_role.configuration, &problem);
	}
	if (r < 0) {
		log_error("%s", problem.text);
		code = exit_code_of_error(r, EXIT_CODE_CONFIG);
		if (closed)
			kill_switch_log_stays(name.name);
	}
	if (code == EXIT_CODE_OK)
		code = start(&profile, closed, predecessor);
	configuration_free(&profile);
	return code;
}

/* The arguments after --engine are netd's: none, or how it runs. */
static int run_engine(const char *contained, const char *verbose)
{
	struct client *client = calloc(1, sizeof(*client));
	struct engine_role role = client_role;

	if (!client)
		return EXIT_CODE_FAILURE;
	if (contained)
		role.configuration.load = verbose ? run_load_verbose : run_load_quiet;
	int code = engine_run(&client->engine, &role);
	free(client);
	return code;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "culvert: %s; try culvert --help\n", what);
	return EXIT_CODE_USAGE;
}

/* Reports an option that getopt_long() refused. */
static int option_error(int option, char **argv)
{
	fprintf(stderr, "culvert %s: %s %s; try culvert %s --help\n", argv[0],
		option == ':' ? "a value is missing after" : "unknown option:", argv[optind - 1],
		argv[0]);
	return EXIT_CODE_USAGE;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int print(const char *text)
{
	return fputs(text, stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static const char up_usage[] =
	"usage: culvert up PROFILE [--dir DIR] [--succeed PID]\n"
	"\n"
	"Connects by this profile. Runs in the foreground and logs to stderr, until a signal or culvert down\n"
	"ends it; systemctl start culvert@NAME runs it in the background. First it judges the profile as\n"
	"culvert check does, and starts nothing where that finds an error.\n"
	"\n"
	"PROFILE is a file, which has a slash or ends in .conf, or the name of one in " PROFILE_DIR
	"\n"
	"(--dir DIR: in another directory).\n"
	"\n"
	"--succeed PID takes the place of the running culvert up with that process number: session,\n"
	"interface, routes and kill switch stay. Not under systemd, whose restart does so itself.\n"
	"\n"
	"Exit status: 0 ended by a signal or by culvert down, 1 failed while running, 3 configuration,\n"
	"certificate or key refused and nothing started, 5 refused by the other end, 6 not permitted.\n";

static const char check_usage[] =
	"usage: culvert check PROFILE [--file-only] [--strict] [--json] [--dir DIR]\n"
	"       culvert check PROFILE --certificate FILE\n"
	"\n"
	"Examines a profile, or a server's culvertd.conf, with its certificate and key, and what this host\n"
	"lacks for it or has already. Starts nothing and changes nothing. A start judges in the same way.\n"
	"\n"
	"  --file-only   the file and its certificates alone, not this host and its clock\n"
	"  --strict      warnings count as errors\n"
	"  --json        print the findings as JSON\n"
	"  --certificate FILE\n"
	"                say only which entry of peers this certificate meets, and why not the others; for a\n"
	"                profile, whether it is the server's. Status 0 if it would be let in\n"
	"\n"
	"An error is what only a person can change. With a warning it can start, and something does not\n"
	"work, or not yet. A note is worth knowing.\n"
	"\n"
	"PROFILE is a file, which has a slash or ends in .conf, or the name of one in " PROFILE_DIR
	"\n"
	"(--dir DIR: in another directory).\n"
	"\n"
	"Exit status: 0 without an error (--strict: nor a warning), 3 with one, 1 if it could not be examined\n"
	"for a reason that may pass, 2 wrong command line.\n";

enum { OPTION_FILE_ONLY = 256, OPTION_STRICT, OPTION_JSON, OPTION_SUCCEED, OPTION_CERTIFICATE };

static const struct option up_options[] = {
	{ "dir", required_argument, NULL, 'd' },
	{ "succeed", required_argument, NULL, OPTION_SUCCEED },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option check_options[] = {
	{ "file-only", no_argument, NULL, OPTION_FILE_ONLY },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "dir", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void take_check_option(int option, struct check_options *check)
{
	check->file_only |= option == OPTION_FILE_ONLY;
	check->strict |= option == OPTION_STRICT;
	check->json |= option == OPTION_JSON;
	if (option == OPTION_CERTIFICATE)
		check->certificate = optarg;
}

/* "up PROFILE"; with `check`: "check PROFILE", whose options it fills. */
static int profile_command(int argc, char **argv, struct check_options *check)
{
	const char *dir = PROFILE_DIR;
	char path[PATH_MAX];
	struct problem problem;
	pid_t predecessor = 0;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", check ? check_options : up_options, NULL)) !=
		-1) {
		if (option == 'h')
			return print(check ? check_usage : up_usage);
		if (option == 'd')
			dir = optarg;
		else if (check && option >= OPTION_FILE_ONLY)
			take_check_option(option, check);
		else if (option != OPTION_SUCCEED ||
			netd_parse_predecessor(optarg, &predecessor) < 0)
			return option_error(option, argv);
	}
	if (argc - optind != 1) {
		fprintf(stderr, "culvert %s: it takes one profile; try culvert %s --help\n",
			argv[0], argv[0]);
		return EXIT_CODE_USAGE;
	}
	int r = profile_find(argv[optind], dir, path, &problem);
	if (r < 0) {
		if (check)
			fprintf(stderr, "error: %s\n", problem.text);
		else
			log_error("%s", problem.text);
		return (int)exit_code_of_error(r, EXIT_CODE_CONFIG);
	}
	return (int)(check ? check_run(path, check) : up(path, predecessor));
}

static const char sweep_usage[] =
	"usage: culvert sweep [NAME]\n"
	"\n"
	"Removes what killed clients and servers have left: the firewall tables of kill switches, or with\n"
	"NAME only that of this client; policy rules and routes of full tunnels and of outer connections;\n"
	"unreachable routes that were held for peers; resolvers. What a running one needs stays, or comes\n"
	"back at once. Needs root.\n"
	"\n"
	"Exit status: 0 done, 1 something could not be removed, 6 not permitted.\n";

/* "sweep", "sweep NAME" */
static int sweep_command(int argc, char **argv)
{
	struct problem problem = { 0 };
	unsigned removed;

	if (argc == 2 && is_help(argv[1]))
		return print(sweep_usage);
	if (argc > 2)
		return usage_error("sweep takes one name at most");
	if (!process_has_capability(CAP_NET_ADMIN)) {
		fputs("culvert sweep: this needs root, or CAP_NET_ADMIN\n", stderr);
		return EXIT_CODE_PERMISSION;
	}
	if (sweep(argc == 2 ? argv[1] : NULL, stdout, &removed, &problem) < 0) {
		fprintf(stderr, "culvert sweep: %s\n", problem.text);
		return EXIT_CODE_FAILURE;
	}
	if (removed == 0)
		puts("nothing was left behind");
	return EXIT_CODE_OK;
}

/* The command that somebody meant: one of a similar name, or of another program's name for it. */
static const char *meant(const char *word)
{
	static const char *const own[] = { "run", "up", "import", "check", "sweep", "options",
		"help" };
	static const struct {
		const char *word, *command;
	} others[] = {
		{ "start", "up" },
		{ "connect", "up" },
		{ "stop", "down" },
		{ "disconnect", "down" },
		{ "show", "status" },
		{ "list", "peers" },
		{ "upgrade", "reexec" },
		{ "ping", "doctor" },
		{ "diagnose", "doctor" },
		{ "route", "routes" },
	};
	struct nearest nearest = nearest_begin(word);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcmp(others[i].word, word) == 0)
			return others[i].command;
	}
	command_try_names(&nearest);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		nearest_try(&nearest, own[i]);
	return nearest.best;
}

static int unknown_command(const char *word)
{
	const char *command = profile_is_path(word) ? NULL : meant(word);
	char escaped[80];

	problem_escape(escaped, sizeof(escaped), word, strlen(word));
	if (profile_is_path(word))
		fprintf(stderr, "culvert: \"%s\" is no command; did you mean: culvert up %s\n",
			escaped, escaped);
	else if (command)
		fprintf(stderr,
			"culvert: unknown command \"%s\"; did you mean: culvert %s (culvert --help lists all)\n",
			escaped, command);
	else
		fprintf(stderr, "culvert: unknown command \"%s\"; culvert --help lists all\n",
			escaped);
	return EXIT_CODE_USAGE;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	struct check_options check = { .json = false };

	log_init("netd", LOG_LEVEL_INFO);
	if (strcmp(command, "--engine") == 0)
		return run_engine(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
	if (is_help(command) || strcmp(command, "help") == 0)
		return print(usage);
	if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
		printf("culvert %s\n", culvert_version);
		return EXIT_CODE_OK;
	}
	if (strcmp(command, "options") == 0 && argc > 2 && is_help(argv[2]))
		return print(
			"usage: culvert options\n\nLists every option of a profile as a Markdown "
			"table, with its type and default.\nculvertd --options lists those of a "
			"server.\n");
	if (strcmp(command, "options") == 0)
		return client_options_describe(stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	if (command_is(command))
		return command_run(argc - 1, argv + 1);
	if (strcmp(command, "run") == 0)
		return run_command(argc - 1, argv + 1);
	if (strcmp(command, "up") == 0)
		return profile_command(argc - 1, argv + 1, NULL);
	if (strcmp(command, "import") == 0)
		return (int)import_run(argc - 1, argv + 1);
	if (strcmp(command, "check") == 0)
		return profile_command(argc - 1, argv + 1, &check);
	if (strcmp(command, "sweep") == 0)
		return sweep_command(argc - 1, argv + 1);
	return command[0] ? unknown_command(command) : usage_error("a command is missing");
}
