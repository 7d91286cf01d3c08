/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_IDENTITY_H
#define CULVERT_BASE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name of a peer: [A-Za-z0-9._-]{1,64}, and neither "." nor "..", so that it is safe in a log
 * line, a file name and a message. The one place where that rule is written. Any thread.
 */

enum { IDENTITY_MAX = 64 };

struct identity {
	char name[IDENTITY_MAX + 1];
};

/*
 * `len` bytes that need not be terminated; a NUL among them is refused. The bytes past the name are
 * zero afterwards. -EINVAL: not a valid identity.
 */
int identity_set(struct identity *ret_identity, const void *text, size_t len);
bool identity_equal(const struct identity *a, const struct identity *b);

#endif
