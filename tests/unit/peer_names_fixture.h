/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a certificate, as a handshake reports them. */
#ifndef CULVERT_TESTS_UNIT_PEER_NAMES_FIXTURE_H
#define CULVERT_TESTS_UNIT_PEER_NAMES_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/peer_names.h"
#include "tests/unit/unit.h"

static inline void names_add(struct peer_names *names, enum peer_name_kind kind, const char *value)
{
	ck_assert_int_eq(peer_names_add(&names->own, kind, value, strlen(value)), 0);
}

/* Of a certificate with one DNS name, which is the plain name; "": of one without any. */
static inline struct peer_names *names_of(const char *plain)
{
	struct peer_names *names = peer_names_new();

	ck_assert_ptr_nonnull(names);
	if (plain[0] == '\0') {
		names->fault = strdup("it has no name");
		return names;
	}
	ck_assert_int_eq(identity_set(&names->plain, plain, strlen(plain)), 0);
	names_add(names, PEER_NAME_DNS, plain);
	return names;
}

#endif
