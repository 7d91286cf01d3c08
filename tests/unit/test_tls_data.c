/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Dozens of handshakes: half a minute there, nearly all of it in libcrypto; test_tls has some, the sanitizers see all. */
/* Data both ways, its bounds, closing, and key updates. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "system/tls_internal.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

static void fill(uint8_t *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 131 + (i >> 8) * 7 + seed);
}

/* ---- data ---- */

START_TEST(data_in_odd_sizes)
{
	static const size_t sizes[] = { 1, 2, 1499, 16383, 16384, 16385, 32768, 65535, 100001 };
	static uint8_t data[100001];
	struct end *client, *server;

	ends_connect(&client, &server);
	client->chunk = 7001;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(data, sizes[i], (unsigned)i);
		client->plain_len = server->plain_len = 0;
		ck_assert_int_eq(tls_write(client->tls, data, sizes[i]), 0);
		ck_assert_int_eq(tls_write(server->tls, data, sizes[i]), 0);
		ends_converse(client, server);
		ck_assert_uint_eq(client->plain_len, sizes[i]);
		ck_assert_uint_eq(server->plain_len, sizes[i]);
		ck_assert_mem_eq(client->plain, data, sizes[i]);
		ck_assert_mem_eq(server->plain, data, sizes[i]);
	}
	ends_free(client, server);
}
END_TEST

START_TEST(read_into_small_buffers)
{
	static uint8_t data[40000], back[40000];
	struct end *client, *server;
	struct problem problem = { "" };
	size_t len = 0, got = 0;

	ends_connect(&client, &server);
	fill(data, sizeof(data), 5);
	ck_assert_int_eq(tls_write(client->tls, data, sizeof(data)), 0);
	tls_feed(server->tls, client->output.data, client->output.len);
	while (len < sizeof(back)) {
		size_t want = sizeof(back) - len < 333 ? sizeof(back) - len : 333;

		ck_assert_int_eq(tls_read(server->tls, &back[len], want, &got, &problem), 0);
		ck_assert(got >= 1 && got <= want);
		len += got;
	}
	ck_assert_mem_eq(back, data, sizeof(data));
	ck_assert_int_eq(tls_read(server->tls, back, 1, &got, &problem), -EAGAIN);
	ck_assert_uint_eq(reader_left(&server->tls->input), 0);
	ends_free(client, server);
}
END_TEST

START_TEST(write_keeps_to_its_bound)
{
	static const size_t sizes[] = { 1, 16384, 16385, 100000 };
	static uint8_t data[100000];
	struct end *client, *server;

	ends_connect(&client, &server);
	client->tls->key_update_records = 1; /* one with every write: the worst case */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t bound = tls_output_bound(sizes[i]);

		fill(data, sizes[i], (unsigned)i);
		client->output.capacity = bound - 1;
		ck_assert_int_eq(tls_write(client->tls, data, sizes[i]), -ENOBUFS);
		ck_assert_uint_eq(client->output.len, 0);
		client->output.capacity = bound;
		ck_assert_int_eq(tls_write(client->tls, data, sizes[i]), 0);
		ck_assert_uint_le(client->output.len, bound);
		server->plain_len = 0;
		ends_converse(client, server);
		ck_assert_uint_eq(server->plain_len, sizes[i]);
		ck_assert_mem_eq(server->plain, data, sizes[i]);
	}
	tls_set_output(client->tls, NULL);
	ck_assert_int_eq(tls_write(client->tls, data, 1), -ENOBUFS);
	ck_assert_int_eq(tls_write(client->tls, data, 0), 0);
	ends_free(client, server);
}
END_TEST

START_TEST(records_are_full)
{
	static uint8_t data[5 * TLS_RECORD_MAX];
	struct end *client, *server;

	ends_connect(&client, &server);
	ck_assert_int_eq(tls_write(client->tls, data, sizeof(data)), 0);
	ck_assert_uint_eq(client->output.len, 5 * (TLS_RECORD_MAX + TLS_RECORD_OVERHEAD));
	ends_free(client, server);
}
END_TEST

START_TEST(changed_data)
{
	struct end *client, *server;

	ends_connect(&client, &server);
	ck_assert_int_eq(tls_write(client->tls, "one", 3), 0);
	ck_assert_int_eq(tls_write(client->tls, "two", 3), 0);
	client->output.data[client->output.len - 1] ^= 1;
	ends_converse(client, server);
	/* What came whole is handed over before the error is told. */
	ck_assert_uint_eq(server->plain_len, 3);
	ck_assert_int_eq(server->error, -EPROTO);
	end_assert_says(server, "does not decrypt");
	ck_assert_int_eq(client->error, -EPROTO);
	end_assert_says(client, "the other end received data that does not decrypt");
	ck_assert_int_eq(tls_write(server->tls, "x", 1), -EPROTO);
	ends_free(client, server);
}
END_TEST

START_TEST(half_a_record)
{
	struct end *client, *server;
	size_t len;

	ends_connect(&client, &server);
	ck_assert_int_eq(tls_write(client->tls, "whole", 5), 0);
	len = client->output.len;
	end_receive(server, client->output.data, len - 3);
	end_step(server);
	ck_assert_uint_eq(server->plain_len, 0);
	ck_assert_int_eq(server->error, 0);
	tls_release_buffers(server->tls); /* must not lose the half that is there */
	end_receive(server, &client->output.data[len - 3], 3);
	end_step(server);
	ck_assert_uint_eq(server->plain_len, 5);
	ck_assert_mem_eq(server->plain, "whole", 5);
	ends_free(client, server);
}
END_TEST

START_TEST(closing)
{
	struct end *client, *server;

	ends_connect(&client, &server);
	ck_assert_int_eq(tls_write(client->tls, "last", 4), 0);
	tls_close(client->tls);
	tls_close(client->tls);
	ck_assert_int_eq(tls_write(client->tls, "x", 1), -EPROTO);
	ends_converse(client, server);
	ck_assert_uint_eq(server->plain_len, 4);
	ck_assert_int_eq(server->error, -EPIPE);
	/* The other direction is still open. */
	ck_assert_int_eq(client->error, 0);
	ck_assert_int_eq(tls_write(server->tls, "bye", 3), 0);
	tls_close(server->tls);
	ends_converse(client, server);
	ck_assert_uint_eq(client->plain_len, 3);
	ck_assert_int_eq(client->error, -EPIPE);
	ends_free(client, server);
}
END_TEST

START_TEST(released_buffers_come_back)
{
	static uint8_t data[50000];
	struct end *client, *server;

	ends_connect(&client, &server);
	fill(data, sizeof(data), 9);
	for (int i = 0; i < 3; i++) {
		tls_release_buffers(client->tls);
		tls_release_buffers(server->tls);
		tls_release_buffers(server->tls);
		server->plain_len = client->plain_len = 0;
		ck_assert_int_eq(tls_write(client->tls, data, sizeof(data)), 0);
		ck_assert_int_eq(tls_write(server->tls, data, 1), 0);
		ends_converse(client, server);
		ck_assert_uint_eq(server->plain_len, sizeof(data));
		ck_assert_mem_eq(server->plain, data, sizeof(data));
		ck_assert_uint_eq(client->plain_len, 1);
	}
	ends_free(client, server);
}
END_TEST

/* ---- key updates ---- */

static void request_key_update(struct end *raw)
{
	ck_assert_int_eq(SSL_key_update(raw->raw.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	ck_assert_int_eq(SSL_do_handshake(raw->raw.ssl), 1);
}

static void connect_raw(struct end **client, struct end **server)
{
	*client = end_new_raw(
		false, &pki.client_pair, &(struct fixture_raw_options){ .alpn = ALPN_WIRE });
	*server = end_new(pki.server_context);
	ends_converse(*client, *server);
	ck_assert((*client)->established && (*server)->established);
}

START_TEST(own_key_updates)
{
	static uint8_t data[2 * TLS_RECORD_MAX];
	struct end *client, *server;

	connect_raw(&client, &server);
	server->tls->key_update_records = 4;
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(tls_write(server->tls, data, sizeof(data)), 0);
	ends_converse(client, server);
	/* 20 records, and the key is renewed before the 5th, 9th, 13th and 17th. */
	ck_assert_uint_eq(client->raw.key_updates_received, 4);
	ck_assert_uint_eq(client->plain_len, 10 * sizeof(data));
	ends_free(client, server);
}
END_TEST

START_TEST(key_update_flood)
{
	struct end *client, *server;

	connect_raw(&client, &server);
	for (int i = 0; i < 200; i++)
		request_key_update(client);
	ends_converse(client, server);
	ck_assert_int_eq(server->error, -EPROTO);
	end_assert_says(server, "key update flood");
	ck_assert_uint_le(client->raw.key_updates_received, 40);
	ck_assert_int_eq(tls_write(server->tls, "x", 1), -EPROTO);
	ends_free(client, server);
}
END_TEST

START_TEST(key_updates_with_data_are_no_flood)
{
	struct end *client, *server;
	size_t done;

	connect_raw(&client, &server);
	for (int i = 0; i < 60; i++) {
		for (int j = 0; j < 1024; j++)
			ck_assert_int_eq(SSL_write_ex(client->raw.ssl, "d", 1, &done), 1);
		request_key_update(client);
		ends_converse(client, server);
	}
	ck_assert_msg(server->error == 0, "%s", server->problem.text);
	/* The last answer may wait for the next data (RFC 8446, 4.6.3). */
	ck_assert_int_eq(tls_write(server->tls, "d", 1), 0);
	ends_converse(server, client);
	ck_assert_uint_eq(client->raw.key_updates_received, 60);
	ck_assert_uint_eq(server->plain_len, 60 * 1024);
	ends_free(client, server);
}
END_TEST

/*
 * Reading can write as well: with no room for the answer it stops, keeps what was fed, and goes on.
 */
START_TEST(key_update_answer_without_room)
{
	struct end *client, *server;
	size_t done;

	connect_raw(&client, &server);
	for (int i = 0; i < 10; i++)
		request_key_update(client);
	ck_assert_int_eq(SSL_write_ex(client->raw.ssl, "after", 5, &done), 1);
	end_step(client);
	end_receive(server, client->output.data, client->output.len);
	client->output.len = 0;
	server->output.capacity = 70;
	end_step(server);
	ck_assert(server->is_full);
	ck_assert_uint_eq(server->output.len, 70);
	ck_assert_uint_gt(reader_left(&server->tls->input), 0);
	ck_assert_uint_eq(server->plain_len, 0);

	/* A write in between is taken whole, behind the answer that waits. */
	end_receive(client, server->output.data, server->output.len);
	server->output.len = 0;
	server->output.capacity = tls_output_bound(5);
	ck_assert_int_eq(tls_write(server->tls, "hello", 5), 0);
	server->output.capacity = END_OUTPUT_MAX;
	ends_converse(server, client);
	ck_assert_int_eq(tls_write(server->tls, "world", 5), 0);
	ends_converse(server, client);
	ck_assert_int_eq(server->error, 0);
	ck_assert_uint_eq(client->raw.key_updates_received, 10);
	ck_assert_mem_eq(server->plain, "after", 5);
	ck_assert_uint_eq(client->plain_len, 10);
	ck_assert_mem_eq(client->plain, "helloworld", 10);
	ends_free(client, server);
}
END_TEST

static Suite *suite(void)
{
	const TTest *data[] = { data_in_odd_sizes, read_into_small_buffers,
		write_keeps_to_its_bound, records_are_full, changed_data, half_a_record, closing,
		released_buffers_come_back };
	const TTest *key_updates[] = { own_key_updates, key_update_flood,
		key_updates_with_data_are_no_flood, key_update_answer_without_room };
	Suite *made = suite_create("tls_data");

	pki_add(made, "data", data, ARRAY_SIZE(data));
	pki_add(made, "key updates", key_updates, ARRAY_SIZE(key_updates));
	return made;
}

int main(void)
{
	return unit_run("tls_data", suite());
}
