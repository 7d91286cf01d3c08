/* SPDX-License-Identifier: Apache-2.0 */
#include "config/credentials.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "config/crl_source.h"
#include "system/tls_key.h"

/* Two tables map the parts to their settings. The key is wiped before its memory is freed. */

/* The options' keys, with which the text of tls_context_new() begins. */
static const char *const keys[] = {
	[CREDENTIALS_CERTIFICATE] = "certificate",
	[CREDENTIALS_KEY] = "key",
	[CREDENTIALS_CA] = "ca",
	[CREDENTIALS_CRL] = "crl",
};
static_assert(ARRAY_SIZE(keys) == CREDENTIALS_PART_COUNT, "every part has a key");

static const char *setting_of(const struct settings *settings, enum credentials_part part)
{
	switch (part) {
	case CREDENTIALS_CERTIFICATE:
		return settings->certificate;
	case CREDENTIALS_KEY:
		return settings->key;
	case CREDENTIALS_CA:
		return settings->ca;
	case CREDENTIALS_CRL:
		return settings->crl;
	case CREDENTIALS_PART_COUNT:
		break;
	}
	return NULL;
}

/*
 * Returns the path or text to read the part from; a key that was unlocked is taken without its
 * passphrase.
 */
static const char *source_of(const struct settings *settings, enum credentials_part part)
{
	return part == CREDENTIALS_KEY && settings->unlocked_key ? settings->unlocked_key
								 : setting_of(settings, part);
}

int credentials_take_inline(struct credentials *credentials, const struct settings *settings)
{
	for (enum credentials_part part = 0; part < CREDENTIALS_PART_COUNT; part++) {
		const char *text = source_of(settings, part);
		if (!text || !settings_is_inline(text) || credentials->data[part])
			continue;
		credentials->data[part] = strdup(text);
		if (!credentials->data[part])
			return -ENOMEM;
		credentials->len[part] = strlen(text);
	}
	return 0;
}

int credentials_read_fd(struct credentials *credentials, enum credentials_part part, int fd)
{
	if (credentials->data[part])
		return -EEXIST;
	return file_read_fd(fd, &credentials->data[part], &credentials->len[part]);
}

static int read_part(struct credentials *credentials, enum credentials_part part, const char *path,
	struct problem *problem)
{
	char **data = &credentials->data[part];
	size_t *len = &credentials->len[part];

	if (part == CREDENTIALS_CRL)
		return crl_source_read(path, data, len, problem);
	return file_read(
		path, part == CREDENTIALS_KEY ? FILE_PRIVATE : FILE_PUBLIC, data, len, problem);
}

int credentials_read_files(
	struct credentials *credentials, const struct settings *settings, struct problem *problem)
{
	for (enum credentials_part part = 0; part < CREDENTIALS_PART_COUNT; part++) {
		const char *path = source_of(settings, part);
		if (!path || settings_is_inline(path))
			continue;
		int r = read_part(credentials, part, path, problem);
		if (r < 0) {
			problem_prepend(problem, "%s", keys[part]);
			return r;
		}
	}
	int r = credentials_take_inline(credentials, settings);
	if (r < 0)
		problem_set(problem, "out of memory");
	return r;
}

static struct view view_of(const struct credentials *credentials, enum credentials_part part)
{
	return (struct view){
		.data = (const uint8_t *)credentials->data[part],
		.len = credentials->len[part],
	};
}

bool credentials_key_is_locked(const struct credentials *credentials)
{
	struct view key = view_of(credentials, CREDENTIALS_KEY);

	return tls_key_is_locked(&key);
}

int credentials_unlock_key(struct credentials *credentials, const char *passphrase, char **ret_pem,
	struct problem *problem)
{
	struct view key = view_of(credentials, CREDENTIALS_KEY);

	return tls_key_unlock(&key, passphrase, ret_pem, problem);
}

/* Turns "ca: holds no certificate" into "ca: /etc/culvert/ca.crt: holds no certificate". */
static void name_file(const struct settings *settings, struct problem *problem)
{
	for (enum credentials_part part = 0; part < CREDENTIALS_PART_COUNT; part++) {
		const char *path = setting_of(settings, part);
		size_t len = strlen(keys[part]);
		if (!path || settings_is_inline(path) ||
			strncmp(problem->text, keys[part], len) != 0 ||
			strncmp(&problem->text[len], ": ", 2) != 0)
			continue;
		problem_set(problem, "%s: %s: %s", keys[part], path, &problem->text[len + 2]);
		return;
	}
}

int credentials_make_context(const struct credentials *credentials, const struct settings *settings,
	enum tls_role role, struct tls_context **ret_context, struct problem *problem)
{
	struct tls_material views = {
		.certificate = view_of(credentials, CREDENTIALS_CERTIFICATE),
		.key = view_of(credentials, CREDENTIALS_KEY),
		.ca = view_of(credentials, CREDENTIALS_CA),
		.crl = view_of(credentials, CREDENTIALS_CRL),
		.crl_strict = settings->crl_missing == SETTINGS_CRL_REFUSE,
		.crl_current = settings->crl_expired == SETTINGS_CRL_REFUSE,
		.key_locked = credentials->skip_key,
	};

	int r = tls_context_new(role, &views, ret_context, problem);
	if (r == -ENOMEM)
		problem_set(problem, "out of memory");
	else if (r < 0)
		name_file(settings, problem);
	return r;
}

int credentials_check_dates(
	const struct tls_context *context, const struct settings *settings, struct problem *problem)
{
	int r = tls_context_check_dates(context, problem);

	if (r < 0)
		name_file(settings, problem);
	return r;
}

void credentials_examine(const struct tls_context *context, const struct settings *settings,
	struct findings *findings)
{
	size_t first = findings->count;

	tls_context_examine(context, findings);
	for (size_t i = first; i < findings->count; i++)
		name_file(settings, &findings->items[i].text);
}

void credentials_free(struct credentials *credentials)
{
	if (credentials->data[CREDENTIALS_KEY])
		explicit_bzero(
			credentials->data[CREDENTIALS_KEY], credentials->len[CREDENTIALS_KEY]);
	for (enum credentials_part part = 0; part < CREDENTIALS_PART_COUNT; part++)
		free(credentials->data[part]);
	*credentials = (struct credentials){ 0 };
}
