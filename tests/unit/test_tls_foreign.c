/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Dozens of handshakes: half a minute there, nearly all of it in libcrypto; test_tls has some, the sanitizers see all. */
/* What does not speak our TLS, and the words for it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

/* ---- what is not our TLS ---- */

START_TEST(other_alpn_at_the_server)
{
	static const char *const offers[] = { "\x02h2",
		"\x09"
		"culvert/2",
		"\x08"
		"culvert/",
		NULL };

	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		struct end *client = end_new_raw(false, &pki.client_pair,
			&(struct fixture_raw_options){ .alpn = offers[i] });
		struct end *server = end_new(pki.server_context);

		ends_converse(client, server);
		ck_assert_int_eq(server->error, -EPROTO);
		end_assert_says(server, "not culvert/1");
		ck_assert_int_eq(client->raw.alert_received, SSL_AD_NO_APPLICATION_PROTOCOL);
		ends_free(client, server);
	}
}
END_TEST

START_TEST(other_alpn_at_the_client)
{
	static const char *const answers[] = { NULL, "\x02h2" };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct end *client = end_new(pki.client_context);
		struct end *server = end_new_raw(true, &pki.server_pair,
			&(struct fixture_raw_options){ .alpn = answers[i] });

		ends_converse(client, server);
		ck_assert(!client->established);
		ck_assert_int_eq(client->error, -EPROTO);
		if (!answers[i])
			end_assert_says(client, "not culvert/1");
		ends_free(client, server);
	}
}
END_TEST

START_TEST(tls_1_2)
{
	struct fixture_raw_options old = { .version = TLS1_2_VERSION, .alpn = ALPN_WIRE };
	struct fixture_raw_options old_bare = { .version = TLS1_2_VERSION };
	struct end *client = end_new_raw(false, &pki.client_pair, &old);
	struct end *server = end_new(pki.server_context);

	ends_converse(client, server);
	ck_assert_int_eq(server->error, -EPROTO);
	end_assert_says(server, "TLS 1.2 or older");
	ck_assert_int_eq(client->raw.alert_received, SSL_AD_PROTOCOL_VERSION);
	ends_free(client, server);

	client = end_new_raw(false, &pki.client_pair, &old_bare);
	server = end_new(pki.server_context);
	ends_converse(client, server);
	end_assert_says(server, "TLS 1.2 or older");
	ends_free(client, server);

	client = end_new(pki.client_context);
	server = end_new_raw(true, &pki.server_pair, &old);
	ends_converse(client, server);
	ck_assert_int_eq(client->error, -EPROTO);
	end_assert_says(client, "does not speak TLS 1.3");
	ends_free(client, server);
}
END_TEST

/* A client whose processor has no AES says so by its order. */
START_TEST(chacha20_for_who_wants_it)
{
	static const struct {
		const char *suites, *agreed;
	} cases[] = {
		{ "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
			"TLS_CHACHA20_POLY1305_SHA256" },
		{ "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
			"TLS_AES_256_GCM_SHA384" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct end *client = end_new_raw(false, &pki.client_pair,
			&(struct fixture_raw_options){
				.alpn = ALPN_WIRE, .suites = cases[i].suites });
		struct end *server = end_new(pki.server_context);

		ends_converse(client, server);
		ck_assert(server->established);
		ck_assert_str_eq(tls_cipher(server->tls), cases[i].agreed);
		ends_free(client, server);
	}
}
END_TEST

START_TEST(not_tls)
{
	static const struct {
		const char *data;
		size_t len;
		const char *words;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0,
			"plain HTTP (it began with \"GET / HT\")" },
		{ "POST /upload HTTP/1.1\r\n\r\n", 0, "plain HTTP" },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", 0, "plain HTTP" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", 0, "SSH" },
		{ "\x9c\x01\x7f\x00\x33\xe1\x4a\x90\x11\xfe\x02\x08\x77\x12\x12\x12", 16,
			"does not speak TLS (it began with \"\\x9c\\x01\\x7f\\x00" },
		{ "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12, "does not speak TLS" },
		{ "\x16\x03\x01\xff\xff\x01\x00\x00", 8, "TLS failed: " },
		{ "\x16\x03\x01\x00\x04\x63\x00\x00\x00", 9, "TLS failed: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int at_server = 0; at_server < 2; at_server++) {
			struct end *end = end_new(
				at_server ? pki.server_context : pki.client_context);
			size_t len = cases[i].len ? cases[i].len : strlen(cases[i].data);

			end_step(end);
			end_receive(end, cases[i].data, len);
			end_step(end);
			ck_assert_int_eq(end->error, -EPROTO);
			end_assert_says(end, cases[i].words);
			/* It stays so. */
			end->problem.text[0] = '\0';
			end_step(end);
			ck_assert_int_eq(end->error, -EPROTO);
			end_assert_says(end, cases[i].words);
			end_free(end);
		}
	}
}
END_TEST

START_TEST(alerts_in_words)
{
	static const struct {
		int alert;
		const char *words;
	} cases[] = {
		{ SSL_AD_CERTIFICATE_EXPIRED,
			"the other end refused our certificate: it has expired" },
		{ SSL_AD_CERTIFICATE_EXPIRED, "culvert-pki renew branch-a" },
		{ SSL_AD_CERTIFICATE_REVOKED,
			"the other end refused our certificate: it has been revoked" },
		{ SSL_AD_BAD_CERTIFICATE, "the other end refused our certificate: " },
		{ SSL_AD_UNKNOWN_CA,
			"the other end refused our certificate: its issuer is not in the ca file" },
		{ SSL_AD_UNSUPPORTED_CERTIFICATE,
			"the other end refused our certificate: it is not meant for this use" },
		{ SSL_AD_CERTIFICATE_REQUIRED, "one is required" },
		{ SSL_AD_CERTIFICATE_UNKNOWN, "the other end refused our certificate: " },
		{ SSL_AD_NO_APPLICATION_PROTOCOL, "the other end does not speak culvert/1" },
		{ SSL_AD_PROTOCOL_VERSION, "the other end does not speak TLS 1.3" },
		{ SSL_AD_HANDSHAKE_FAILURE, "the other end found no common parameters" },
		{ SSL_AD_INTERNAL_ERROR, "the other end failed for a reason of its own" },
		{ SSL_AD_DECODE_ERROR, "the other end could not parse" },
		{ 113, "TLS alert 113" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint8_t record[] = { 21, 3, 3, 0, 2, 2, (uint8_t)cases[i].alert };
		struct end *client = end_new(pki.client_context);

		end_step(client);
		end_receive(client, record, sizeof(record));
		end_step(client);
		ck_assert_int_eq(client->error, -EPROTO);
		end_assert_says(client, cases[i].words);
		end_free(client);
	}
}
END_TEST

START_TEST(closed_during_the_handshake)
{
	static const uint8_t close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
	struct end *client = end_new(pki.client_context);

	end_step(client);
	end_receive(client, close_notify, sizeof(close_notify));
	end_step(client);
	ck_assert_int_eq(client->error, -EPROTO);
	end_assert_says(client, "the other end closed the connection during the TLS handshake");
	end_free(client);
}
END_TEST

static Suite *suite(void)
{
	const TTest *foreign[] = { other_alpn_at_the_server, other_alpn_at_the_client, tls_1_2,
		chacha20_for_who_wants_it, not_tls, alerts_in_words, closed_during_the_handshake };
	Suite *made = suite_create("tls_foreign");

	pki_add(made, "foreign", foreign, ARRAY_SIZE(foreign));
	return made;
}

int main(void)
{
	return unit_run("tls_foreign", suite());
}
