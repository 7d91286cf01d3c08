/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* The handshake, and contexts that connections share. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

/* ---- handshake ---- */

/* The hybrid group comes first wherever the library has it. */
static const char *best_group(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	bool is_known = SSL_CTX_set1_groups_list(context, "X25519MLKEM768") == 1;

	SSL_CTX_free(context);
	ERR_clear_error();
	return is_known ? "X25519MLKEM768" : "X25519";
}

START_TEST(handshake)
{
	struct end *client, *server;
	struct problem problem = { "" };

	ends_connect(&client, &server);
	ck_assert_str_eq(tls_cipher(client->tls), "TLS_AES_256_GCM_SHA384");
	ck_assert_str_eq(tls_cipher(server->tls), "TLS_AES_256_GCM_SHA384");
	ck_assert_str_eq(tls_group(client->tls), best_group());
	ck_assert_str_eq(tls_group(server->tls), best_group());
	ck_assert_str_eq(tls_peer_names(client->tls)->plain.name, "hub");
	ck_assert_str_eq(tls_peer_names(server->tls)->plain.name, "branch-a");
	ck_assert_int_eq(
		tls_peer_not_after(client->tls), tls_context_not_after(pki.server_context));
	ck_assert_int_eq(tls_handshake(client->tls, &problem), 1);
	ends_free(client, server);
}
END_TEST

START_TEST(before_the_handshake)
{
	struct end *client = end_new(pki.client_context);
	struct problem problem = { "" };
	uint8_t byte = 0;
	size_t got;

	ck_assert_str_eq(tls_cipher(client->tls), "");
	ck_assert_str_eq(tls_group(client->tls), "");
	ck_assert_int_eq(tls_write(client->tls, &byte, 1), -EPROTO);
	ck_assert_int_eq(tls_read(client->tls, &byte, 1, &got, &problem), -EPROTO);
	ck_assert_ptr_null(tls_peer_names(client->tls));
	ck_assert_uint_eq(client->output.len, 0);
	tls_set_output(client->tls, NULL);
	ck_assert_int_eq(tls_handshake(client->tls, &problem), -ENOBUFS);
	end_free(client);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
	struct end *client = end_new(pki.client_context), *server = end_new(pki.server_context);

	client->chunk = server->chunk = 1;
	ends_converse(client, server);
	ck_assert(client->established && server->established);
	ck_assert_int_eq(tls_write(client->tls, "abc", 3), 0);
	ends_converse(client, server);
	ck_assert_uint_eq(server->plain_len, 3);
	ck_assert_mem_eq(server->plain, "abc", 3);
	ends_free(client, server);
}
END_TEST

START_TEST(handshake_through_a_small_output)
{
	struct end *client = end_new(pki.client_context), *server = end_new(pki.server_context);
	bool was_full = false;

	client->output.capacity = server->output.capacity = 100;
	for (int i = 0; i < 200 && !(client->established && server->established); i++) {
		ends_converse(client, server);
		was_full = was_full || server->is_full;
	}
	ck_assert(client->established && server->established);
	ck_assert_int_eq(client->error, 0);
	ck_assert_int_eq(server->error, 0);
	ends_free(client, server);
}
END_TEST

START_TEST(handshake_full_output_is_told)
{
	struct end *client = end_new(pki.client_context);

	client->output.capacity = 100;
	end_step(client);
	ck_assert(client->is_full);
	ck_assert_uint_eq(client->output.len, 100);
	end_free(client);
}
END_TEST

START_TEST(flight_fits_the_documented_output)
{
	struct end *client = end_new(pki.client_context), *server = end_new(pki.server_context);

	client->output.capacity = server->output.capacity = TLS_OUTPUT_HANDSHAKE;
	ends_converse(client, server);
	ck_assert(client->established && server->established);
	ck_assert(!client->is_full && !server->is_full);
	ends_free(client, server);
}
END_TEST

START_TEST(small_group)
{
	struct end *client = end_new_raw(false, &pki.client_pair,
		&(struct fixture_raw_options){ .alpn = ALPN_WIRE, .groups = "P-256" });
	struct end *server = end_new(pki.server_context);

	ends_converse(client, server);
	ck_assert(server->established);
	ck_assert_str_eq(tls_group(server->tls), "P-256");
	ends_free(client, server);
}
END_TEST

START_TEST(no_common_group)
{
	struct end *client = end_new_raw(false, &pki.client_pair,
		&(struct fixture_raw_options){ .alpn = ALPN_WIRE, .groups = "P-384" });
	struct end *server = end_new(pki.server_context);

	ends_converse(client, server);
	ck_assert_int_eq(server->error, -EPROTO);
	end_assert_says(server, "none of our key exchange groups");
	ck_assert_int_eq(client->raw.alert_received, SSL_AD_HANDSHAKE_FAILURE);
	ends_free(client, server);
}
END_TEST

START_TEST(no_session_ticket)
{
	struct end *client = end_new_raw(
		false, &pki.client_pair, &(struct fixture_raw_options){ .alpn = ALPN_WIRE });
	struct end *server = end_new(pki.server_context);

	ends_converse(client, server);
	ck_assert(client->established && server->established);
	ck_assert_int_eq(SSL_SESSION_is_resumable(SSL_get0_session(client->raw.ssl)), 0);
	ends_free(client, server);
}
END_TEST

/* ---- threads ---- */

static void *shake_hands(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++) {
		struct end *client, *server;

		ends_connect(&client, &server);
		ends_free(client, server);
	}
	return NULL;
}

START_TEST(contexts_are_shared)
{
	pthread_t threads[2];

	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, shake_hands, NULL), 0);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

START_TEST(context_goes_with_its_last_connection)
{
	struct tls_context *context = fixture_context(TLS_CLIENT, &pki.client_pair, &pki.ca, NULL);
	struct end *client = end_new(context), *server = end_new(pki.server_context);

	tls_context_unref(context);
	ends_converse(client, server);
	ck_assert(client->established);
	ends_free(client, server);
	tls_context_unref(NULL);
	ck_assert_ptr_null(tls_context_ref(NULL));
	tls_free(NULL);
}
END_TEST

static Suite *suite(void)
{
	const TTest *shaking[] = { handshake, before_the_handshake, one_byte_at_a_time,
		handshake_through_a_small_output, handshake_full_output_is_told,
		flight_fits_the_documented_output, small_group, no_common_group,
		no_session_ticket };
	const TTest *sharing[] = { contexts_are_shared, context_goes_with_its_last_connection };
	Suite *made = suite_create("tls");

	pki_add(made, "handshake", shaking, ARRAY_SIZE(shaking));
	pki_add(made, "sharing", sharing, ARRAY_SIZE(sharing));
	return made;
}

int main(void)
{
	return unit_run("tls", suite());
}
