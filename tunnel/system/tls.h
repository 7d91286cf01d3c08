/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_H
#define CULVERT_SYSTEM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"
#include "base/identity.h"
#include "base/problem.h"

/*
 * TLS 1.3 over memory. A tls object knows no socket: whoever owns it feeds it the bytes that
 * arrived and sends what it put into the output buffer. So one recv(2) serves many records, many
 * records leave with one send(2), and a buffer belongs to the worker, not to the connection. The
 * only module that calls OpenSSL.
 *
 * A context is immutable after tls_context_new and may be shared by threads; a tls object belongs
 * to one thread at a time.
 *
 * Reading and writing never block and never need a retry with the same arguments: tls_write is only
 * allowed when the output has room for tls_output_bound() of it, and then it takes everything.
 */

enum tls_role { TLS_CLIENT, TLS_SERVER };

enum {
	TLS_RECORD_MAX = 16384,   /* plaintext bytes in a full record, RFC 8446, 5.1 */
	TLS_RECORD_OVERHEAD = 22, /* header 5, content type 1, tag 16 */
	TLS_OUTPUT_SLACK = 1024,  /* what a write may add besides its records: a key update */
	TLS_OUTPUT_HANDSHAKE =
		65536, /* an output of this size holds any handshake flight of ours */
};

struct tls_material {            /* PEM text, borrowed during tls_context_new only */
	struct view certificate; /* leaf first, then intermediates */
	struct view key;
	struct view ca;
	struct view crl; /* len 0: none configured, none checked */
	/* A certificate of the chain whose issuer has no list in crl is refused; else it is let in,
	 * with words in tls_peer_notice(). */
	bool crl_strict;
	/* The key is not looked into; all else is checked, and the context is for nothing but that. */
	bool key_locked;
};

struct tls_context;

/*
 * -EINVAL: the material does not do; `problem` says which part, why, and what mends it (not PEM;
 * key and certificate do not match; passphrase-protected key; own certificate not
 * for this role, or without a proper identity; CRL of a name in ca, but not of its key; crl_strict and
 * a CA without a list). A list of an issuer that is not in ca is taken for an intermediate's, and
 * judged in a handshake. -ENOMEM.
 */
int tls_context_new(enum tls_role role, const struct tls_material *material,
	struct tls_context **ret_context, struct problem *problem);
/* Counted: the context goes with its last tls object. Any thread. NULL is fine. */
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);
/* The identity in our own certificate, and the end of its validity. */
const struct identity *tls_context_identity(const struct tls_context *context);
time_t tls_context_not_after(const struct tls_context *context);

/*
 * Are our own certificate, the CAs that came with it and the revocation lists valid by this host's
 * clock now? Of the lists of one CA, one has to be. tls_context_new() does not ask: a clock is set
 * after a start, and a new engine must not refuse what the one before it runs with. -EINVAL, with
 * words.
 */
int tls_context_check_dates(const struct tls_context *context, struct problem *problem);

struct tls_output { /* where ciphertext goes; the caller's memory */
	uint8_t *data;
	size_t capacity;
	size_t len; /* bytes waiting to be sent; the sender lowers it (memmove or resets) */
};

struct tls;

int tls_new(struct tls_context *context,
	struct tls **ret_tls); /* -ENOMEM; takes a reference to the context */
void tls_free(struct tls *tls);

/*
 * Names the buffer that everything below writes to; it may change between any two calls (a borrowed
 * scratch buffer). NULL: none, calls that need one return -ENOBUFS.
 */
void tls_set_output(struct tls *tls, struct tls_output *output);

/*
 * Hands over received bytes. Only when the last ones are consumed. They stay
 * the caller's and must live until consumed.
 */
void tls_feed(struct tls *tls, const void *data, size_t len);

/*
 * Drives the handshake on. 1: done; chain, dates, revocation, ALPN and the rules of
 * tls_peer_identity have held. 0: feed more, and send what is in the output. -EPROTO: it failed,
 * `problem` says why; an alert may be in the output: send it. -ENOBUFS: output full: flush, then
 * call again. A client's handshake is done before the server has judged its certificate: a refusal
 * comes with tls_read.
 */
int tls_handshake(struct tls *tls, struct problem *problem);

/*
 * The other end's identity by Culvert's own rules (exactly one DNS SAN and no other name, or the
 * one CN where there is no SAN; right characters; right purpose with an extended key usage; not a
 * CA). Call after the handshake and before parsing anything; the handshake has checked the rules
 * already, so that the other end got an alert. -EACCES: no handshake yet, or `problem` names the
 * rule that is broken.
 */
int tls_peer_identity(
	const struct tls *tls, struct identity *ret_identity, struct problem *problem);
time_t tls_peer_not_after(const struct tls *tls);
/* When the first certificate of the peer's chain ends, the CA's included; 0: no handshake yet. */
time_t tls_peer_valid_until(const struct tls *tls);
/*
 * After the handshake: what a person should know about a peer that was let in, "" for nothing. Said
 * to one connection of the context for each issuer without a revocation list, and of no more than
 * TLS_NOTED_MAX issuers. Lives as long as the tls object.
 */
const char *tls_peer_notice(const struct tls *tls);
/*
 * "TLS_AES_256_GCM_SHA384", "X25519MLKEM768"; live as long as the tls object; "" before the
 * handshake.
 */
const char *tls_cipher(const struct tls *tls);
const char *tls_group(const struct tls *tls);

/* Most bytes that tls_write of `len` can add to the output. */
static inline size_t tls_output_bound(size_t len)
{
	return len + (len / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD + TLS_OUTPUT_SLACK;
}

/*
 * Encrypts all of it, in full records as far as it goes. -ENOBUFS: less room than
 * tls_output_bound(len), nothing was done. -EPROTO: the connection is broken (tls_read says why),
 * closed by tls_close, or not up yet.
 */
int tls_write(struct tls *tls, const void *data, size_t len);

/*
 * Decrypts into `buffer`; 0 and *ret_len >= 1: as much as was there and fits (several records).
 * -EAGAIN: feed more. -ENOBUFS: an answer of TLS's own does not fit into the output: flush, then
 * call again (what was fed stays). -EINVAL: a capacity of 0. -EPIPE: the peer ended its direction
 * properly (close_notify). -EPROTO: broken; `problem` says why.
 */
int tls_read(
	struct tls *tls, void *buffer, size_t capacity, size_t *ret_len, struct problem *problem);

/* Puts close_notify into the output. Idempotent; errors do not matter any more. */
void tls_close(struct tls *tls);

/*
 * Gives OpenSSL's own record buffers back; they return with the next use. For lanes that have gone
 * idle.
 */
void tls_release_buffers(struct tls *tls);

#endif
