/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SOCKS5, step by step: the choice of authentication, then user and password if chosen, then the
 * request. Each answer is judged as soon as its deciding byte has arrived.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/array.h"
#include "wire/proxy_talk_internal.h"

enum {
	VERSION = 5,
	AUTH_VERSION = 1,    /* RFC 1929, 2 */
	METHOD_NONE = 0,     /* RFC 1928, 3 */
	METHOD_PASSWORD = 2, /* RFC 1929 */
	METHOD_REFUSED = 0xff,
	COMMAND_CONNECT = 1, /* RFC 1928, 4 */
	ADDRESS_V4 = 1,      /* RFC 1928, 5 */
	ADDRESS_NAME = 3,
	ADDRESS_V6 = 4,
};

int proxy_socks5_begin(struct proxy_talk *talk, struct writer *out)
{
	static const uint8_t plain[] = { VERSION, 1, METHOD_NONE };
	static const uint8_t both[] = { VERSION, 2, METHOD_NONE, METHOD_PASSWORD };

	talk->step = PROXY_TALK_METHOD;
	return talk->proxy->user[0] != '\0' ? writer_copy(out, both, sizeof(both))
					    : writer_copy(out, plain, sizeof(plain));
}

static int put_word(struct writer *out, const char *word)
{
	int r = writer_u8(out, strlen(word));

	return r == 0 ? writer_copy(out, word, strlen(word)) : r;
}

static int put_credentials(struct writer *out, const struct proxy *proxy)
{
	int r = writer_u8(out, AUTH_VERSION);

	if (r == 0)
		r = put_word(out, proxy->user);
	return r == 0 ? put_word(out, proxy->password) : r;
}

/* A name is sent unchanged: the proxy resolves it. */
static int put_request(struct writer *out, const char *host, uint16_t port)
{
	static const uint8_t head[] = { VERSION, COMMAND_CONNECT, 0 };
	struct addr addr;
	int r = writer_copy(out, head, sizeof(head));

	if (r < 0)
		return r;
	if (addr_parse(host, &addr) == 0) {
		r = writer_u8(out, addr.family == AF_INET ? ADDRESS_V4 : ADDRESS_V6);
		if (r == 0)
			r = writer_copy(out, addr.bytes, addr_size(&addr));
	} else {
		r = writer_u8(out, ADDRESS_NAME);
		if (r == 0)
			r = put_word(out, host);
	}
	return r == 0 ? writer_u16(out, port) : r;
}

/* ---- the answers ---- */

static int not_socks5(uint8_t first, struct problem *problem)
{
	if (first == 'H')
		problem_set(
			problem, "the proxy speaks HTTP, not SOCKS5; write proxy = \"http://...\"");
	else if (first == 0) /* the version in a SOCKS4 answer */
		problem_set(problem, "the proxy speaks SOCKS4, which Culvert does not");
	else
		problem_set(problem,
			"the answer does not come from a SOCKS5 proxy; check host and port of proxy");
	return -EPROTO;
}

static int judge_method(
	struct proxy_talk *talk, struct reader *reader, struct writer *out, struct problem *problem)
{
	bool has_password = talk->proxy->user[0] != '\0';
	uint8_t version, method;

	if (reader_u8(reader, &version) < 0)
		return -EAGAIN;
	if (version != VERSION)
		return not_socks5(version, problem);
	if (reader_u8(reader, &method) < 0)
		return -EAGAIN;
	if (method == METHOD_NONE) {
		talk->step = PROXY_TALK_ANSWER;
		return put_request(out, talk->host, talk->port);
	}
	if (method == METHOD_PASSWORD && has_password) {
		talk->step = PROXY_TALK_AUTH;
		return put_credentials(out, talk->proxy);
	}
	if (method != METHOD_REFUSED) {
		problem_set(problem, "the proxy chose an authentication that was not offered (%u)",
			method);
		return -EPROTO;
	}
	if (has_password)
		problem_set(problem,
			"the proxy wants an authentication other than user and password, the only "
			"one that Culvert has");
	else
		problem_set(problem,
			"the proxy wants a user and password: write proxy = "
			"\"socks5://USER:PASSWORD@%s:%u\"",
			talk->proxy->host, talk->proxy->port);
	return -ECONNREFUSED;
}

static int judge_auth(
	struct proxy_talk *talk, struct reader *reader, struct writer *out, struct problem *problem)
{
	uint8_t version, status;

	if (reader_u8(reader, &version) < 0)
		return -EAGAIN;
	/* The version of the sub-negotiation is 1; some proxies send 5 instead. */
	if (version != AUTH_VERSION && version != VERSION)
		return not_socks5(version, problem);
	if (reader_u8(reader, &status) < 0)
		return -EAGAIN;
	if (status != 0) {
		problem_set(
			problem, "the proxy refuses this user and password; correct them in proxy");
		return -ECONNREFUSED;
	}
	talk->step = PROXY_TALK_ANSWER;
	return put_request(out, talk->host, talk->port);
}

/* The texts are those of RFC 1928, 6. */
static void explain(const struct proxy_talk *talk, uint8_t code, struct problem *problem)
{
	static const char *const texts[] = { NULL, "general SOCKS server failure",
		"connection not allowed by ruleset", "network unreachable", "host unreachable",
		"connection refused", "TTL expired", "command not supported",
		"address type not supported" };
	static const char *const cures[] = { NULL, "the proxy's own log names the cause",
		"ask its administrator to allow it", "can the proxy reach that network?",
		"is the address right, and the server up?", "is the server up, and its port right?",
		"can the proxy reach that network?", "it is no proxy for this",
		"write the remote as a name, or as an address of the other family" };
	char target[PROXY_TARGET_MAX];

	proxy_talk_target(talk, target);
	if (code < ARRAY_SIZE(texts))
		problem_set(problem, "the proxy does not connect to %s: %s; %s", target,
			texts[code], cures[code]);
	else
		problem_set(problem, "the proxy does not connect to %s: unknown reply %u", target,
			code);
}

/*
 * Skips the address that the proxy has bound. Only its length matters, to find the end of the
 * answer.
 */
static int skip_address(struct reader *reader, struct problem *problem)
{
	struct view unused;
	uint8_t reserved, type, len;

	if (reader_u8(reader, &reserved) < 0 || reader_u8(reader, &type) < 0)
		return -EAGAIN;
	if (type == ADDRESS_V4)
		len = 4;
	else if (type == ADDRESS_V6)
		len = 16;
	else if (type != ADDRESS_NAME) {
		problem_set(
			problem, "the answer of the proxy has an address of unknown type %u", type);
		return -EPROTO;
	} else if (reader_u8(reader, &len) < 0) {
		return -EAGAIN;
	}
	return reader_view(reader, len + sizeof(uint16_t), &unused) < 0 ? -EAGAIN : 0;
}

static int judge_answer(
	const struct proxy_talk *talk, struct reader *reader, struct problem *problem)
{
	uint8_t version, code;

	if (reader_u8(reader, &version) < 0)
		return -EAGAIN;
	if (version != VERSION)
		return not_socks5(version, problem);
	if (reader_u8(reader, &code) < 0)
		return -EAGAIN;
	if (code != 0) {
		explain(talk, code, problem);
		return -ECONNREFUSED;
	}
	return skip_address(reader, problem);
}

int proxy_socks5_judge(struct proxy_talk *talk, struct writer *out, struct problem *problem)
{
	struct reader reader;
	int r;

	/* Each answer follows our request: one step a call. */
	proxy_talk_reader(talk, &reader);
	switch (talk->step) {
	case PROXY_TALK_METHOD:
		r = judge_method(talk, &reader, out, problem);
		break;
	case PROXY_TALK_AUTH:
		r = judge_auth(talk, &reader, out, problem);
		break;
	default:
		r = judge_answer(talk, &reader, problem);
		if (r == 0)
			proxy_talk_take(talk, &reader);
		return r;
	}
	if (r < 0)
		return r;
	proxy_talk_take(talk, &reader);
	if (reader_left(&reader) == 0)
		return -EAGAIN;
	problem_set(problem, "the proxy answered before it was asked; it is not a SOCKS5 proxy");
	return -EPROTO;
}
