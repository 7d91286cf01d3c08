/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tls_ends.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "system/tls_internal.h"
#include "tests/unit/unit.h"

static struct end *end_alloc(void)
{
	struct end *end = calloc(1, sizeof(*end));

	ck_assert_ptr_nonnull(end);
	end->output = (struct tls_output){ .data = end->output_memory, .capacity = END_OUTPUT_MAX };
	return end;
}

struct end *end_new(struct tls_context *context)
{
	struct end *end = end_alloc();

	ck_assert_int_eq(tls_new(context, &end->tls), 0);
	tls_set_output(end->tls, &end->output);
	return end;
}

struct end *end_new_raw(
	bool is_server, const struct fixture_pair *pair, const struct fixture_raw_options *options)
{
	struct end *end = end_alloc();

	end->is_raw = true;
	fixture_raw_init(&end->raw, is_server, pair, options);
	return end;
}

void end_free(struct end *end)
{
	tls_free(end->tls);
	if (end->is_raw)
		fixture_raw_free(&end->raw);
	free(end);
}

void end_receive(struct end *end, const void *data, size_t len)
{
	ck_assert_uint_le(len, END_PENDING_MAX - end->pending_len);
	memcpy(&end->pending[end->pending_len], data, len);
	end->pending_len += len;
}

/* ---- a plain end ---- */

static void raw_read_output(struct end *end)
{
	size_t got;

	while (BIO_read_ex(end->raw.out, &end->output.data[end->output.len],
		       end->output.capacity - end->output.len, &got) == 1)
		end->output.len += got;
}

static void raw_step(struct end *end)
{
	size_t done = 0;
	int result;

	if (end->pending_len > 0)
		ck_assert_int_eq(
			BIO_write_ex(end->raw.in, end->pending, end->pending_len, &done), 1);
	end->pending_len = 0;
	if (!end->established)
		end->established = SSL_do_handshake(end->raw.ssl) == 1;
	while (end->established &&
		SSL_read_ex(end->raw.ssl, &end->plain[end->plain_len],
			END_PLAIN_MAX - end->plain_len, &done) == 1)
		end->plain_len += done;
	result = SSL_get_error(end->raw.ssl, -1);
	if (result == SSL_ERROR_SSL)
		end->error = -EPROTO;
	else if (result == SSL_ERROR_ZERO_RETURN)
		end->error = -EPIPE;
	ERR_clear_error();
	raw_read_output(end);
}

/* ---- one of ours ---- */

static void feed(struct end *end)
{
	size_t len = end->pending_len;

	if (reader_left(&end->tls->input) > 0 || len == 0)
		return;
	if (end->chunk > 0 && end->chunk < len)
		len = end->chunk;
	memcpy(end->fed, end->pending, len);
	end->pending_len -= len;
	memmove(end->pending, &end->pending[len], end->pending_len);
	tls_feed(end->tls, end->fed, len);
}

/* One call; returns what it returned, with success as 0. */
static int advance(struct end *end)
{
	size_t got = 0;
	int result;

	if (!end->established) {
		result = tls_handshake(end->tls, &end->problem);
		end->established = result == 1;
		return result == 0 ? -EAGAIN : result == 1 ? 0 : result;
	}
	result = tls_read(end->tls, &end->plain[end->plain_len], END_PLAIN_MAX - end->plain_len,
		&got, &end->problem);
	ck_assert(result != 0 || got > 0);
	end->plain_len += got;
	return result;
}

static void own_step(struct end *end)
{
	int result;

	end->is_full = false;
	do {
		feed(end);
		result = advance(end);
		/* The error queue is the thread's, and others use it. */
		ck_assert_uint_eq(ERR_peek_error(), 0);
	} while (result == 0 || (result == -EAGAIN && end->pending_len > 0));
	if (result == -ENOBUFS)
		end->is_full = true;
	else if (result != -EAGAIN)
		end->error = result;
}

void end_step(struct end *end)
{
	if (end->is_raw)
		raw_step(end);
	else
		own_step(end);
}

static bool move(struct end *from, struct end *to)
{
	size_t len = from->output.len;

	end_receive(to, from->output.data, len);
	from->output.len = 0;
	return len > 0;
}

void ends_converse(struct end *a, struct end *b)
{
	bool moved;

	do {
		end_step(a);
		moved = move(a, b);
		end_step(b);
		moved = move(b, a) || moved;
	} while (moved);
}

/* ---- what most test files share ---- */

const struct fixture_raw_options raw_plain = { .alpn = ALPN_WIRE };
struct pki pki;

void pki_set_up(void)
{
	pki.ca = fixture_ca("Test CA");
	pki.client_pair = fixture_client(&pki.ca, "branch-a");
	pki.server_pair = fixture_server(&pki.ca, "hub");
	pki.client_context = fixture_context(TLS_CLIENT, &pki.client_pair, &pki.ca, NULL);
	pki.server_context = fixture_context(TLS_SERVER, &pki.server_pair, &pki.ca, NULL);
}

void pki_tear_down(void)
{
	tls_context_unref(pki.client_context);
	tls_context_unref(pki.server_context);
	fixture_free(&pki.ca);
	fixture_free(&pki.client_pair);
	fixture_free(&pki.server_pair);
}

void pki_add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
	(void)unit_add_case(suite, name, pki_set_up, pki_tear_down, tests, count);
}

void ends_connect(struct end **ret_client, struct end **ret_server)
{
	struct end *client = end_new(pki.client_context), *server = end_new(pki.server_context);

	ends_converse(client, server);
	ck_assert_msg(client->established, "client: %s", client->problem.text);
	ck_assert_msg(server->established, "server: %s", server->problem.text);
	ck_assert_int_eq(client->error, 0);
	ck_assert_int_eq(server->error, 0);
	*ret_client = client;
	*ret_server = server;
}

void ends_free(struct end *a, struct end *b)
{
	end_free(a);
	end_free(b);
}

void end_assert_says(const struct end *end, const char *words)
{
	ck_assert_msg(strstr(end->problem.text, words) != NULL, "\"%s\" lacks \"%s\"",
		end->problem.text, words);
	for (const char *c = end->problem.text; *c != '\0'; c++)
		ck_assert_msg(*c >= ' ' && *c <= '~', "unprintable: %s", end->problem.text);
}

void end_assert_refuses(struct tls_context *ours, bool as_server, const struct fixture_pair *pair,
	const char *words, int alert)
{
	struct end *end = end_new(ours);
	struct end *other = end_new_raw(as_server, pair, &raw_plain);

	ends_converse(other, end);
	ck_assert_msg(end->error == -EPROTO, "accepted, instead of: %s", words);
	ck_assert(!end->established);
	end_assert_says(end, words);
	ck_assert_int_eq(other->raw.alert_received, alert);
	ends_free(end, other);
}
