/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_H
#define CULVERT_SYSTEM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"
#include "base/finding.h"
#include "base/identity.h"
#include "base/peer_names.h"
#include "base/problem.h"

/*
 * TLS 1.3 over memory. A tls object has no socket: its owner feeds it the bytes that arrived, and
 * sends what it puts into the output buffer. So one recv(2) serves many records, and many records
 * leave with one send(2). A buffer belongs to the worker, not to the connection. Only tls*.c call
 * OpenSSL.
 *
 * A context is immutable after tls_context_new(), and threads may share it. A tls object belongs to
 * one thread at a time.
 *
 * Calls never block and never need a retry with the same arguments. tls_write() needs room for
 * tls_output_bound() in the output, and then takes everything.
 */

enum tls_role { TLS_CLIENT, TLS_SERVER };

enum {
	TLS_RECORD_MAX = 16384,   /* plaintext bytes in a full record, RFC 8446, 5.1 */
	TLS_RECORD_OVERHEAD = 22, /* header 5, content type 1, tag 16 */
	TLS_OUTPUT_SLACK = 1024,  /* what a write may add to its records: a key update */
	/* Enough output for any handshake flight of ours. */
	TLS_OUTPUT_HANDSHAKE = 65536,
};

/* PEM text, borrowed only during tls_context_new(). */
struct tls_material {
	struct view certificate; /* leaf first, then intermediates */
	struct view key;
	struct view ca;
	struct view crl; /* data NULL: none configured, none checked; an empty list is an error */
	/*
	 * True: refuse a certificate of the chain whose issuer has no list in crl. False: accept
	 * it, with a text in tls_peer_notice().
	 */
	bool crl_strict;
	/*
	 * True: refuse a certificate of the chain if no list of its issuer is valid now. False: the
	 * newest list counts as it is, with a text in tls_peer_notice().
	 */
	bool crl_current;
	/* Skips the key and checks all else; use the context for nothing but this check. */
	bool key_locked;
};

struct tls_context;

/*
 * Makes a context. -EINVAL: a credential is unusable; *problem says which, why, and how to fix it.
 * Examples: not PEM, a key that does not match its certificate, a key with a passphrase, a
 * certificate not for this role or without a valid identity. Also a CRL whose issuer's name is in
 * ca but not its key, or crl_strict and a CA without a list. A list of an issuer outside ca counts
 * as an intermediate's, which the handshake checks. -ENOMEM.
 */
int tls_context_new(enum tls_role role, const struct tls_material *material,
	struct tls_context **ret_context, struct problem *problem);
/* Counted references: the context ends with its last tls object. Any thread. Both accept NULL. */
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);
/* The identity in our own certificate, and the end of its validity. */
const struct identity *tls_context_identity(const struct tls_context *context);
time_t tls_context_not_after(const struct tls_context *context);

/*
 * Checks that our own certificate, its CAs and, with crl_current, the revocation lists are valid by
 * this host's clock now. Of the lists of one CA one must be valid. tls_context_new() does not check this, because a
 * host may set its clock after a start, and a new engine must accept what the last one ran with.
 * -EAGAIN: one is not valid yet, which time or the clock's setting changes. -EINVAL: one has
 * expired. On failure *problem says which.
 */
int tls_context_check_dates(const struct tls_context *context, struct problem *problem);

/* What ends one day. */
enum tls_term_kind {
	TLS_TERM_CERTIFICATE, /* our own, and those that were given with it */
	TLS_TERM_CA,          /* in `ca` */
	TLS_TERM_LIST,        /* in `crl` */
};
enum { TLS_TERM_NAME_MAX = 100, TLS_TERMS_MAX = 32 };

struct tls_term {
	enum tls_term_kind kind;
	char name[TLS_TERM_NAME_MAX]; /* of the holder or issuer, escaped */
	int64_t from, until;          /* seconds since the epoch; until 0: a list without an end */
};

/*
 * Writes what the context has, our own certificate first, and returns how many. It leaves out a
 * list that a later one of the same CA supersedes, a CA that the same CA's later certificate
 * replaces, and what is more than `max`.
 */
size_t tls_context_terms(const struct tls_context *context, struct tls_term *out, size_t max);

/*
 * Adds a finding for what the other end's handshake would refuse about our own certificate, chain
 * and key, except dates. An error: a key of a kind that TLS 1.3 cannot use, a private key that is
 * damaged, a chain that breaks the rules of the handshake. A warning: a chain that leads to none of
 * our own `ca`, or that our own list revokes, as the other end may have others. tls_context_new()
 * does not check this, because a new engine must accept what the last one ran with. Each text
 * begins with "certificate: " or "key: ".
 */
void tls_context_examine(const struct tls_context *context, struct findings *findings);

/*
 * Judges a certificate, with intermediates after it, as the handshake would if a peer showed it.
 * *ret_names are its names even if it would be refused, and *refusal says why; "": it would not.
 * -EINVAL: not PEM, or a name in it is made to deceive, and *problem says which; -ENOMEM.
 */
int tls_context_shown(const struct tls_context *context, const struct view *pem,
	struct peer_names **ret_names, struct problem *refusal, struct problem *problem);

/* The buffer for ciphertext; the caller's memory. */
struct tls_output {
	uint8_t *data;
	size_t capacity;
	size_t len; /* bytes to send; the sender lowers it (memmove or reset) */
};

struct tls;

int tls_new(struct tls_context *context,
	struct tls **ret_tls); /* -ENOMEM; takes a reference to the context */
void tls_free(struct tls *tls);

/*
 * Sets the buffer for the output of the calls below. It may change between any two calls, as a
 * borrowed scratch buffer does. NULL: none; calls that need one return -ENOBUFS.
 */
void tls_set_output(struct tls *tls, struct tls_output *output);

/*
 * Passes received bytes. Allowed only after the previous bytes are consumed. Borrowed: the bytes
 * must stay valid until they are consumed.
 */
void tls_feed(struct tls *tls, const void *data, size_t len);

/*
 * Continues the handshake. 1: done; chain, dates, revocation, ALPN and the purpose
 * of the certificate are right. 0: send the output and feed more. -EPROTO: it failed, and
 * *problem says why; send the output, which may have an alert. -ENOBUFS: the output is full: send
 * it, then call again. A client's handshake is done before the server has checked its certificate:
 * a refusal comes with tls_read().
 */
int tls_handshake(struct tls *tls, struct problem *problem);

/*
 * All names in the peer's certificate, or NULL before the handshake is done. The handshake has
 * checked what the certificate is for; whose it is, the configuration decides by these names
 * (config/settings.h, settings_meet()). The caller may take a reference.
 */
struct peer_names *tls_peer_names(const struct tls *tls);
/* Of the peer's certificate; 0: no handshake yet. */
time_t tls_peer_not_before(const struct tls *tls);
time_t tls_peer_not_after(const struct tls *tls);
/* The earliest end of validity in the peer's chain, CA included; 0: no handshake yet. */
time_t tls_peer_valid_until(const struct tls *tls);
/*
 * After the handshake: a text for a person about an accepted peer, or "". A context gives it to one
 * connection for each issuer without a revocation list, or without a valid one, and for at most TLS_NOTED_MAX issuers.
 * Borrowed: valid as long as the tls object.
 */
const char *tls_peer_notice(const struct tls *tls);

/*
 * The certificates that the peer has sent, kept after its connection, to be judged by another
 * context. Counted references; the functions accept NULL where they say so.
 */
struct tls_peer_chain;

/* After the handshake. At most 32 KiB, usually 1. NULL: no memory, or no handshake yet. */
struct tls_peer_chain *tls_peer_chain_new(const struct tls *tls);
struct tls_peer_chain *tls_peer_chain_ref(struct tls_peer_chain *chain); /* accepts NULL */
void tls_peer_chain_unref(struct tls_peer_chain *chain);                 /* accepts NULL */
/* True: both have the same certificates. */
bool tls_peer_chain_equal(const struct tls_peer_chain *a, const struct tls_peer_chain *b);
/* True: this context has judged the chain last, in the handshake or in tls_context_judge(). */
bool tls_peer_chain_was_judged(
	const struct tls_peer_chain *chain, const struct tls_context *context);
/*
 * A quick look, for the order in which many are judged. True: a list names a certificate of the
 * chain, or no CA of the context has the name of its last issuer. It takes a thousandth of the time
 * of tls_context_judge(), verifies nothing, and may be wrong both ways.
 */
bool tls_context_suspects(const struct tls_context *context, const struct tls_peer_chain *chain);
/*
 * Judges the chain by this context's CAs and lists, as a handshake would, without dates. The chain
 * keeps the result, so one thread at a time, and the same context answers at once the next time. -EKEYREVOKED: the peer's
 * certificate is revoked. -EKEYREJECTED: no CA of the context has issued it, or one of its CAs is
 * revoked. -EACCES: it is refused for another reason. -ENOMEM. On failure *problem says why, the first time.
 */
int tls_context_judge(
	const struct tls_context *context, struct tls_peer_chain *chain, struct problem *problem);

/*
 * "TLS_AES_256_GCM_SHA384", "X25519MLKEM768", or "" before the handshake. Borrowed: valid as long
 * as the tls object.
 */
const char *tls_cipher(const struct tls *tls);
const char *tls_group(const struct tls *tls);

/* The most bytes that tls_write() of `len` can add to the output. */
static inline size_t tls_output_bound(size_t len)
{
	return len + (len / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD + TLS_OUTPUT_SLACK;
}

/*
 * Encrypts all bytes, in full records if possible. -ENOBUFS: less room than tls_output_bound(len);
 * nothing was done. -EPROTO: the connection is broken (tls_read() says why), closed by tls_close(),
 * or not up yet.
 */
int tls_write(struct tls *tls, const void *data, size_t len);

/*
 * Decrypts into `buffer`. 0: *ret_len is at least 1, and several records may be in it. -EAGAIN:
 * feed more. -ENOBUFS: TLS's own answer does not fit into the output: send it, then call again (the
 * fed bytes stay). -EINVAL: `capacity` is 0. -EPIPE: the peer closed its direction properly
 * (close_notify). -EPROTO: broken; *problem says why.
 */
int tls_read(
	struct tls *tls, void *buffer, size_t capacity, size_t *ret_len, struct problem *problem);

/* Puts close_notify into the output. Idempotent; ignores errors. */
void tls_close(struct tls *tls);

/* Releases OpenSSL's own record buffers until their next use. For idle lanes. */
void tls_release_buffers(struct tls *tls);

#endif
