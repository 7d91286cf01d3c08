/* SPDX-License-Identifier: Apache-2.0 */
#include "base/identity.h"

#include <errno.h>
#include <string.h>

/* Not isalnum(3), which depends on the locale. */
static bool allowed(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '.' || c == '_' || c == '-';
}

int identity_set(struct identity *ret_identity, const void *text, size_t len)
{
	const char *name = text;

	if (len < 1 || len > IDENTITY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!allowed(name[i]))
			return -EINVAL;
	}
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return -EINVAL;
	*ret_identity = (struct identity){ .name = "" };
	memcpy(ret_identity->name, name, len);
	return 0;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return strcmp(a->name, b->name) == 0;
}
