/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talks with proxies byte by byte (RFC 9110, 9.3.6; RFC 7617, RFC 1928, RFC 1929): what the client
 * sends, which answers open a tunnel, and the name of every refusal. No answer, however cut or
 * broken, is taken for a tunnel or read past its end.
 */
#include "wire/proxy_talk.h"

#include <errno.h>
#include <string.h>

#include "random.h"
#include "unit.h"

#define HOST "vpn.example.org"

static const struct proxy http = { PROXY_HTTP, "proxy", 3128, "", "" };
static const struct proxy http_alice = { PROXY_HTTP, "proxy", 3128, "Aladdin", "open sesame" };
static const struct proxy socks = { PROXY_SOCKS5, "proxy", 1080, "", "" };
static const struct proxy socks_alice = { PROXY_SOCKS5, "proxy", 1080, "alice", "secret" };

struct fixture {
	struct proxy_talk *talk; /* allocated, so that reading on is seen by a sanitizer */
	struct writer out;
	struct problem problem;
	uint8_t said[PROXY_TALK_REQUEST_MAX];
};

static void begin(struct fixture *fixture, const struct proxy *proxy, const char *host)
{
	*fixture = (struct fixture){ .talk = malloc(sizeof(*fixture->talk)) };
	ck_assert_ptr_nonnull(fixture->talk);
	writer_init(&fixture->out, fixture->said, sizeof(fixture->said));
	ck_assert_int_eq(proxy_talk_begin(fixture->talk, proxy, host, 443, &fixture->out), 0);
}

/* What was said since the last time is exactly this. */
static void said(struct fixture *fixture, const void *expected, size_t len)
{
	ck_assert_uint_eq(fixture->out.len, len);
	ck_assert_mem_eq(fixture->said, expected, len);
	fixture->out.len = 0;
}

/* The answer from memory of its own length. */
static int feed(struct fixture *fixture, const void *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	fixture->out.len = 0;
	fixture->problem.text[0] = '\0';
	r = proxy_talk_feed(fixture->talk, copy, len, &fixture->out, &fixture->problem);
	if (r == 0 || r == -EAGAIN)
		ck_assert_str_eq(fixture->problem.text, "");
	else
		ck_assert_str_ne(fixture->problem.text, "");
	free(copy);
	return r;
}

static void end(struct fixture *fixture)
{
	free(fixture->talk);
}

#define BYTES(literal) (literal), sizeof(literal) - 1

/* ---- CONNECT ---- */

START_TEST(connect_names_the_server)
{
	struct fixture fixture;

	begin(&fixture, &http, HOST);
	said(&fixture, BYTES("CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST ":443\r\n\r\n"));
	end(&fixture);
	begin(&fixture, &http, "2001:db8::1");
	said(&fixture,
		BYTES("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"));
	end(&fixture);
}
END_TEST

/* The example of RFC 7617, 2. */
START_TEST(connect_carries_credentials)
{
	struct fixture fixture;

	begin(&fixture, &http_alice, HOST);
	said(&fixture,
		BYTES("CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST
		      ":443\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"));
	end(&fixture);
}
END_TEST

/* RFC 4648, 4: a rest of two bytes, of none, of one. */
START_TEST(base64_pads)
{
	static const struct {
		const char *user, *password, *base64;
	} vectors[] = { { "f", "", " Zjo=\r" }, { "fo", "", " Zm86\r" },
		{ "f", "oo", " Zjpvbw==\r" } };

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct proxy proxy = http;
		struct fixture fixture;

		(void)snprintf(proxy.user, sizeof(proxy.user), "%s", vectors[i].user);
		(void)snprintf(proxy.password, sizeof(proxy.password), "%s", vectors[i].password);
		begin(&fixture, &proxy, HOST);
		fixture.said[fixture.out.len] = '\0';
		ck_assert_ptr_nonnull(strstr((char *)fixture.said, vectors[i].base64));
		end(&fixture);
	}
}
END_TEST

START_TEST(the_longest_request_fits)
{
	struct proxy proxy = { .kind = PROXY_HTTP };
	char host[PROXY_HOST_MAX + 1];
	struct fixture fixture;

	memset(proxy.user, 'u', PROXY_WORD_MAX);
	memset(proxy.password, 'p', PROXY_WORD_MAX);
	memset(host, 'h', PROXY_HOST_MAX);
	host[PROXY_HOST_MAX] = '\0';
	begin(&fixture, &proxy, host);
	ck_assert_uint_gt(fixture.out.len, 1100);
	end(&fixture);
	proxy.kind = PROXY_SOCKS5;
	begin(&fixture, &proxy, host);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\2")), -EAGAIN);
	ck_assert_uint_eq(fixture.out.len, 3 + 2 * PROXY_WORD_MAX);
	ck_assert_int_eq(feed(&fixture, BYTES("\1\0")), -EAGAIN);
	ck_assert_uint_eq(fixture.out.len, 4 + 1 + PROXY_HOST_MAX + 2);
	end(&fixture);
}
END_TEST

static const char *const yeses[] = {
	"HTTP/1.1 200 Connection established\r\n\r\n",
	"HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
	"HTTP/1.1 200\r\n\r\n",
	"HTTP/1.1 200 \r\n\r\n",
	"HTTP/1.1 204 fine\nX: y\n\n", /* bare LF: RFC 9112, 2.2 */
	/* RFC 9110, 9.3.6: both are to be ignored. */
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n",
	/* RFC 9110, 15.2: interim answers. */
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
};

START_TEST(a_2xx_is_the_tunnel)
{
	const char *answer = yeses[_i];
	size_t len = strlen(answer);

	for (size_t cut = 0; cut < len; cut++) {
		struct fixture fixture;

		begin(&fixture, &http, HOST);
		ck_assert_int_eq(feed(&fixture, answer, cut), -EAGAIN);
		ck_assert_int_eq(feed(&fixture, &answer[cut], len - cut), 0);
		ck_assert_uint_eq(fixture.out.len, 0);
		end(&fixture);
	}
	/* The server cannot have spoken yet. */
	struct fixture fixture;
	char more[300];

	begin(&fixture, &http, HOST);
	(void)snprintf(more, sizeof(more), "%sx", answer);
	ck_assert_int_eq(feed(&fixture, more, len + 1), -EPROTO);
	end(&fixture);
}
END_TEST

static const struct {
	const struct proxy *proxy;
	const char *answer;
	int error;
	const char *word;
} noes[] = {
	{ &http, "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", -ECONNREFUSED,
		"wants a user and password" },
	{ &http, "HTTP/1.1 407 x\r\nproxy-authenticate:NTLM, bAsIc realm=x\r\n\r\n", -ECONNREFUSED,
		"http://USER:PASSWORD@proxy:3128" },
	{ &http_alice, "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n", -ECONNREFUSED,
		"refuses this user and password" },
	{ &http_alice, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
		-ECONNREFUSED, "refuses this user and password" },
	{ &http, "HTTP/1.1 401 Unauthorized\r\n\r\n", -ECONNREFUSED, "(401 Unauthorized)" },
	{ &http, "HTTP/1.1 500 Unable to connect\r\n\r\n", -ECONNREFUSED, "cannot reach" },
	{ &http_alice, "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n\r\n", -ECONNREFUSED,
		"other than Basic" },
	{ &http, "HTTP/1.1 407 x\r\nProxy-Authenticate: NotBasic\r\n\r\n", -ECONNREFUSED,
		"other than Basic" },
	{ &http, "HTTP/1.1 403 Forbidden\r\n\r\n", -ECONNREFUSED,
		"forbids connections to vpn.example.org:443 (403 Forbidden)" },
	{ &http, "HTTP/1.1 405 Method Not Allowed\r\n\r\n", -ECONNREFUSED, "CONNECT" },
	{ &http, "HTTP/1.1 501 Not Implemented\r\n\r\n", -ECONNREFUSED, "CONNECT" },
	{ &http, "HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", -ECONNREFUSED,
		"browser" },
	{ &http, "HTTP/1.1 502 Bad Gateway\r\n\r\n", -ECONNREFUSED, "cannot reach" },
	{ &http, "HTTP/1.1 503 x\r\n\r\n", -ECONNREFUSED, "cannot reach" },
	{ &http, "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 5\r\n\r\nsorry", -ECONNREFUSED,
		"cannot reach vpn.example.org:443 (504 Gateway Timeout)" },
	{ &http, "HTTP/1.1 400 \x1b[31mred\r\n\r\n", -ECONNREFUSED, "(400 \\x1b[31mred)" },
	{ &http, "HTTP/1.1 600 odd\r\n\r\n", -ECONNREFUSED, "600" },
	{ &http, "HTTP/1.1 20 OK\r\n\r\n", -EPROTO, "not HTTP" },
	{ &http, "HTTP/1.1 2000 OK\r\n\r\n", -EPROTO, "not HTTP" },
	{ &http, "HTTP/1.1 000 OK\r\n\r\n", -EPROTO, "not HTTP" },
	{ &http, "HTTP/1.1\r\n\r\n", -EPROTO, "not HTTP" },
	{ &http, "HTTP/1.1  200 OK\r\n\r\n", -EPROTO, "not HTTP" },
	{ &http, "HTTP/2 200\r\n\r\n", -EPROTO, "not come from an HTTP proxy" },
	{ &http, "\r\nHTTP/1.1 200 OK\r\n\r\n", -EPROTO, "not come from an HTTP proxy" },
	{ &http, "SSH-2.0-OpenSSH_9.2\r\n", -EPROTO, "not come from an HTTP proxy" },
	{ &http, "\5\xff", -EPROTO, "socks5://" },
	{ &http, "\x15\3\1", -EPROTO, "TLS" },
	{ &socks, "HTTP/1.1 400 Bad Request\r\n\r\n", -EPROTO, "http://" },
	{ &socks, "SSH-2.0-OpenSSH_9.2\r\n", -EPROTO, "not come from a SOCKS5 proxy" },
	{ &socks, "\5\xff", -ECONNREFUSED, "socks5://USER:PASSWORD@proxy:1080" },
	{ &socks_alice, "\5\xff", -ECONNREFUSED, "other than user and password" },
	{ &socks, "\5\2", -EPROTO, "not offered (2)" },
	{ &socks_alice, "\5\1", -EPROTO, "not offered (1)" },
};

START_TEST(every_no_has_its_words)
{
	const char *answer = noes[_i].answer;
	size_t len = strlen(answer);
	struct fixture fixture;

	begin(&fixture, noes[_i].proxy, HOST);
	ck_assert_int_eq(feed(&fixture, answer, len), noes[_i].error);
	ck_assert_msg(
		strstr(fixture.problem.text, noes[_i].word) != NULL, "%s", fixture.problem.text);
	ck_assert_ptr_null(strstr(fixture.problem.text, "sesame"));
	end(&fixture);
	/* Byte by byte it is the same, at the latest with the last. */
	begin(&fixture, noes[_i].proxy, HOST);
	for (size_t i = 0; i < len; i++) {
		int r = feed(&fixture, &answer[i], 1);

		if (r == -EAGAIN)
			continue;
		ck_assert_int_eq(r, noes[_i].error);
		break;
	}
	ck_assert_str_ne(fixture.problem.text, "");
	end(&fixture);
}
END_TEST

START_TEST(an_answer_is_bounded)
{
	static char line[] = "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
	struct fixture fixture;
	size_t fed = 0;
	int r;

	begin(&fixture, &http, HOST);
	r = feed(&fixture, BYTES("HTTP/1.1 200 OK\r\n"));
	while (r == -EAGAIN) {
		r = feed(&fixture, BYTES(line));
		fed += sizeof(line) - 1;
		ck_assert_uint_le(fed, PROXY_TALK_ANSWER_MAX + sizeof(line));
	}
	ck_assert_int_eq(r, -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "8192"));
	end(&fixture);
	/* One that just fits is an answer like others. */
	begin(&fixture, &http, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("HTTP/1.1 200 ")), -EAGAIN);
	for (size_t i = 13; i < PROXY_TALK_ANSWER_MAX - 4; i++)
		ck_assert_int_eq(feed(&fixture, "r", 1), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\r\n\r\n")), 0);
	end(&fixture);
}
END_TEST

/* ---- SOCKS5 ---- */

START_TEST(socks_without_credentials)
{
	struct fixture fixture;

	begin(&fixture, &socks, HOST);
	said(&fixture, BYTES("\5\1\0"));
	ck_assert_int_eq(feed(&fixture, BYTES("\5")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\0")), -EAGAIN);
	said(&fixture, BYTES("\5\1\0\3\17" HOST "\1\273"));
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\0\1\300\0\2\1\1\273")), 0);
	end(&fixture);
}
END_TEST

START_TEST(socks_with_credentials)
{
	struct fixture fixture;

	begin(&fixture, &socks_alice, "192.0.2.1");
	said(&fixture, BYTES("\5\2\0\2"));
	ck_assert_int_eq(feed(&fixture, BYTES("\5\2")), -EAGAIN);
	said(&fixture, BYTES("\1\5alice\6secret"));
	ck_assert_int_eq(feed(&fixture, BYTES("\1\0")), -EAGAIN);
	said(&fixture, BYTES("\5\1\0\1\300\0\2\1\1\273"));
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\0\3\5proxy\0\0")), 0);
	end(&fixture);
	/* A proxy that wants none does not get them. */
	begin(&fixture, &socks_alice, "2001:db8::1");
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
	said(&fixture, BYTES("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\1\273"));
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\0\4aaaabbbbccccdddd\0\0")), 0);
	end(&fixture);
	begin(&fixture, &socks_alice, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\2")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\1\1")), -ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "refuses this user and password"));
	ck_assert_ptr_null(strstr(fixture.problem.text, "secret"));
	end(&fixture);
}
END_TEST

/* RFC 1928, 6. */
static const char *const replies[] = { NULL, "general SOCKS server failure",
	"connection not allowed by ruleset", "network unreachable", "host unreachable",
	"connection refused", "TTL expired", "command not supported", "address type not supported",
	"unknown reply 9" };

START_TEST(socks_replies_have_names)
{
	uint8_t reply[] = { 5, (uint8_t)_i };
	struct fixture fixture;

	begin(&fixture, &socks, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, reply, sizeof(reply)), -ECONNREFUSED);
	ck_assert_msg(
		strstr(fixture.problem.text, replies[_i]) != NULL, "%s", fixture.problem.text);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, HOST ":443"));
	end(&fixture);
}
END_TEST

START_TEST(socks_answers_come_whole_and_in_turn)
{
	static const char answer[] = "\5\0\0\3\5proxy\0\0";
	struct fixture fixture;

	for (size_t cut = 0; cut < sizeof(answer) - 1; cut++) {
		begin(&fixture, &socks, HOST);
		ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
		ck_assert_int_eq(feed(&fixture, answer, cut), -EAGAIN);
		ck_assert_int_eq(feed(&fixture, &answer[cut], sizeof(answer) - 1 - cut), 0);
		end(&fixture);
	}
	begin(&fixture, &socks, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\5\0\0\1aaaabb")), -EPROTO);
	end(&fixture);
	begin(&fixture, &socks, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\0\1aaaabbx")), -EPROTO);
	end(&fixture);
	begin(&fixture, &socks, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0\0\2aaaabb")), -EPROTO);
	end(&fixture);
	begin(&fixture, &socks, HOST);
	ck_assert_int_eq(feed(&fixture, BYTES("\5\0")), -EAGAIN);
	ck_assert_int_eq(feed(&fixture, BYTES("\4\0")), -EPROTO);
	end(&fixture);
}
END_TEST

/* ---- both ---- */

START_TEST(a_cut_talk_has_words)
{
	struct fixture fixture;

	begin(&fixture, &http, HOST);
	proxy_talk_closed(fixture.talk, &fixture.problem);
	ck_assert_ptr_nonnull(
		strstr(fixture.problem.text, "without an answer; does it speak HTTP"));
	proxy_talk_overdue(fixture.talk, &fixture.problem);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, HOST ":443"));
	ck_assert_int_eq(feed(&fixture, BYTES("HTTP/1.1 200")), -EAGAIN);
	proxy_talk_closed(fixture.talk, &fixture.problem);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "in the middle"));
	end(&fixture);
	begin(&fixture, &socks, HOST);
	proxy_talk_overdue(fixture.talk, &fixture.problem);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "SOCKS5"));
	end(&fixture);
}
END_TEST

/* Whatever comes: a verdict, words with it, and nothing said past the buffer. */
START_TEST(noise_is_survived)
{
	static const char *const seeds[] = { "HTTP/1.1 200 OK\r\nProxy-Authenticate: Basic\r\n\r\n",
		"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 407 x\r\n\r\n", "\5\2\1\1\5\1\1\1aaaabb" };
	static const struct proxy *const proxies[] = { &http, &http_alice, &socks, &socks_alice };
	struct random random = { 20261125 };

	for (int i = 0; i < unit_rounds(20000); i++) {
		const char *seed = seeds[random_below(&random, 3)];
		struct fixture fixture;
		uint8_t data[128];
		size_t len = strlen(seed), at = 0;
		int r = -EAGAIN;

		begin(&fixture, proxies[random_below(&random, 4)], HOST);
		memcpy(data, seed, len);
		for (size_t changes = random_below(&random, 3); changes > 0; changes--)
			data[random_below(&random, len)] = (uint8_t)random_below(&random, 256);
		while (r == -EAGAIN && at < len) {
			size_t piece = 1 + random_below(&random, len - at);

			r = feed(&fixture, &data[at], piece);
			at += piece;
			ck_assert(r == 0 || r == -EAGAIN || r == -ECONNREFUSED || r == -EPROTO);
		}
		end(&fixture);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("proxy_talk");

	unit_add(suite, "request", connect_names_the_server);
	unit_add(suite, "credentials", connect_carries_credentials);
	unit_add(suite, "base64", base64_pads);
	unit_add(suite, "longest", the_longest_request_fits);
	unit_add_loop(suite, "accepted", a_2xx_is_the_tunnel, 0, ARRAY_SIZE(yeses));
	unit_add_loop(suite, "refused", every_no_has_its_words, 0, ARRAY_SIZE(noes));
	unit_add_loop(suite, "replies", socks_replies_have_names, 1, ARRAY_SIZE(replies));
	unit_add(suite, "bounded", an_answer_is_bounded);
	unit_add(suite, "no credentials", socks_without_credentials);
	unit_add(suite, "user and password", socks_with_credentials);
	unit_add(suite, "in turn", socks_answers_come_whole_and_in_turn);
	unit_add(suite, "cut", a_cut_talk_has_words);
	unit_add(suite, "noise", noise_is_survived);
	return suite;
}

int main(void)
{
	return unit_run("proxy_talk", suite());
}
