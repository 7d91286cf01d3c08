/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from their text, as tests write them. A text that is not such a value fails the test. NULL makes a value that is
 * not set.
 */
#ifndef CULVERT_TESTS_UNIT_PARSE_H
#define CULVERT_TESTS_UNIT_PARSE_H

#include <check.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/identity.h"
#include "base/prefix_list.h"

static inline struct addr addr_of(const char *text)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (text)
		ck_assert_msg(addr_parse(text, &addr) == 0, "not an address: %s", text);
	return addr;
}

static inline struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { .len = 0 };

	if (text)
		ck_assert_msg(prefix_parse(text, &prefix) == 0, "not a prefix: %s", text);
	return prefix;
}

static inline struct identity identity_of(const char *name)
{
	struct identity identity = { .name = "" };

	if (name)
		ck_assert_msg(
			identity_set(&identity, name, strlen(name)) == 0, "no identity: %s", name);
	return identity;
}

/* Appends a prefix to a list. */
static inline void prefix_list_add(struct prefix_list *list, const char *text)
{
	const struct prefix prefix = prefix_of(text);

	ck_assert_int_eq(prefix_list_append(list, &prefix, 1), 0);
}

#endif
