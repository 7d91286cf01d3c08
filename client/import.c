/* SPDX-License-Identifier: Apache-2.0 */
#include "client/import.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "client/bundle.h"
#include "client/check.h"
#include "client/client.h"
#include "client/profile.h"
#include "client/renewed_files.h"
#include "config/conf.h"
#include "system/tls_pkcs12.h"

static const char usage[] =
	"usage: culvert import FILE [NAME] [--force] [--dir DIR]\n"
	"       culvert import BUNDLE.p12 [NAME] --remote HOST[:PORT]... --server-name NAME [...]\n"
	"\n"
	"Checks a profile and installs it as " PROFILE_DIR
	"/NAME.conf, readable by its owner alone, so that\n"
	"culvert up NAME finds it. NAME is the file's without its ending, unless it is given. A PKCS#12 bundle\n"
	"holds certificate, key and CA; options give the server's address and the name in its certificate.\n"
	"\n"
	"  --force             replace a profile of that name, and remove what was renewed for it\n"
	"  --dir DIR           install in another directory\n"
	"  --remote HOST       where the server is; may be given several times\n"
	"  --server-name NAME  the name in the server's certificate\n";

struct import {
	const char *file; /* the file to import */
	const char *dir;
	struct identity name;
	bool force;
	struct bundle_server server; /* only for a bundle */
	char target[PATH_MAX];
};

/* ---- the command line ---- */

static enum exit_code misused(const char *why)
{
	(void)fprintf(stderr, "culvert import: %s; try culvert import --help\n", why);
	return EXIT_CODE_USAGE;
}

/* The name for "alice.p12" or "/home/alice/alice.conf" is alice. */
static int name_from_file(const char *file, struct identity *ret_name)
{
	static const char *const endings[] = { ".p12", ".pfx" };
	const char *slash = strrchr(file, '/');
	const char *base = slash ? &slash[1] : file;
	size_t len = strlen(base);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t ending = strlen(endings[i]);

		if (len > ending && strcasecmp(&base[len - ending], endings[i]) == 0)
			return identity_set(ret_name, base, len - ending);
	}
	return profile_name(file, ret_name);
}

static enum exit_code set_name(struct import *import, const char *word)
{
	if (word && identity_set(&import->name, word, strlen(word)) < 0)
		return misused("NAME must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
	if (!word && name_from_file(import->file, &import->name) < 0)
		return misused(
			"the file's name cannot be a profile's name; give one: culvert import FILE NAME");
	/* culvert up would take this name for a path. */
	if (profile_is_path(import->name.name))
		return misused("NAME must be without " PROFILE_SUFFIX ", which import adds");
	if (strcmp(import->name.name, "culvertd") == 0)
		return misused("culvertd.conf is the server's; give the profile another name");
	if (profile_path(import->dir, &import->name, import->target) < 0)
		return misused("the path of the profile is too long");
	return EXIT_CODE_OK;
}

static enum exit_code take_option(struct import *import, int option, const char *value)
{
	switch (option) {
	case 'd':
		import->dir = value;
		return EXIT_CODE_OK;
	case 'f':
		import->force = true;
		return EXIT_CODE_OK;
	case 'r':
		if (import->server.remote_count == SETTINGS_REMOTES_MAX)
			return misused("too many --remote options");
		import->server.remotes[import->server.remote_count++] = value;
		return EXIT_CODE_OK;
	case 's':
		return identity_set(&import->server.name, value, strlen(value)) == 0
			? EXIT_CODE_OK
			: misused("--server-name must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
	default:
		(void)fprintf(stderr, "culvert import: %s %s; try culvert import --help\n",
			option == ':' ? "a value is missing after" : "unknown option:", value);
		return EXIT_CODE_USAGE;
	}
}

static enum exit_code parse(int argc, char **argv, struct import *import, bool *ret_help)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "force", no_argument, NULL, 'f' },
		{ "remote", required_argument, NULL, 'r' },
		{ "server-name", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	enum exit_code code = EXIT_CODE_OK;
	int option;

	*import = (struct import){ .dir = PROFILE_DIR };
	*ret_help = false;
	opterr = 0;
	while (code == EXIT_CODE_OK &&
		(option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		*ret_help = option == 'h';
		if (*ret_help)
			return EXIT_CODE_OK;
		code = take_option(import, option, optarg ? optarg : argv[optind - 1]);
	}
	if (code != EXIT_CODE_OK)
		return code;
	if (argc - optind < 1 || argc - optind > 2)
		return misused("expected FILE, and a NAME at most");
	import->file = argv[optind];
	return set_name(import, argv[optind + 1]);
}

/* ---- the file ---- */

static int make_profile(
	const struct import *import, struct configuration *profile, struct problem *problem)
{
	bool has_server = import->server.remote_count > 0 || import->server.name.name[0] != '\0';
	struct view data = { .data = (const uint8_t *)profile->text, .len = profile->len };
	char *text;
	size_t len;
	int r;

	if (!tls_pkcs12_is(&data)) {
		if (!has_server)
			return 0;
		problem_set(problem,
			"%s is not a PKCS#12 bundle; --remote and --server-name are for bundles, since a profile has both",
			import->file);
		return -EINVAL;
	}
	if (import->server.remote_count == 0 || import->server.name.name[0] == '\0') {
		problem_set(problem,
			"%s is a PKCS#12 bundle; add the server's address and the name in its certificate: --remote HOST --server-name NAME",
			import->file);
		return -EINVAL;
	}
	r = bundle_to_profile(&data, import->file, &import->server, &text, &len, problem);
	if (r < 0)
		return r;
	explicit_bzero(profile->text, profile->len);
	free(profile->text);
	profile->text = text;
	profile->len = len;
	return 0;
}

/* A relative path depends on the directory in which the program starts. */
static int check_paths(const struct configuration *profile, struct problem *problem)
{
	const struct settings *settings = profile->settings;
	const struct {
		const char *key, *value;
	} paths[] = { { "certificate", settings->certificate }, { "key", settings->key },
		{ "ca", settings->ca }, { "crl", settings->crl } };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!paths[i].value || settings_is_inline(paths[i].value) ||
			paths[i].value[0] == '/')
			continue;
		problem_set(problem,
			"%s: expected an absolute path or the PEM text itself, as the profile moves to "
			"another directory",
			paths[i].key);
		conf_locate(profile->text, profile->len, profile->path, problem);
		return -EINVAL;
	}
	return 0;
}

/* The file is checked under its target's name. Messages name the file that the user gave. */
static void name_source(const struct import *import, struct problem *problem)
{
	size_t len = strlen(import->target);

	if (strncmp(problem->text, import->target, len) == 0)
		problem_set(problem, "%s%s", import->file, &problem->text[len]);
}

/* Examines the profile as check does, and prints warnings. */
static int examine(const struct import *import, const struct configuration *profile,
	struct configuration_verdict *ret_verdict, struct problem *problem)
{
	struct findings findings = { .count = 0 };
	int r = configuration_examine(
		profile, &client_role.configuration, CONFIGURATION_CHECK, &findings, ret_verdict);

	for (size_t i = 0; i < findings.count; i++) {
		name_source(import, &findings.items[i].text);
		if (findings.items[i].level == FINDING_WARNING)
			(void)fprintf(stderr, "warning: %s\n", findings.items[i].text.text);
	}
	if (r < 0)
		configuration_explain(&findings, problem);
	findings_free(&findings);
	return r;
}

static int judge(const struct import *import, struct configuration *profile,
	struct configuration_verdict *ret_verdict, struct problem *problem)
{
	int r = make_profile(import, profile, problem);

	if (r < 0)
		return r;
	r = configuration_parse(profile, &client_role.configuration, problem);
	if (r < 0 && check_is_server(profile)) {
		problem_set(problem,
			"%s is a server's configuration; it goes to " PROFILE_DIR "/culvertd.conf",
			import->file);
		return r;
	}
	if (r == 0)
		r = check_paths(profile, problem);
	if (r < 0)
		name_source(import, problem);
	return r < 0 ? r : examine(import, profile, ret_verdict, problem);
}

/* ---- installing it ---- */

static enum exit_code cannot(const struct import *import, int error)
{
	if (error == -EEXIST)
		log_error("%s exists already; --force replaces it, another NAME keeps it",
			import->target);
	else
		log_error("cannot write %s: %s%s", import->target, error_text(error),
			error == -EACCES && geteuid() != 0 ? "; run it as root (sudo)" : "");
	return error == -EACCES || error == -EPERM ? EXIT_CODE_PERMISSION : EXIT_CODE_FAILURE;
}

static enum exit_code install(const struct import *import, const struct configuration *profile)
{
	const char *name = strrchr(import->target, '/');
	int dir, r;

	if (mkdir(import->dir, 0755) < 0 && errno != EEXIST)
		return cannot(import, -errno);
	dir = open(import->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return cannot(import, -errno);
	r = import->force ? file_replace_at(dir, &name[1], profile->text, profile->len)
			  : file_create_at(dir, &name[1], profile->text, profile->len);
	close(dir);
	return r < 0 ? cannot(import, r) : EXIT_CODE_OK;
}

/*
 * What was renewed for the profile before must not take the place of this one's credentials. Also
 * without `renew`: the key may come back later.
 */
static void clear_renewed(const struct configuration *profile)
{
	static const char *const files[] = { RENEWED_PAIR_FILE, RENEWED_TRUST_FILE };
	const struct settings *settings = profile->settings;
	char usual[SETTINGS_PATH_MAX + 1];
	const char *path = settings->state_dir;
	int dir;

	(void)snprintf(usual, sizeof(usual), SETTINGS_STATE_DIR "/%s", settings->name);
	dir = open(path[0] ? path : usual, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (unlinkat(dir, files[i], 0) == 0)
			printf("%s/%s: removed, as the new profile takes its place\n",
				path[0] ? path : usual, files[i]);
		else if (errno != ENOENT)
			log_warning("cannot remove %s/%s: %s", path[0] ? path : usual, files[i],
				error_text(-errno));
	}
	close(dir);
}

static void print_result(const struct import *import, const struct configuration *profile,
	const struct configuration_verdict *verdict)
{
	bool is_default = strcmp(import->dir, PROFILE_DIR) == 0;
	struct stat st;

	printf("%s: installed: client %s of server %s%s\n", import->target, verdict->identity.name,
		profile->settings->peers[0].name.name,
		verdict->key_locked ? CONFIGURATION_LOCKED_NOTE : "");
	printf("connect: culvert up %s\n", is_default ? import->name.name : import->target);
	if (strcmp(profile->settings->name, import->name.name) != 0)
		printf("it runs under the name in its own file: culvert status %s\n",
			profile->settings->name);
	if (settings_hold_secret(profile->settings) && stat(import->file, &st) == 0 &&
		(st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		printf("%s holds a secret, and others can read it: delete it\n", import->file);
}

enum exit_code import_run(int argc, char **argv)
{
	struct import import;
	struct configuration profile = { .path = import.target };
	struct configuration_verdict verdict = { .key_locked = false };
	struct problem problem = { 0 };
	bool help;
	enum exit_code code = parse(argc, argv, &import, &help);
	int r;

	if (help)
		return fputs(usage, stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	if (code != EXIT_CODE_OK)
		return code;
	r = file_read(import.file, FILE_PUBLIC, &profile.text, &profile.len, &problem);
	if (r == 0)
		r = judge(&import, &profile, &verdict, &problem);
	if (r < 0) {
		log_error("%s", problem.text);
		code = exit_code_of_error(r, EXIT_CODE_CONFIG);
	} else {
		code = install(&import, &profile);
	}
	if (code == EXIT_CODE_OK && import.force)
		clear_renewed(&profile);
	if (code == EXIT_CODE_OK)
		print_result(&import, &profile, &verdict);
	configuration_free(&profile);
	return code;
}
