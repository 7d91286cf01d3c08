/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/material.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* One table says which setting is which part; the key is wiped from memory when it goes. */

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

int material_take_inline(struct material *material, const struct settings *settings)
{
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++) {
		const char *text = setting_of(settings, part);
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
		const char *path = setting_of(settings, part);
		if (!path || settings_is_inline(path))
			continue;
		int r = file_read(path, part == MATERIAL_KEY ? FILE_PRIVATE : FILE_PUBLIC,
			&material->data[part], &material->len[part], problem);
		if (r < 0)
			return r;
	}
	return material_take_inline(material, settings);
}

static struct view view_of(const struct material *material, enum material_part part)
{
	return (struct view){
		.data = (const uint8_t *)material->data[part],
		.len = material->len[part],
	};
}

int material_make_context(const struct material *material, enum tls_role role,
	struct tls_context **ret_context, struct problem *problem)
{
	struct tls_material views = {
		.certificate = view_of(material, MATERIAL_CERTIFICATE),
		.key = view_of(material, MATERIAL_KEY),
		.ca = view_of(material, MATERIAL_CA),
		.crl = view_of(material, MATERIAL_CRL),
	};

	return tls_context_new(role, &views, ret_context, problem);
}

void material_free(struct material *material)
{
	if (material->data[MATERIAL_KEY])
		explicit_bzero(material->data[MATERIAL_KEY], material->len[MATERIAL_KEY]);
	for (enum material_part part = 0; part < MATERIAL_PART_COUNT; part++)
		free(material->data[part]);
	*material = (struct material){ 0 };
}
