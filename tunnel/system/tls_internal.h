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
#include "base/peer_names.h"
#include "base/problem.h"
#include "system/tls.h"

/*
 * Shared by the tls*.c files, which alone include it.
 *
 * 	tls.c           a connection: memory in, memory out
 * 	tls_bio.c       OpenSSL's access to that memory
 * 	tls_context.c   keys, certificates and settings that connections share
 * 	tls_key.c       private keys as PEM, with and without a passphrase
 * 	tls_pkcs12.c    certificate, key and authorities of a bundle
 * 	tls_verify.c    the check of the peer's certificate
 * 	tls_chain.c     the same check again, while the peer is connected
 * 	tls_own.c       the same check of our own, before anything starts
 * 	tls_term.c      the dates of all that a context has
 * 	tls_identity.c  Culvert's own rules for a certificate, and the name in it
 * 	tls_name.c      all names in a certificate
 * 	tls_anchor.c    trust in a CA that is no root
 * 	tls_shown.c     the check of a certificate in a file
 * 	tls_request.c   a fresh key, and the request to renew its certificate
 * 	tls_issuer.c    the issuer's check of such a request, and the new certificate
 * 	tls_renewal.c   the client's check of what came back, and of new authorities
 * 	tls_text.c      OpenSSL's errors and TLS's alerts as sentences
 */

enum {
	TLS_CHAIN_DEPTH = 3, /* CA certificates between a leaf and a trusted one */
	/* The limit for all certificates of the peer; a chain of P-256 has 2,000. */
	TLS_CHAIN_BYTES = 32768,
	/* The limit for all of ours: less than that by the message's framing (RFC 8446, 4.4.2). */
	TLS_OWN_CHAIN_BYTES = 32000,
	TLS_LABEL_MAX = 100, /* characters of a certificate's name in a message, with the NUL */
	TLS_DATE_MAX = 32,
	TLS_NOTED_MAX = 16, /* issuers without a list that a context reports */
	/*
	 * At least 112 bits: RSA 2048, P-256, no SHA-1 (SSL_CTX_set_security_level(3)).
	 */
	TLS_SECURITY_LEVEL = 2,
};

/* Faults that both libssl and the check of a chain find. */
#define TLS_FAULT_SHORT_KEY                                                                        \
	"its key is too short (RSA needs 2,048 bits or more); issue one for a longer key, or for " \
	"one on P-256"
#define TLS_FAULT_WEAK_HASH \
	"it is signed with MD5 or SHA-1, which is too weak; issue it again with SHA-256"

/* The ALPN name on the wire: a length, then the name (RFC 7301, 3.1). */
#define TLS_ALPN_NAME "culvert/1"
#define TLS_ALPN_WIRE "\x09" TLS_ALPN_NAME

struct tls_context {
	atomic_uint references;
	uint64_t id; /* random: tells contexts apart, also one that has the memory of an old one */
	enum tls_role role;
	SSL_CTX *ssl_context;
	BIO_METHOD *bio_method;
	struct identity identity;
	STACK_OF(X509) * chain; /* our own certificate, and the CAs that came with it; counted */
	/* In `ca` beside the self-signed certificate of the same CA; NULL: none. Counted. */
	STACK_OF(X509) * cross;
	time_t not_after;
	bool crl_strict, crl_current; /* as in struct tls_material */
	/* Hashes of reported issuers without a valid list; only this member changes. */
	atomic_ulong noted[TLS_NOTED_MAX];
};

struct tls {
	struct tls_context *context; /* counted */
	SSL *ssl;
	struct reader input;       /* the caller's bytes */
	struct tls_output *output; /* the caller's; NULL: none set */
	uint8_t opening[8];        /* the first bytes received, to recognize other protocols */
	size_t opening_len;
	bool established;
	bool broken; /* `problem` says why */
	bool closed;
	bool flooded;             /* set by the message callback inside OpenSSL, read by the BIO */
	uint64_t records_written; /* under the current key */
	uint64_t key_update_records;
	uint64_t records_read;
	uint64_t post_handshake_messages; /* from the peer */
	struct problem problem;
	/* Levels of the peer's chain (bits) whose issuer has no list in crl, or no valid one. */
	uint32_t unlisted, outdated;
	char *notice;             /* allocated; NULL: none */
	struct peer_names *names; /* of the accepted peer; NULL: none yet */
	char group[TLS_LABEL_MAX];
};

static_assert(TLS_CHAIN_DEPTH + 2 <= 32, "each level of a chain needs a bit");

/* ---- tls_bio.c ---- */

/* NULL: no memory. Freed with BIO_meth_free() after its last BIO. */
BIO_METHOD *tls_bio_method_new(void);
/* Makes a BIO, which `tls->ssl` then owns. -ENOMEM. */
int tls_bio_attach(struct tls *tls);

/* ---- tls_context.c ---- */

/* -EINVAL: a certificate is broken, or there is none. `part` names the text in *problem. -ENOMEM. */
int tls_read_certificates(const struct view *text, const char *part,
	STACK_OF(X509) * *ret_certificates, struct problem *problem);

/* ---- tls_key.c ---- */

/*
 * A BIO that reads the view's memory. NULL: the view is empty or far too large, or there is no
 * memory.
 */
BIO *tls_view_bio(const struct view *view);
/* -EINVAL: unreadable, or protected by a passphrase; *problem begins with "key: ". */
int tls_key_read(const struct view *pem, EVP_PKEY **ret_key, struct problem *problem);
/* Writes the key as PEM text without a passphrase. The caller wipes and frees it. -ENOMEM. */
int tls_key_write(EVP_PKEY *key, char **ret_pem);
/*
 * True if OpenSSL failed because it does not support an algorithm (any more). Empties its error
 * queue.
 */
bool tls_queue_is_unsupported(void);

/* ---- tls_verify.c ---- */

/*
 * For SSL_CTX_set_cert_verify_callback: checks chain, dates, purpose, revocation, then our own
 * rules.
 */
int tls_verify(X509_STORE_CTX *store, void *unused);
/* Checks that each certificate after the leaf is a CA's. -EACCES: *problem says which is not. */
int tls_verify_authorities(STACK_OF(X509) * chain, struct problem *problem);
/*
 * Sets *problem from the error in the store, which is of our own certificate. `holder` is our role.
 */
void tls_verify_explain_own(X509_STORE_CTX *store, enum tls_role holder, struct problem *problem);
/* The same for the peer's certificate. `holder` is the peer's role. */
void tls_verify_explain_peer(X509_STORE_CTX *store, enum tls_role holder, struct problem *problem);
/* For X509_STORE_CTX_set_verify_cb(): a certificate whose issuer has no list is no fault. */
int tls_verify_pass_missing_list(int is_good, X509_STORE_CTX *store);

/* ---- tls_identity.c ---- */

/*
 * Checks what a leaf is for. `holder` is the role of the certificate's owner. -EACCES: *problem
 * continues a sentence that begins with the certificate ("it has no extended key usage; …").
 */
int tls_identity_check(X509 *leaf, enum tls_role holder, struct problem *problem);
/*
 * Finds the name by the rule for peers without `identity`: exactly one DNS SAN and no other, or one
 * common name and no SAN. `chain` is the verified chain with the leaf first, or NULL to ignore
 * name constraints. -EACCES: *problem as above.
 */
int tls_identity_find(
	X509 *leaf, STACK_OF(X509) * chain, struct identity *ret_identity, struct problem *problem);
enum tls_role tls_role_other(enum tls_role role);
/* Says which extension is broken. *problem continues a sentence as that of tls_identity_check(). */
void tls_identity_explain_broken(X509 *certificate, struct problem *problem);

/*
 * A certificate's name for a message: its identity, else the name that it claims, escaped and in
 * quotes. Returns `out`.
 */
const char *tls_label(char out[static TLS_LABEL_MAX], X509 *certificate);
const char *tls_label_name(char out[static TLS_LABEL_MAX], const X509_NAME *name);
/* True if the certificate has a valid identity, even if something else is wrong with it. */
bool tls_identity_peek(X509 *certificate, struct identity *ret_identity);
/* Formats "2026-11-02", "2026-11-02 10:00:00 UTC", or "an unreadable date". */
const char *tls_date(char out[static TLS_DATE_MAX], const ASN1_TIME *time);
const char *tls_date_time(char out[static TLS_DATE_MAX], const ASN1_TIME *time);
/* This host's own date, in the form of tls_date(). */
const char *tls_date_now(char out[static TLS_DATE_MAX]);
/* As X509_cmp_current_time(), by base/clock: -1: past or now; 1: to come; 0: not a date. */
int tls_compare_now(const ASN1_TIME *time);
/* -EINVAL: not a date. */
int tls_time(const ASN1_TIME *time, time_t *ret_time);

/* ---- tls_name.c ---- */

/*
 * Reads all names of a leaf, and those of the CAs above it in the verified chain (or NULL).
 * -EACCES: a name is broken or made to deceive, and *problem is as that of tls_identity_check();
 * -ENOMEM.
 */
int tls_name_collect(
	X509 *leaf, STACK_OF(X509) * chain, struct peer_names **ret_names, struct problem *problem);
/*
 * What this end is called in status and messages: the plain name, else the first DNS or common name
 * that is an identity, else one made of the digest.
 */
void tls_name_of_own(const struct peer_names *names, struct identity *ret_identity);
/* True if a client's server_name can match one of the names. */
bool tls_name_has_server(const struct peer_names *names);

/* ---- tls_anchor.c ---- */

/*
 * Makes a CA of `ca` that another one has issued a trust anchor, unless its issuer is in `ca`, too.
 * -ENOMEM.
 */
int tls_anchor_trust(X509 *authority, STACK_OF(X509) * authorities);
/*
 * For a verify callback: passes an error about the revocation list for a trust anchor that another
 * CA has issued, which is trusted without one. Returns 1 where that was it, else `is_good`.
 */
int tls_anchor_pass(int is_good, X509_STORE_CTX *store);

/* ---- tls_text.c ---- */

/* Sets *problem from this thread's OpenSSL error queue, and empties the queue. */
void tls_text_connection(const struct tls *tls, struct problem *problem);
/*
 * The text of the queue's earliest entry, in plain words where it is foreseen, else OpenSSL's or
 * "unknown error". Empties the queue.
 */
const char *tls_text_queue(void);

#endif
