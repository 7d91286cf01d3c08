/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a TLS connection back to back over memory, for the TLS tests: ours, or a plain
 * OpenSSL one (tls_fixture.h). Bytes move only in ends_converse and end_receive.
 */
#ifndef CULVERT_TESTS_UNIT_TLS_ENDS_H
#define CULVERT_TESTS_UNIT_TLS_ENDS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "system/tls.h"
#include "tests/unit/tls_fixture.h"

enum {
	END_OUTPUT_MAX = 1 << 19,
	END_PENDING_MAX = 1 << 19,
	END_PLAIN_MAX = 1 << 19,
};

struct end {
	struct tls *tls;        /* ours, or */
	struct fixture_raw raw; /* a plain one */
	bool is_raw;
	bool established;
	int error; /* the last that was neither "more" nor "flush" */
	struct problem problem;
	bool is_full; /* the last call asked for a flush */
	size_t chunk; /* bytes fed at a time; 0: all that is there */
	struct tls_output output;
	uint8_t output_memory[END_OUTPUT_MAX];
	uint8_t pending[END_PENDING_MAX]; /* arrived, not yet fed */
	size_t pending_len;
	uint8_t fed[END_PENDING_MAX];
	uint8_t plain[END_PLAIN_MAX]; /* decrypted */
	size_t plain_len;
};

/* On the heap; free with end_free. */
struct end *end_new(struct tls_context *context);
struct end *end_new_raw(
	bool is_server, const struct fixture_pair *pair, const struct fixture_raw_options *options);
void end_free(struct end *end);

/* Bytes that arrive at the end, of whatever kind. */
void end_receive(struct end *end, const void *data, size_t len);
/* Lets the end work on what has arrived. */
void end_step(struct end *end);
/* Steps and moves bytes until both are silent. */
void ends_converse(struct end *a, struct end *b);

/* ---- what most test files share ---- */

#define ALPN_WIRE \
	"\x09"    \
	"culvert/1"

/* Speaks as ours do. */
extern const struct fixture_raw_options raw_plain;

/* A PKI, and both contexts made from it; there from pki_set_up to pki_tear_down. */
extern struct pki {
	struct fixture_pair ca, client_pair, server_pair; /* "Test CA", "branch-a", "hub" */
	struct tls_context *client_context, *server_context;
} pki;

void pki_set_up(void);
void pki_tear_down(void);
/* Adds tests that run between the two. */
void pki_add(Suite *suite, const char *name, const TTest *const *tests, size_t count);

/* Both ours, from pki, with the handshake done. */
void ends_connect(struct end **ret_client, struct end **ret_server);
void ends_free(struct end *a, struct end *b);

/* The end's problem holds `words`, and nothing that cannot be printed. */
void end_assert_says(const struct end *end, const char *words);
/*
 * Shows `pair` as a client or a server to one of ours, and expects the refusal, its words here and
 * its alert there.
 */
void end_assert_refuses(struct tls_context *ours, bool as_server, const struct fixture_pair *pair,
	const char *words, int alert);

#endif
