/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/issuer_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "system/tls_issuer.h"

struct text {
	char *data; /* owned */
	size_t len;
};

static struct view view_of(const struct text *text)
{
	return (struct view){ .data = (const uint8_t *)text->data, .len = text->len };
}

/* `material` is a path or the PEM text itself. */
static int read_material(const char *key, const char *material, enum file_privacy privacy,
	struct text *ret_text, struct problem *problem)
{
	int r;

	if (settings_is_inline(material)) {
		*ret_text = (struct text){ .data = strdup(material), .len = strlen(material) };
		return ret_text->data ? 0 : -ENOMEM;
	}
	r = file_read(material, privacy, &ret_text->data, &ret_text->len, problem);
	if (r < 0) {
		ret_text->data = NULL;
		problem_prepend(problem, "%s", key);
	}
	return r;
}

int issuer_check(const struct settings *settings, struct tls_context *own, struct problem *problem)
{
	struct text certificate = { .data = NULL }, key = { .data = NULL };
	struct tls_issuer *issuer = NULL;
	int r;

	if (!settings->issuer)
		return 0;
	r = read_material("issuer.certificate", settings->issuer->certificate, FILE_PUBLIC,
		&certificate, problem);
	if (r == 0)
		r = read_material("issuer.key", settings->issuer->key, FILE_PRIVATE, &key, problem);
	if (r == 0) {
		struct tls_issuer_material material = {
			.trust = own,
			.certificate = view_of(&certificate),
			.key = view_of(&key),
			.lifetime = settings->issuer->lifetime.ns / 1000000000,
		};

		r = tls_issuer_new(&material, &issuer, problem);
	}
	if (r == -ENOMEM)
		problem_set(problem, "out of memory");
	tls_issuer_free(issuer);
	if (key.data)
		explicit_bzero(key.data, key.len);
	free(key.data);
	free(certificate.data);
	return r;
}
