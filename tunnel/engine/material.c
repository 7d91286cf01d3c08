/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/material.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "system/tls_key.h"

/* Two tables say which setting is which part; the key is wiped from memory when it goes. */

/* The options' keys, with which tls_context_new() begins what it says. */
static const char *const keys[] = {
	[MATERIAL_CERTIFICATE] = "certificate",
	[MATERIAL_KEY] = "key",
	[MATERIAL_CA] = "ca",
	[MATERIAL_CRL] = "crl",
};
static_assert(sizeof(keys) / sizeof(keys[0]) == MATERIAL_PART_COUNT, "every part has a key");

static const char *setting_of(const struct settings *settings, enum material_part part)
{
	switch (part) {
	case MATERIAL_CERTIFICATE:
		return settings->certificate;
	case MATERIAL_KEY:
		return settings->key;
	case MATERIAL_CA:
		return settings->ca;
	case MATERIAL_CRL:
		return settings->crl;
	case MATERIAL_PART_COUNT:
		break;
	}
	return NULL;
}

/* Where the part is read from: a key that was protected is taken as it is without. */
static const char *source_of(const struct settings *settings, enum material_part part)
{
	return part == MATERIAL_KEY && settings->unlocked_key ? settings->unlocked_key
							      : setting_of(settings, part);
}

int material_take_inline(struct material *material, const struct settings *settings)
{
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++) {
		const char *text = source_of(settings, part);
		if (!text || !settings_is_inline(text) || material->data[part])
			continue;
		material->data[part] = strdup(text);
		if (!material->data[part])
			return -ENOMEM;
		material->len[part] = strlen(text);
	}
	return 0;
}

int material_read_fd(struct material *material, enum material_part part, int fd)
{
	if (material->data[part])
		return -EEXIST;
	return file_read_fd(fd, &material->data[part], &material->len[part]);
}

int material_read_files(
	struct material *material, const struct settings *settings, struct problem *problem)
{
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++) {
		const char *path = source_of(settings, part);
		if (!path || settings_is_inline(path))
			continue;
		int r = file_read(path, part == MATERIAL_KEY ? FILE_PRIVATE : FILE_PUBLIC,
			&material->data[part], &material->len[part], problem);
		if (r < 0) {
			problem_prepend(problem, "%s", keys[part]);
			return r;
		}
	}
	int r = material_take_inline(material, settings);
	if (r < 0)
		problem_set(problem, "out of memory");
	return r;
}

static struct view view_of(const struct material *material, enum material_part part)
{
	return (struct view){
		.data = (const uint8_t *)material->data[part],
		.len = material->len[part],
	};
}

bool material_key_is_locked(const struct material *material)
{
	struct view key = view_of(material, MATERIAL_KEY);

	return tls_key_is_locked(&key);
}

int material_unlock_key(
	struct material *material, const char *passphrase, char **ret_pem, struct problem *problem)
{
	struct view key = view_of(material, MATERIAL_KEY);

	return tls_key_unlock(&key, passphrase, ret_pem, problem);
}

/* "ca: holds no certificate" becomes "ca: /etc/culvert/ca.crt: holds no certificate". */
static void name_file(const struct settings *settings, struct problem *problem)
{
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++) {
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

int material_make_context(const struct material *material, const struct settings *settings,
	enum tls_role role, struct tls_context **ret_context, struct problem *problem)
{
	struct tls_material views = {
		.certificate = view_of(material, MATERIAL_CERTIFICATE),
		.key = view_of(material, MATERIAL_KEY),
		.ca = view_of(material, MATERIAL_CA),
		.crl = view_of(material, MATERIAL_CRL),
		.crl_strict = settings->crl_missing == SETTINGS_CRL_REFUSE,
		.key_locked = material->skip_key,
	};

	int r = tls_context_new(role, &views, ret_context, problem);
	if (r == -ENOMEM)
		problem_set(problem, "out of memory");
	else if (r < 0)
		name_file(settings, problem);
	return r;
}

int material_check_dates(
	const struct tls_context *context, const struct settings *settings, struct problem *problem)
{
	int r = tls_context_check_dates(context, problem);

	if (r < 0)
		name_file(settings, problem);
	return r;
}

void material_free(struct material *material)
{
	if (material->data[MATERIAL_KEY])
		explicit_bzero(material->data[MATERIAL_KEY], material->len[MATERIAL_KEY]);
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++)
		free(material->data[part]);
	*material = (struct material){ 0 };
}
