/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/exit_code.h"
#include "base/log.h"
#include "base/version.h"
#include "config/check_certificate.h"
#include "config/check_report.h"
#include "config/conf.h"
#include "config/configuration.h"
#include "daemon/issuer.h"
#include "daemon/options.h"
#include "daemon/server.h"
#include "netd/netd.h"

/* culvertd: reads the configuration and becomes netd. netd starts the engine with `--engine`. */

#define DEFAULT_CONFIG "/etc/culvert/culvertd.conf"

static const char usage[] =
	"usage: culvertd [-c FILE] [--succeed PID]\n"
	"       culvertd [-c FILE] --check [--file-only] [--strict] [--json] [--certificate FILE]\n"
	"\n"
	"The server of a Culvert VPN. Runs in the foreground and logs to stderr.\n"
	"\n"
	"  -c, --config FILE   configuration (" DEFAULT_CONFIG ")\n"
	"      --succeed PID   take the place of the running culvertd with that process number: sessions,\n"
	"                      interfaces and firewall tables stay; not under systemd, which does so itself\n"
	"      --check         check configuration, certificate, key and this host, and end\n"
	"      --file-only     with --check: the file and its certificates, not this host and its clock\n"
	"      --strict        with --check: warnings count as errors\n"
	"      --json          with --check: print the findings as JSON\n"
	"      --certificate FILE  with --check: say only which entry of peers this certificate meets\n"
	"      --options       list every option of the configuration\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong command line, 3 configuration, certificate or\n"
	"key refused and nothing started, 6 not permitted. culvert status shows the state of a running server.\n";

enum {
	OPTION_CHECK = 256,
	OPTION_FILE_ONLY,
	OPTION_STRICT,
	OPTION_JSON,
	OPTION_CERTIFICATE,
	OPTION_OPTIONS,
	OPTION_ENGINE,
	OPTION_SUCCEED,
	OPTION_ISSUER
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "file-only", no_argument, NULL, OPTION_FILE_ONLY },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "options", no_argument, NULL, OPTION_OPTIONS },
	{ "engine", no_argument, NULL, OPTION_ENGINE },
	{ "succeed", required_argument, NULL, OPTION_SUCCEED },
	{ "issuer", no_argument, NULL, OPTION_ISSUER },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static enum exit_code start(struct configuration *configuration, pid_t predecessor)
{
	char name[] = "culvertd", engine[] = "--engine";
	char *const engine_argv[] = { name, engine, NULL };
	struct netd_program program = {
		.settings = configuration->settings,
		.config_path = configuration->path,
		.configuration = configuration,
		.role = &server_role.configuration,
		.engine_argv = engine_argv,
		.predecessor = predecessor,
	};

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

/* `check` is NULL to start: both refuse the same configurations. */
static enum exit_code run(const char *path, const struct check_options *check, pid_t predecessor)
{
	struct configuration configuration;
	struct problem problem = { 0 };
	enum exit_code code = EXIT_CODE_OK;

	int r = configuration_load(&configuration, &server_role.configuration, path, &problem);
	if (r < 0)
		explain_profile(&configuration, check != NULL, &problem);
	if (r == 0 && !check) {
		log_set_level(configuration.settings->log_level);
		r = configuration_prepare(&configuration, &server_role.configuration, &problem);
	}
	if (check && check->certificate && r == 0) {
		code = check_certificate(
			&configuration, &server_role.configuration, check->certificate, stdout);
	} else if (check) {
		code = check_report(&configuration, &server_role.configuration, r, &problem, check);
	} else if (r < 0) {
		log_error("%s", problem.text);
		code = exit_code_of_error(r, EXIT_CODE_CONFIG);
	} else {
		code = start(&configuration, predecessor);
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

struct arguments {
	const char *path;
	bool only_check;
	bool for_check; /* an option that needs --check was given */
	struct check_options check;
	pid_t predecessor; /* --succeed; 0: none */
};

static int print(const char *text)
{
	return fputs(text, stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

/* Returns a negative number to go on, or the exit status. */
static int take_option(int option, struct arguments *arguments)
{
	switch (option) {
	case 'c':
		arguments->path = optarg;
		return -1;
	case OPTION_CHECK:
		arguments->only_check = true;
		return -1;
	case OPTION_FILE_ONLY:
		arguments->check.file_only = arguments->for_check = true;
		return -1;
	case OPTION_STRICT:
		arguments->check.strict = arguments->for_check = true;
		return -1;
	case OPTION_JSON:
		arguments->check.json = arguments->for_check = true;
		return -1;
	case OPTION_CERTIFICATE:
		arguments->check.certificate = optarg;
		arguments->for_check = true;
		return -1;
	case OPTION_OPTIONS:
		return daemon_options_describe(stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	case OPTION_ENGINE:
		return run_engine();
	case OPTION_SUCCEED:
		if (netd_parse_predecessor(optarg, &arguments->predecessor) == 0)
			return -1;
		fputs("culvertd: --succeed takes the process number of the running culvertd\n",
			stderr);
		return EXIT_CODE_USAGE;
	case OPTION_ISSUER:
		return issuer_run();
	case 'h':
		return print(usage);
	case 'V':
		printf("culvertd %s\n", culvert_version);
		return EXIT_CODE_OK;
	default:
		fputs("try culvertd --help\n", stderr);
		return EXIT_CODE_USAGE;
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .path = DEFAULT_CONFIG };
	int option, status;

	log_init("netd", LOG_LEVEL_INFO);
	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		status = take_option(option, &arguments);
		if (status >= 0)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr,
			"culvertd: \"%s\" is not an option; culvertd -c FILE runs a server in the foreground, systemctl start culvertd in the background; try culvertd --help\n",
			argv[optind]);
		return EXIT_CODE_USAGE;
	}
	if (arguments.for_check && !arguments.only_check) {
		fputs("culvertd: --file-only, --strict, --json and --certificate belong to --check; try culvertd --help\n",
			stderr);
		return EXIT_CODE_USAGE;
	}
	return (int)run(arguments.path, arguments.only_check ? &arguments.check : NULL,
		arguments.predecessor);
}
