/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the TLS tests need around them: a PKI made in memory with every fault on demand, and a peer
 * of plain OpenSSL that does what ours never would. It reaches OpenSSL directly. Whatever fails
 * here aborts the test; nothing is ever NULL.
 */
#ifndef CULVERT_TESTS_UNIT_TLS_FIXTURE_H
#define CULVERT_TESTS_UNIT_TLS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "system/tls.h"

enum { FIXTURE_NAMES_MAX = 3 };

struct fixture_pair { /* a certificate and its key */
	X509 *certificate;
	EVP_PKEY *key;
};

struct fixture_name {
	const void *data; /* NULL: not there */
	size_t len;       /* 0: a string */
	int type; /* GEN_DNS and its like, for a common name V_ASN1_UTF8STRING and its like */
};

struct fixture_spec { /* zero: a certificate with nothing in it, valid from an hour ago for a day */
	struct fixture_name common[FIXTURE_NAMES_MAX];
	struct fixture_name alternative[FIXTURE_NAMES_MAX];
	const char *organization;
	const char *usage;       /* "clientAuth"; NULL: no extended key usage */
	const char *constraints; /* "permitted;DNS:example.org"; NULL: none */
	/* "critical,keyCertSign"; "": none; NULL: what a CA's or a leaf's is */
	const char *key_usage;
	const char *basic; /* "critical,CA:TRUE,pathlen:0"; "": none; NULL: by is_ca */
	const char *curve; /* of its key; NULL: P-256 */
	bool anonymous;    /* without the identifiers of its key and of its issuer's */
	bool version_1;    /* without extensions */
	bool is_ca;
	long from, until; /* seconds from now; both 0: the default */
	bool weak;        /* RSA of 1,024 bits */
};

/* Self-signed where `issuer` is NULL. Serial numbers count up from 1. */
struct fixture_pair fixture_issue(
	const struct fixture_pair *issuer, const struct fixture_spec *spec);
struct fixture_pair fixture_ca(const char *name);
/* With a DNS alternative name and clientAuth or serverAuth. */
struct fixture_pair fixture_client(const struct fixture_pair *ca, const char *name);
struct fixture_pair fixture_server(const struct fixture_pair *ca, const char *name);
void fixture_free(struct fixture_pair *pair);

/* PEM text on the heap; free `data` with fixture_text_free. */
struct view fixture_certificate_text(const struct fixture_pair *pair);
struct view fixture_key_text(const struct fixture_pair *pair, const char *passphrase);
/* Revokes `revoked` (may be NULL); times in seconds from now. */
struct view fixture_crl_text(
	const struct fixture_pair *ca, const struct fixture_pair *revoked, long from, long until);
/* The same; `form` is "delta", an issuing distribution point as openssl.cnf has it, or NULL. */
struct view fixture_crl_text_of(const struct fixture_pair *ca, const struct fixture_pair *revoked,
	long from, long until, const char *form);
struct view fixture_join(struct view first, struct view second); /* frees both */
void fixture_text_free(struct view *text);

/* A context of ours from a pair, a CA and perhaps a revocation list (NULL: none). */
struct tls_context *fixture_context(enum tls_role role, const struct fixture_pair *pair,
	const struct fixture_pair *ca, const struct view *crl);

/* ---- a peer of plain OpenSSL ---- */

struct fixture_raw_options {
	int version;            /* TLS1_2_VERSION; 0: TLS 1.3 */
	const char *alpn;       /* on the wire: "\x09culvert/1"; NULL: none */
	const char *groups;     /* NULL: the library's */
	const char *suites;     /* NULL: the library's */
	STACK_OF(X509) * chain; /* sent after the certificate; NULL: nothing */
};

struct fixture_raw {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;      /* belong to ssl */
	int alert_received; /* -1: none */
	unsigned key_updates_received;
};

/* `pair` may be NULL: no certificate. It verifies nothing. The object must not move afterwards. */
void fixture_raw_init(struct fixture_raw *raw, bool is_server, const struct fixture_pair *pair,
	const struct fixture_raw_options *options);
void fixture_raw_free(struct fixture_raw *raw);

#endif
