/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit_code.h"
#include "base/file.h"
#include "base/log.h"
#include "client/client.h"
#include "client/command.h"
#include "client/options.h"
#include "engine/material.h"
#include "netd/netd.h"

/*
 * culvert: the client (`up`), the checker, and the command line of running daemons
 * (client/command.c).
 */

static const char usage[] =
	"usage: culvert COMMAND …\n"
	"\n"
	"  up FILE                     connect as the profile says; runs in the foreground, logs to stderr\n"
	"  check FILE                  check a profile, or a culvertd.conf, with its certificate and keys\n"
	"  down [NAME]                 end a running client or server\n"
	"  status [NAME] [--json]      what a running client or server is doing\n"
	"  peers [NAME] [--json]       its peers, a line each\n"
	"  routes [NAME] [--json]      prefixes announced and received\n"
	"  routes add|del PREFIX… [--name NAME]\n"
	"                              announce or withdraw prefixes now\n"
	"  options                     list every option of a profile\n"
	"  --help, --version\n"
	"\n"
	"NAME is the profile's file name without .conf, or \"culvertd\"; it may be left out when only one is\n"
	"running. --socket PATH names a control socket instead.\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong command line, 3 configuration, certificate or\n"
	"key refused and nothing started, 4 no such daemon is running, 5 refused by the other end or the\n"
	"daemon, 6 not permitted.\n";

struct profile {
	char *text;
	size_t len;
	struct settings *settings;
};

static void profile_free(struct profile *profile)
{
	settings_free(profile->settings);
	if (profile->text)
		explicit_bzero(profile->text, profile->len);
	free(profile->text);
}

static enum exit_code fail(const struct problem *problem)
{
	log_error("%s", problem->text);
	return EXIT_CODE_CONFIG;
}

/* A profile with its key inside is as private as a key file. */
static int profile_load(const char *path, struct profile *profile, struct problem *problem)
{
	int r = file_read(path, FILE_PUBLIC, &profile->text, &profile->len, problem);
	if (r == 0)
		r = client_options_load(
			profile->text, profile->len, path, &profile->settings, problem);
	if (r == 0 && settings_is_inline(profile->settings->key)) {
		char *again;
		size_t len;
		r = file_read(path, FILE_PRIVATE, &again, &len, problem);
		if (r == 0) {
			explicit_bzero(again, len);
			free(again);
		}
	}
	return r;
}

static enum exit_code up(const char *path)
{
	char name[] = "culvert", engine[] = "--engine";
	char *const engine_argv[] = { name, engine, NULL };
	struct profile profile = { 0 };
	struct problem problem = { 0 };
	enum exit_code code;

	if (profile_load(path, &profile, &problem) < 0) {
		code = fail(&problem);
	} else {
		struct netd_program program = {
			.settings = profile.settings,
			.config_path = path,
			.config_text = profile.text,
			.config_len = profile.len,
			.engine_argv = engine_argv,
		};
		log_set_level(profile.settings->log_level);
		code = netd_run(&program);
	}
	profile_free(&profile);
	return code;
}

/*
 * A server's configuration is the server's to judge: culvertd beside this program, or in the PATH.
 */
static enum exit_code check_server(const char *path)
{
	char name[] = "culvertd", option[] = "--check", config[] = "-c";
	char self[PATH_MAX], beside[PATH_MAX];
	char *file = strdup(path);
	char *const argv[] = { name, option, config, file, NULL };

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (file && len > 0) {
		self[len] = '\0';
		int n = snprintf(beside, sizeof(beside), "%s/culvertd", dirname(self));
		if (n > 0 && (size_t)n < sizeof(beside))
			execv(beside, argv);
	}
	if (file)
		execvp(name, argv);
	log_error("%s is a server's configuration, and culvertd cannot be run to check it: %s",
		path, strerror(errno));
	free(file);
	return EXIT_CODE_FAILURE;
}

/* Which of the two programs a file is for: only a server listens. */
static bool is_server_config(const struct profile *profile)
{
	const char *at = profile->text;

	while (at && (at = strstr(at, "listen"))) {
		const char *line = at;
		while (line > profile->text && (line[-1] == ' ' || line[-1] == '\t'))
			line--;
		if (line == profile->text || line[-1] == '\n' || line[-1] == ';')
			return true;
		at++;
	}
	return false;
}

static enum exit_code check(const char *path)
{
	struct profile profile = { 0 };
	struct material material = { 0 };
	struct tls_context *context = NULL;
	struct problem problem = { 0 };

	int r = profile_load(path, &profile, &problem);
	if (r < 0 && is_server_config(&profile)) {
		profile_free(&profile);
		return check_server(path);
	}
	if (r == 0)
		r = material_read_files(&material, profile.settings, &problem);
	if (r == 0) {
		r = material_make_context(&material, TLS_CLIENT, &context, &problem);
		if (r < 0)
			problem_prepend(&problem, "%s", path);
	}
	enum exit_code code = EXIT_CODE_OK;
	if (r < 0)
		code = fail(&problem);
	else
		printf("%s: fine: client %s of server %s\n", path,
			tls_context_identity(context)->name, profile.settings->peers[0].name.name);
	tls_context_unref(context);
	material_free(&material);
	profile_free(&profile);
	return code;
}

static int run_engine(void)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		return EXIT_CODE_FAILURE;
	int code = engine_run(&client->engine, &client_role);
	free(client);
	return code;
}

static int usage_error(const char *what)
{
	fprintf(stderr, "culvert: %s; try culvert --help\n", what);
	return EXIT_CODE_USAGE;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	log_init("netd", LOG_LEVEL_INFO);
	if (strcmp(command, "--engine") == 0)
		return run_engine();
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 ||
		strcmp(command, "help") == 0) {
		fputs(usage, stdout);
		return EXIT_CODE_OK;
	}
	if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
		puts("culvert " CULVERT_VERSION);
		return EXIT_CODE_OK;
	}
	if (strcmp(command, "options") == 0)
		return client_options_describe(stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	if (command_is(command))
		return command_run(argc - 1, argv + 1);
	if (strcmp(command, "up") == 0 || strcmp(command, "check") == 0) {
		if (argc != 3)
			return usage_error("up and check take one file");
		return command[0] == 'u' ? (int)up(argv[2]) : (int)check(argv[2]);
	}
	return usage_error(command[0] ? "unknown command" : "a command is missing");
}
