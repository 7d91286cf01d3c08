/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of a client's key material share: the client branch-a and its CA, and a context made of them. */
#ifndef CULVERT_TESTS_UNIT_TLS_CLIENT_FIXTURE_H
#define CULVERT_TESTS_UNIT_TLS_CLIENT_FIXTURE_H

#include <string.h>

#include "system/tls.h"

#include "tls_fixture.h"
#include "unit.h"

static struct fixture_pair ca, client;
static struct problem problem;

static inline void make_client(void)
{
	ca = fixture_ca("Test CA");
	client = fixture_client(&ca, "branch-a");
	problem.text[0] = '\0';
}

static inline void free_client(void)
{
	fixture_free(&client);
	fixture_free(&ca);
}

static inline struct view view_of(const char *text)
{
	return (struct view){ .data = (const uint8_t *)text, .len = strlen(text) };
}

/* The material makes a context of branch-a; else what tls_context_new() says. */
static inline int make_context(const struct tls_material *material)
{
	struct tls_context *context = NULL;
	int r = tls_context_new(TLS_CLIENT, material, &context, &problem);

	if (r == 0)
		ck_assert_str_eq(tls_context_identity(context)->name, "branch-a");
	tls_context_unref(context);
	return r;
}

#endif
