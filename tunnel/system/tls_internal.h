/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_INTERNAL_H
#define CULVERT_SYSTEM_TLS_INTERNAL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/identity.h"
#include "base/problem.h"
#include "system/tls.h"

/*
 * What the tls*.c files share among themselves; nobody else includes it.
 *
 *	tls.c           a connection: memory in, memory out
 *	tls_bio.c       how OpenSSL reaches that memory
 *	tls_context.c   keys, certificates and settings that connections share
 *	tls_key.c       private keys as PEM, with and without a passphrase
 *	tls_pkcs12.c    certificate, key and authorities out of a bundle
 *	tls_verify.c    the judgement on the other end's certificate
 *	tls_identity.c  Culvert's own rules for a certificate, and the name in it
 *	tls_words.c     OpenSSL's errors and TLS's alerts as sentences
 */

enum {
	TLS_CHAIN_DEPTH = 3, /* CA certificates between a leaf and the one we trust */
	/* The other end's certificates together, at most; a chain of P-256 has 2,000. */
	TLS_CHAIN_BYTES = 32768,
	/* Ours together: what is missing is the message's framing (RFC 8446, 4.4.2). */
	TLS_OWN_CHAIN_BYTES = 32000,
	TLS_LABEL_MAX = 100, /* characters of a certificate's name in a message, with the NUL */
	TLS_DATE_MAX = 32,
	TLS_NOTED_MAX = 16, /* issuers whose missing list is told of, for each context */
};

/* The ALPN name as it stands on the wire: a length, then the name (RFC 7301, 3.1). */
#define TLS_ALPN_NAME "culvert/1"
#define TLS_ALPN_WIRE "\x09" TLS_ALPN_NAME

struct tls_context {
	atomic_uint references;
	enum tls_role role;
	SSL_CTX *ssl_context;
	BIO_METHOD *bio_method;
	struct identity identity;
	STACK_OF(X509) * chain; /* our own certificate, and the CAs that came with it; counted */
	time_t not_after;
	bool crl_strict;
	/* Hashes of issuers without a list that have been told of; the one thing here that changes. */
	atomic_ulong noted[TLS_NOTED_MAX];
};

struct tls {
	struct tls_context *context; /* counted */
	SSL *ssl;
	struct reader input;       /* the caller's bytes */
	struct tls_output *output; /* the caller's; NULL when none is lent */
	uint8_t opening[8];        /* the first bytes that ever came, to tell what is not TLS */
	size_t opening_len;
	bool established;
	bool broken; /* `problem` says why */
	bool closed;
	bool flooded; /* set under OpenSSL's feet by the message callback, seen by the BIO */
	uint64_t records_written; /* under the present key */
	uint64_t key_update_records;
	uint64_t records_read;
	uint64_t post_handshake_messages; /* that the peer sent */
	struct problem problem;
	uint32_t unlisted; /* levels of the peer's chain (bits) whose issuer has no list in crl */
	char *notice;      /* allocated; NULL: none */
	char group[TLS_LABEL_MAX];
};

static_assert(TLS_CHAIN_DEPTH + 2 <= 32, "each level of a chain needs a bit");

/* ---- tls_bio.c ---- */

/* NULL: no memory. Free with BIO_meth_free, after the last BIO of it. */
BIO_METHOD *tls_bio_method_new(void);
/* One reference goes to `tls->ssl`. -ENOMEM. */
int tls_bio_attach(struct tls *tls);

/* ---- tls_key.c ---- */

/* To read from the view's memory. NULL: the view is empty or far too large, or there is no memory. */
BIO *tls_view_bio(const struct view *view);
/* -EINVAL: not readable, or protected by a passphrase; `problem` begins with "key: ". */
int tls_key_read(const struct view *pem, EVP_PKEY **ret_key, struct problem *problem);
/* As PEM text without a passphrase; the caller wipes and frees it. -ENOMEM. */
int tls_key_write(EVP_PKEY *key, char **ret_pem);
/* Did OpenSSL fail for an algorithm that it does not have (any more)? Empties its queue of errors. */
bool tls_queue_is_unsupported(void);

/* ---- tls_verify.c ---- */

/* For SSL_CTX_set_cert_verify_callback: chain, dates, purpose, revocation, then our own rules. */
int tls_verify(X509_STORE_CTX *store, void *unused);

/* ---- tls_identity.c ---- */

/*
 * Judges a leaf by the rules in tls.h. `holder` is the role of the one whose certificate it is;
 * `chain` the verified chain with the leaf first, or NULL where there is none to look at. -EACCES:
 * `problem` continues a sentence that begins with the certificate ("it has two common names; …").
 */
int tls_identity_check(X509 *leaf, STACK_OF(X509) * chain, enum tls_role holder,
	struct identity *ret_identity, struct problem *problem);
/* "client", "clientAuth": what culvert-pki and RFC 5280 call a role. */
const char *tls_role_name(enum tls_role role);
const char *tls_role_usage(enum tls_role role);
enum tls_role tls_role_other(enum tls_role role);

/*
 * A certificate's name for a message: its identity, else what it claims, escaped and in quotes.
 * Returns `out`.
 */
const char *tls_label(char out[static TLS_LABEL_MAX], X509 *certificate);
const char *tls_label_name(char out[static TLS_LABEL_MAX], const X509_NAME *name);
/* Whether the certificate carries a proper identity, whatever else may be wrong with it. */
bool tls_identity_peek(X509 *certificate, struct identity *ret_identity);
/* "2026-11-02", "2026-11-02 10:00:00 UTC", or "an unreadable date". */
const char *tls_date(char out[static TLS_DATE_MAX], const ASN1_TIME *time);
const char *tls_date_time(char out[static TLS_DATE_MAX], const ASN1_TIME *time);
/* -EINVAL: not a date. */
int tls_time(const ASN1_TIME *time, time_t *ret_time);

/* ---- tls_words.c ---- */

/* Turns this thread's OpenSSL error queue into words and empties it. */
void tls_words_connection(const struct tls *tls, struct problem *problem);
/*
 * The text of the earliest entry of the queue, which is emptied; "unknown error" when there is
 * none.
 */
const char *tls_words_queue(void);

#endif
