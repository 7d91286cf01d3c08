/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TLS connection over memory. OpenSSL reads the fed bytes and writes to the set output buffer
 * through the BIO in tls_bio.c. This file ensures that a write never stops half-way and that the
 * thread's error queue ends empty. It also renews keys in time and limits the peer's messages of
 * TLS's own.
 *
 * A tls object belongs to one thread at a time, its worker's.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

enum {
	/*
	 * AES-GCM's limit is 2^24.5 full records under one key (RFC 8446, 5.5). This is a sixth of
	 * it, 64 GiB, and costs nothing.
	 */
	TLS_KEY_UPDATE_RECORDS = 1 << 22,
	/*
	 * The limit for messages of TLS's own (key updates) from the peer after the handshake: a
	 * burst, and one more for each TLS_POST_HANDSHAKE_RECORDS of data. Each costs us a key
	 * derivation and may request an answer.
	 */
	TLS_POST_HANDSHAKE_BURST = 32,
	TLS_POST_HANDSHAKE_RECORDS = 1024,
};

/* ---- life ---- */

/*
 * Sees every TLS message before OpenSSL handles it. It cannot refuse one, so it sets a flag for the
 * BIO.
 */
static void watch_messages(int is_write, int version, int content_type, const void *data,
	size_t len, SSL *ssl, void *arg)
{
	struct tls *tls = arg;

	(void)version;
	(void)data;
	(void)len;
	(void)ssl;
	if (is_write || !tls->established || content_type != SSL3_RT_HANDSHAKE)
		return;
	tls->post_handshake_messages++;
	if (tls->post_handshake_messages >
		TLS_POST_HANDSHAKE_BURST + tls->records_read / TLS_POST_HANDSHAKE_RECORDS)
		tls->flooded = true;
}

int tls_new(struct tls_context *context, struct tls **ret_tls)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return -ENOMEM;
	ERR_clear_error();
	tls->context = tls_context_ref(context);
	tls->key_update_records = TLS_KEY_UPDATE_RECORDS;
	tls->ssl = SSL_new(context->ssl_context);
	if (!tls->ssl || SSL_set_app_data(tls->ssl, tls) != 1 || tls_bio_attach(tls) != 0) {
		ERR_clear_error();
		tls_free(tls);
		return -ENOMEM;
	}
	SSL_set_msg_callback(tls->ssl, watch_messages);
	SSL_set_msg_callback_arg(tls->ssl, tls);
	if (context->role == TLS_SERVER)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	*ret_tls = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	free(tls->notice);
	peer_names_unref(tls->names);
	tls_context_unref(tls->context);
	free(tls);
}

void tls_set_output(struct tls *tls, struct tls_output *output)
{
	tls->output = output;
}

void tls_feed(struct tls *tls, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	/* Keeps the first bytes, for the error text if they are not TLS. */
	for (size_t i = 0; i < len && tls->opening_len < sizeof(tls->opening); i++)
		tls->opening[tls->opening_len++] = bytes[i];
	reader_init(&tls->input, data, len);
}

/* ---- failing ---- */

/* Ends the connection for good. The first cause is the one that is reported. */
static void break_connection(struct tls *tls)
{
	if (!tls->broken && tls->flooded)
		problem_set(&tls->problem,
			"the other end broke the protocol: key update flood (%llu TLS messages "
			"of its own in %llu records)",
			(unsigned long long)tls->post_handshake_messages,
			(unsigned long long)tls->records_read);
	else if (!tls->broken && tls->problem.text[0] == '\0')
		tls_text_connection(tls, &tls->problem);
	tls->broken = true;
	ERR_clear_error();
}

static int report_broken(const struct tls *tls, struct problem *problem)
{
	if (problem)
		*problem = tls->problem;
	return -EPROTO;
}

/* ---- handshake ---- */

static bool has_alpn(const struct tls *tls)
{
	const unsigned char *name;
	unsigned int len;

	SSL_get0_alpn_selected(tls->ssl, &name, &len);
	return len == sizeof(TLS_ALPN_NAME) - 1 && memcmp(name, TLS_ALPN_NAME, len) == 0;
}

/* OpenSSL's releases spell the old groups differently; new groups have one spelling. */
static void note_group(struct tls *tls)
{
	int nid = (int)SSL_get_negotiated_group(tls->ssl);
	const char *name;

	if (nid == NID_X25519)
		name = "X25519";
	else if (nid == NID_X9_62_prime256v1)
		name = "P-256";
	else
		name = SSL_group_to_name(tls->ssl, nid);
	snprintf(tls->group, sizeof(tls->group), "%s", name ? name : "");
	ERR_clear_error();
}

static int finish_handshake(struct tls *tls, struct problem *problem)
{
	if (!has_alpn(tls)) {
		problem_set(&tls->problem,
			"the other end speaks TLS but not %s: another program, or another version "
			"of culvert, answers there",
			TLS_ALPN_NAME);
		break_connection(tls);
		return report_broken(tls, problem);
	}
	note_group(tls);
	tls->established = true;
	return 1;
}

int tls_handshake(struct tls *tls, struct problem *problem)
{
	int result;

	if (tls->broken)
		return report_broken(tls, problem);
	if (tls->established)
		return 1;
	ERR_clear_error();
	result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return finish_handshake(tls, problem);
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		ERR_clear_error();
		return 0;
	case SSL_ERROR_WANT_WRITE:
		ERR_clear_error();
		return -ENOBUFS;
	case SSL_ERROR_ZERO_RETURN:
		problem_set(&tls->problem,
			"the other end closed the connection during the TLS handshake");
		break;
	default:
		break;
	}
	break_connection(tls);
	return report_broken(tls, problem);
}

/* ---- the peer's identity ---- */

struct peer_names *tls_peer_names(const struct tls *tls)
{
	return tls->established ? tls->names : NULL;
}

time_t tls_peer_not_before(const struct tls *tls)
{
	X509 *leaf = SSL_get0_peer_certificate(tls->ssl);
	time_t not_before = 0;

	if (leaf)
		(void)tls_time(X509_get0_notBefore(leaf), &not_before);
	return not_before;
}

time_t tls_peer_not_after(const struct tls *tls)
{
	X509 *leaf = SSL_get0_peer_certificate(tls->ssl);
	time_t not_after = 0;

	if (leaf)
		(void)tls_time(X509_get0_notAfter(leaf), &not_after);
	return not_after;
}

time_t tls_peer_valid_until(const struct tls *tls)
{
	STACK_OF(X509) *chain = tls->established ? SSL_get0_verified_chain(tls->ssl) : NULL;
	time_t until = 0;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		time_t one = 0;

		(void)tls_time(X509_get0_notAfter(sk_X509_value(chain, i)), &one);
		if (one != 0 && (until == 0 || one < until))
			until = one;
	}
	return until;
}

const char *tls_peer_notice(const struct tls *tls)
{
	return tls->notice ? tls->notice : "";
}

const char *tls_cipher(const struct tls *tls)
{
	return tls->established ? SSL_get_cipher_name(tls->ssl) : "";
}

const char *tls_group(const struct tls *tls)
{
	return tls->group;
}

/* ---- data ---- */

/*
 * Announces a new sending key with the next write. On failure an answer of OpenSSL's is still being
 * sent, and a later call tries again.
 */
static void renew_key(struct tls *tls)
{
	if (tls->records_written >= tls->key_update_records &&
		SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
		tls->records_written = 0;
}

int tls_write(struct tls *tls, const void *data, size_t len)
{
	size_t room = tls->output ? tls->output->capacity - tls->output->len : 0;
	size_t written = 0;

	if (tls->broken || !tls->established || tls->closed)
		return -EPROTO;
	if (len == 0)
		return 0;
	if (len > room || tls_output_bound(len) > room)
		return -ENOBUFS;
	ERR_clear_error();
	renew_key(tls);
	/* The output has room, so OpenSSL stops half-way only for an error. */
	if (SSL_write_ex(tls->ssl, data, len, &written) != 1 || written != len) {
		break_connection(tls);
		return -EPROTO;
	}
	tls->records_written += len / TLS_RECORD_MAX + (len % TLS_RECORD_MAX != 0);
	ERR_clear_error();
	return 0;
}

/* Translates a failed SSL_read_ex; `result` is its return value. */
static int read_error(struct tls *tls, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	if (tls->flooded)
		error = SSL_ERROR_SSL;
	switch (error) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return -ENOBUFS;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	default:
		break_connection(tls);
		return -EPROTO;
	}
}

int tls_read(
	struct tls *tls, void *buffer, size_t capacity, size_t *ret_len, struct problem *problem)
{
	struct tls_output text = { .data = buffer, .capacity = capacity };
	int error = 0;

	if (tls->broken)
		return report_broken(tls, problem);
	if (!tls->established) {
		problem_set(problem, "the TLS handshake is not done");
		return -EPROTO;
	}
	if (capacity == 0)
		return -EINVAL;
	ERR_clear_error();
	while (error == 0 && text.len < text.capacity) {
		size_t got = 0;
		int result = SSL_read_ex(
			tls->ssl, &text.data[text.len], text.capacity - text.len, &got);

		if (result == 1) {
			text.len += got;
			tls->records_read++;
		} else {
			error = read_error(tls, result);
		}
	}
	ERR_clear_error();
	/* Data before an error is returned first; the next call gets the error. */
	if (text.len > 0) {
		*ret_len = text.len;
		return 0;
	}
	return error == -EPROTO ? report_broken(tls, problem) : error;
}

void tls_close(struct tls *tls)
{
	if (tls->broken || tls->closed || !tls->established)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	tls->closed = true;
	ERR_clear_error();
}

void tls_release_buffers(struct tls *tls)
{
	if (tls->established && !tls->broken)
		(void)SSL_free_buffers(tls->ssl); /* rightly refused while a record is incomplete */
}
