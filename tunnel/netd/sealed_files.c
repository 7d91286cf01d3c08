/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/sealed_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/file.h"
#include "config/conf.h"
#include "config/crl_source.h"
#include "system/ipc.h"

static int seal(
	const char *what, const void *data, size_t len, int *ret_fd, struct problem *problem)
{
	int r = ipc_seal(what, data, len, ret_fd);

	if (r < 0)
		problem_set(problem, "cannot keep a copy of the %s for the engine: %s", what,
			error_text(r));
	return r;
}

/* Seals what was read, and wipes it. */
static int seal_read(const char *what, char *data, size_t len, int *ret_fd, struct problem *problem)
{
	int r;

	r = seal(what, data, len, ret_fd, problem);
	explicit_bzero(data, len);
	free(data);
	return r;
}

static int read_and_seal(const char *what, const char *path, enum file_privacy privacy, int *ret_fd,
	struct problem *problem)
{
	char *data;
	size_t len;
	int r = file_read(path, privacy, &data, &len, problem);

	return r < 0 ? r : seal_read(what, data, len, ret_fd, problem);
}

/*
 * `material` is a path or the PEM text itself. On failure *problem begins with the option's key, as
 * in config/credentials.
 */
static int open_material(const char *what, const char *material, enum file_privacy privacy,
	int *ret_fd, struct problem *problem)
{
	int r = settings_is_inline(material)
		? seal(what, material, strlen(material), ret_fd, problem)
		: read_and_seal(what, material, privacy, ret_fd, problem);

	if (r < 0)
		problem_prepend(problem, "%s", what);
	return r;
}

/* A file, or a directory of lists. */
static int open_crl(const char *material, int *ret_fd, struct problem *problem)
{
	char *data;
	size_t len;
	int r;

	if (settings_is_inline(material))
		return open_material("crl", material, FILE_PUBLIC, ret_fd, problem);
	r = crl_source_read(material, &data, &len, problem);
	if (r == 0)
		r = seal_read("crl", data, len, ret_fd, problem);
	if (r < 0)
		problem_prepend(problem, "crl");
	return r;
}

static int open_all(
	const struct settings *settings, struct sealed_files *files, struct problem *problem)
{
	int r = open_material(
		"certificate", settings->certificate, FILE_PUBLIC, &files->certificate, problem);

	if (r == 0)
		r = open_material("key",
			settings->unlocked_key ? settings->unlocked_key : settings->key,
			FILE_PRIVATE, &files->key, problem);
	if (r == 0)
		r = open_material("ca", settings->ca, FILE_PUBLIC, &files->ca, problem);
	if (r == 0 && settings->crl)
		r = open_crl(settings->crl, &files->crl, problem);
	return r;
}

int sealed_files_open(const struct settings *settings, const char *config_path,
	const char *config_text, size_t config_len, struct sealed_files *ret_files,
	struct problem *problem)
{
	struct sealed_files files = { -1, -1, -1, -1, -1 };
	/* The file of a configuration that has a secret must be as private as a key's. */
	int r = settings_hold_secret(settings) ? file_check_private(config_path, problem) : 0;

	if (r == 0)
		r = seal("configuration", config_text, config_len, &files.config, problem);
	if (r == 0) {
		r = open_all(settings, &files, problem);
		if (r < 0)
			conf_locate(config_text, config_len, config_path, problem);
	}
	if (r < 0) {
		sealed_files_close(&files);
		return r;
	}
	*ret_files = files;
	return 0;
}

int sealed_files_open_issuer(const struct settings_issuer *issuer, int *ret_certificate,
	int *ret_key, struct problem *problem)
{
	int certificate = -1, key = -1;
	int r = open_material(
		"issuer.certificate", issuer->certificate, FILE_PUBLIC, &certificate, problem);

	if (r == 0)
		r = open_material("issuer.key", issuer->key, FILE_PRIVATE, &key, problem);
	if (r < 0) {
		if (certificate >= 0)
			close(certificate);
		return r;
	}
	*ret_certificate = certificate;
	*ret_key = key;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sealed_files_close(struct sealed_files *files)
{
	close_fd(&files->config);
	close_fd(&files->certificate);
	close_fd(&files->key);
	close_fd(&files->ca);
	close_fd(&files->crl);
}
