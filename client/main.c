/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit_code.h"
#include "base/log.h"
#include "client/client.h"
#include "client/command.h"
#include "client/options.h"
#include "client/run.h"
#include "engine/configuration.h"
#include "netd/netd.h"
#include "netd/sweep.h"
#include "system/conf.h"
#include "system/process.h"

/*
 * culvert: the client (`up`), the checker, and the command line of running daemons
 * (client/command.c).
 */

static const char usage[] =
	"usage: culvert COMMAND …\n"
	"\n"
	"  up FILE                     connect as the profile says; runs in the foreground, logs to stderr\n"
	"  run PROFILE -- COMMAND …    run one command inside the VPN, as an ordinary user; culvert run --help\n"
	"  check FILE                  check a profile, or a culvertd.conf, with its certificate and keys\n"
	"  down [NAME]                 end a running client or server\n"
	"  reexec [NAME]               exchange its engine for the program that is on disk now\n"
	"  status [NAME] [--json]      what a running client or server is doing\n"
	"  peers [NAME] [--json]       its peers, a line each\n"
	"  routes [NAME] [--json]      prefixes announced and received\n"
	"  routes add|del PREFIX… [--name NAME]\n"
	"                              announce or withdraw prefixes now\n"
	"  doctor [NAME] [--json]      what is in the way of a tunnel, and the command that mends it\n"
	"  sweep [NAME]                take down a kill switch that a killed client has left in force\n"
	"  options                     list every option of a profile\n"
	"  --help, --version\n"
	"\n"
	"NAME is the profile's file name without .conf, or \"culvertd\"; it may be left out when only one is\n"
	"running. --socket PATH names a control socket instead, and so does $CULVERT_SOCKET where nothing else\n"
	"is named.\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong command line, 3 configuration, certificate or\n"
	"key refused and nothing started, 4 no such daemon is running, 5 refused by the other end or the\n"
	"daemon, 6 not permitted.\n";

static enum exit_code fail(const struct problem *problem)
{
	log_error("%s", problem->text);
	return EXIT_CODE_CONFIG;
}

static enum exit_code start(const struct configuration *profile)
{
	char name[] = "culvert", engine[] = "--engine";
	char *const engine_argv[] = { name, engine, NULL };
	struct netd_program program = {
		.settings = profile->settings,
		.config_path = profile->path,
		.config_text = profile->text,
		.config_len = profile->len,
		.engine_argv = engine_argv,
	};

	log_set_level(profile->settings->log_level);
	return netd_run(&program);
}

/* What check refuses is not started either. */
static enum exit_code up(const char *path)
{
	struct configuration profile;
	struct identity identity;
	struct problem problem = { 0 };

	int r = configuration_load(&profile, &client_role, path, &problem);
	if (r == 0)
		r = configuration_check(&profile, &client_role, &identity, &problem);
	enum exit_code code = r < 0 ? fail(&problem) : start(&profile);
	configuration_free(&profile);
	return code;
}

/* Becomes culvertd, if it is there: relative to this program's own directory. */
static void exec_culvertd(const char *where, char *const argv[])
{
	char self[PATH_MAX], path[PATH_MAX];

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len <= 0)
		return;
	self[len] = '\0';
	int n = snprintf(path, sizeof(path), "%s/%s", dirname(self), where);
	if (n > 0 && (size_t)n < sizeof(path))
		execv(path, argv);
}

/*
 * A server's configuration is the server's to judge: culvertd beside this program, where it is
 * installed, or in the PATH.
 */
static enum exit_code check_server(const char *path)
{
	char name[] = "culvertd", option[] = "--check", config[] = "-c";
	char *file = strdup(path);
	char *const argv[] = { name, option, config, file, NULL };

	if (file) {
		exec_culvertd("culvertd", argv);
		exec_culvertd("../sbin/culvertd", argv);
		execvp(name, argv);
	}
	log_error("%s is a server's configuration, and culvertd cannot be run to check it: %s",
		path, strerror(errno));
	free(file);
	return EXIT_CODE_FAILURE;
}

/* Which of the two programs a file is for: every profile says where its server is and its name. */
static bool is_server_config(const struct configuration *file)
{
	return file->text && conf_has_key(file->text, file->len, "remotes") == 0 &&
		conf_has_key(file->text, file->len, "server_name") == 0;
}

static enum exit_code check(const char *path)
{
	struct configuration profile;
	struct identity identity;
	struct problem problem = { 0 };
	enum exit_code code = EXIT_CODE_OK;

	int r = configuration_load(&profile, &client_role, path, &problem);
	if (r < 0 && is_server_config(&profile)) {
		configuration_free(&profile);
		return check_server(path);
	}
	if (r == 0)
		r = configuration_check(&profile, &client_role, &identity, &problem);
	if (r < 0) {
		code = fail(&problem);
	} else {
		configuration_warn(&profile);
		printf("%s: fine: client %s of server %s\n", path, identity.name,
			profile.settings->peers[0].name.name);
	}
	configuration_free(&profile);
	return code;
}

/* What follows --engine is netd's: nothing, or how it is run. */
static int run_engine(const char *contained, const char *verbose)
{
	struct client *client = calloc(1, sizeof(*client));
	struct engine_role role = client_role;

	if (!client)
		return EXIT_CODE_FAILURE;
	if (contained)
		role.load = verbose ? run_load_verbose : run_load_quiet;
	int code = engine_run(&client->engine, &role);
	free(client);
	return code;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "culvert: %s; try culvert --help\n", what);
	return EXIT_CODE_USAGE;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int print_usage(void)
{
	return fputs(usage, stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

/* "up FILE", "check FILE" */
static int file_command(enum exit_code (*command)(const char *path), int argc, char **argv)
{
	if (argc == 2 && is_help(argv[1]))
		return print_usage();
	if (argc != 2)
		return usage_error("up and check take one file");
	return (int)command(argv[1]);
}

/* "sweep", "sweep NAME" */
static int sweep_command(int argc, char **argv)
{
	struct problem problem = { 0 };
	unsigned removed;

	if (argc == 2 && is_help(argv[1]))
		return print_usage();
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

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	log_init("netd", LOG_LEVEL_INFO);
	if (strcmp(command, "--engine") == 0)
		return run_engine(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
	if (is_help(command) || strcmp(command, "help") == 0)
		return print_usage();
	if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
		puts("culvert " CULVERT_VERSION);
		return EXIT_CODE_OK;
	}
	if (strcmp(command, "options") == 0)
		return client_options_describe(stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	if (command_is(command))
		return command_run(argc - 1, argv + 1);
	if (strcmp(command, "run") == 0)
		return run_command(argc - 1, argv + 1);
	if (strcmp(command, "up") == 0)
		return file_command(up, argc - 1, argv + 1);
	if (strcmp(command, "check") == 0)
		return file_command(check, argc - 1, argv + 1);
	if (strcmp(command, "sweep") == 0)
		return sweep_command(argc - 1, argv + 1);
	return usage_error(command[0] ? "unknown command" : "a command is missing");
}
