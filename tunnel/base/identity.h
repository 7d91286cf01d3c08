/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_IDENTITY_H
#define CULVERT_BASE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The identity of a peer: [A-Za-z0-9._-]{1,64}, but neither "." nor "..". So it is safe in a log
 * line, a file name and a message. Only this module checks that rule. Any thread.
 */

enum { IDENTITY_MAX = 64 };

struct identity {
	char name[IDENTITY_MAX + 1];
};

/*
 * Sets the identity from `len` bytes, which need no terminator. Fills the bytes past the name with
 * zeros. -EINVAL: not a valid identity, such as a name with a NUL.
 */
int identity_set(struct identity *ret_identity, const void *text, size_t len);
bool identity_equal(const struct identity *a, const struct identity *b);

#endif
