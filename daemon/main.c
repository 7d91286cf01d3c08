/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/exit_code.h"
#include "base/log.h"
#include "base/version.h"
#include "daemon/options.h"
#include "daemon/server.h"
#include "config/changed_defaults.h"
#include "config/configuration.h"
#include "netd/netd.h"
#include "config/conf.h"

/* culvertd: reads the configuration and becomes netd. netd starts the engine with `--engine`. */

#define DEFAULT_CONFIG "/etc/culvert/culvertd.conf"

static const char usage[] =
	"usage: culvertd [-c FILE] [--check]\n"
	"\n"
	"The server of a Culvert VPN. Runs in the foreground and logs to stderr.\n"
	"\n"
	"  -c, --config FILE   configuration (" DEFAULT_CONFIG ")\n"
	"      --check         check configuration, certificate and keys, and end\n"
	"      --options       list every option of the configuration\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong command line, 3 configuration, certificate or\n"
	"key refused and nothing started, 6 not permitted. culvert status shows the state of a running server.\n";

enum { OPTION_CHECK = 256, OPTION_OPTIONS, OPTION_ENGINE };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "options", no_argument, NULL, OPTION_OPTIONS },
	{ "engine", no_argument, NULL, OPTION_ENGINE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static enum exit_code start(const struct configuration *configuration)
{
	char name[] = "culvertd", engine[] = "--engine";
	char *const engine_argv[] = { name, engine, NULL };
	struct netd_program program = {
		.settings = configuration->settings,
		.config_path = configuration->path,
		.config_text = configuration->text,
		.config_len = configuration->len,
		.engine_argv = engine_argv,
	};

	log_set_level(configuration->settings->log_level);
	configuration_warn(configuration);
	return netd_run(&program);
}

/* Adds to the problem that the file is a profile, which only the client starts and checks. */
static void explain_profile(
	const struct configuration *file, bool only_check, struct problem *problem)
{
	if (file->text && conf_has_key(file->text, file->len, "remotes") == 1 &&
		conf_has_key(file->text, file->len, "listen") == 0 &&
		conf_has_key(file->text, file->len, "peers") == 0)
		problem_set(problem,
			"%s is a client's profile; the command for it is: culvert %s %s",
			file->path, only_check ? "check" : "up", file->path);
}

/* Starts, or only checks: both refuse the same configurations. */
static enum exit_code run(const char *path, bool only_check)
{
	struct configuration configuration;
	struct configuration_verdict verdict = { .key_locked = false };
	struct problem problem = { 0 };
	enum exit_code code = EXIT_CODE_OK;

	int r = configuration_load(&configuration, &server_role.configuration, path, &problem);
	if (r == 0)
		r = only_check ? configuration_check(&configuration, &server_role.configuration,
					 &verdict, &problem)
			       : configuration_prepare(
					 &configuration, &server_role.configuration, &problem);
	if (r < 0) {
		explain_profile(&configuration, only_check, &problem);
		log_error("%s", problem.text);
		code = exit_code_of_error(r, EXIT_CODE_CONFIG);
	} else if (only_check) {
		configuration_warn(&configuration);
		printf("%s: fine: a server named %s%s\n", path, verdict.identity.name,
			verdict.key_locked ? CONFIGURATION_LOCKED_NOTE : "");
		changed_defaults_print(&configuration, stdout);
	} else {
		code = start(&configuration);
	}
	configuration_free(&configuration);
	return code;
}

static int run_engine(void)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return EXIT_CODE_FAILURE;
	int code = engine_run(&server->engine, &server_role);
	free(server);
	return code;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONFIG;
	bool only_check = false;
	int option;

	log_init("netd", LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case OPTION_CHECK:
			only_check = true;
			break;
		case OPTION_OPTIONS:
			return daemon_options_describe(stdout) < 0 ? EXIT_CODE_FAILURE
								   : EXIT_CODE_OK;
		case OPTION_ENGINE:
			return run_engine();
		case 'h':
			fputs(usage, stdout);
			return EXIT_CODE_OK;
		case 'V':
			printf("culvertd %s\n", culvert_version);
			return EXIT_CODE_OK;
		default:
			fputs("try culvertd --help\n", stderr);
			return EXIT_CODE_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"culvertd: \"%s\" is not an option; culvertd -c FILE runs a server in the foreground, systemctl start culvertd in the background; try culvertd --help\n",
			argv[optind]);
		return EXIT_CODE_USAGE;
	}
	return (int)run(path, only_check);
}
