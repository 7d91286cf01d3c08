/* SPDX-License-Identifier: Apache-2.0 */
#include "client/check.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "client/client.h"
#include "config/check_certificate.h"
#include "config/conf.h"

/* Becomes culvertd, if it exists at this path relative to our program's directory. */
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
 * culvertd checks a server's configuration: the one installed beside this program, or in the PATH.
 */
static enum exit_code check_server(const char *path, const struct check_options *options)
{
	char name[] = "culvertd", check[] = "--check", config[] = "-c", json[] = "--json",
	     strict[] = "--strict", file_only[] = "--file-only";
	char *file = strdup(path);
	char certificate[] = "--certificate";
	char *shown = options->certificate ? strdup(options->certificate) : NULL;
	char *argv[10] = { name, check, config, file, NULL };
	size_t count = 4;

	if (options->json)
		argv[count++] = json;
	if (options->strict)
		argv[count++] = strict;
	if (options->file_only)
		argv[count++] = file_only;
	if (shown) {
		argv[count++] = certificate;
		argv[count++] = shown;
	}
	if (file && (shown || !options->certificate)) {
		exec_culvertd("culvertd", argv);
		exec_culvertd("../sbin/culvertd", argv);
		execvp(name, argv);
	}
	log_error("%s is a server's configuration, and culvertd cannot be run to check it: %s",
		path, error_text(errno));
	free(shown);
	free(file);
	return EXIT_CODE_FAILURE;
}

/* Every profile has its server's address and name. */
bool check_is_server(const struct configuration *file)
{
	return file->text && conf_has_key(file->text, file->len, "remotes") == 0 &&
		conf_has_key(file->text, file->len, "server_name") == 0;
}

bool check_explain_server(const struct configuration *file, struct problem *problem)
{
	if (!check_is_server(file) ||
		(conf_has_key(file->text, file->len, "listen") != 1 &&
			conf_has_key(file->text, file->len, "peers") != 1))
		return false;
	problem_set(problem, "%s is a server's configuration; start it with: culvertd -c %s",
		file->path, file->path);
	return true;
}

enum exit_code check_run(const char *path, const struct check_options *options)
{
	struct configuration profile;
	struct problem problem = { 0 };
	enum exit_code code;

	int r = configuration_load(&profile, &client_role.configuration, path, &problem);
	if (r < 0 && check_is_server(&profile)) {
		configuration_free(&profile);
		return check_server(path, options);
	}
	if (r == 0 && options->certificate)
		code = check_certificate(
			&profile, &client_role.configuration, options->certificate, stdout);
	else
		code = check_report(&profile, &client_role.configuration, r, &problem, options);
	configuration_free(&profile);
	return code;
}
