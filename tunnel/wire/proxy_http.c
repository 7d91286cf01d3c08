/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECT: one request, one header as the answer. A final 2xx opens the tunnel; its Content-Length
 * and Transfer-Encoding do not count (RFC 9110, 9.3.6). A 1xx is skipped (15.2).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wire/proxy_talk_internal.h"

enum {
	REASON_SHOWN = 60, /* bytes of the reason phrase that a message quotes, with NUL */
	CREDENTIALS_MAX = 2 * PROXY_WORD_MAX + 1, /* user:password */
};

/* ---- the request ---- */

static int put(struct writer *out, const char *text)
{
	return writer_copy(out, text, strlen(text));
}

/* RFC 4648, 4. */
static int put_base64(struct writer *out, const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i += 3) {
		size_t count = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16 |
			(uint32_t)(count > 1 ? data[i + 1] : 0) << 8 |
			(count > 2 ? data[i + 2] : 0);
		char group[4];

		for (size_t d = 0; d < sizeof(group); d++)
			group[d] = d <= count ? digits[bits >> (18 - 6 * d) & 63] : '=';
		r = writer_copy(out, group, sizeof(group));
	}
	return r;
}

/* RFC 7617, 2. */
static int put_credentials(struct writer *out, const struct proxy *proxy)
{
	char text[CREDENTIALS_MAX + 1];
	int r = put(out, "Proxy-Authorization: Basic ");

	(void)snprintf(text, sizeof(text), "%s:%s", proxy->user, proxy->password);
	if (r == 0)
		r = put_base64(out, (const uint8_t *)text, strlen(text));
	explicit_bzero(text, sizeof(text));
	return r == 0 ? put(out, "\r\n") : r;
}

int proxy_http_begin(const struct proxy_talk *talk, struct writer *out)
{
	char target[PROXY_TARGET_MAX], head[2 * PROXY_TARGET_MAX + 40];
	int r;

	proxy_talk_target(talk, target);
	(void)snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
	r = put(out, head);
	if (r == 0 && talk->proxy->user[0] != '\0')
		r = put_credentials(out, talk->proxy);
	return r == 0 ? put(out, "\r\n") : r;
}

/* ---- the answer ---- */

/* Takes a line without its end, CRLF or LF (RFC 9112, 2.2). -EAGAIN: the line is not whole. */
static int take_line(struct reader *reader, struct view *ret_line)
{
	struct reader ahead = *reader;
	uint8_t byte = 0, before = 0;
	size_t len = 0;

	while (reader_u8(&ahead, &byte) == 0 && byte != '\n') {
		before = byte;
		len++;
	}
	if (byte != '\n' || reader_view(reader, len, ret_line) < 0 || reader_u8(reader, &byte) < 0)
		return -EAGAIN;
	if (before == '\r')
		ret_line->len--;
	return 0;
}

struct status {
	unsigned code;
	struct view reason;
	bool offers_basic; /* 407: the proxy accepts user and password */
};

/* Parses a line such as "HTTP/1.1 200 Connection established". */
static int parse_status(const struct view *line, struct status *ret_status)
{
	struct reader reader;
	struct view version, digits;
	uint8_t space;
	unsigned code = 0;

	reader_init(&reader, line->data, line->len);
	if (reader_view(&reader, 8, &version) < 0 || memcmp(version.data, "HTTP/1.", 7) != 0 ||
		reader_u8(&reader, &space) < 0 || space != ' ' ||
		reader_view(&reader, 3, &digits) < 0)
		return -EPROTO;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return -EPROTO;
		code = code * 10 + (unsigned)(digits.data[i] - '0');
	}
	if (code < 100 || (reader_u8(&reader, &space) == 0 && space != ' '))
		return -EPROTO;
	*ret_status = (struct status){ .code = code };
	(void)reader_view(&reader, reader_left(&reader), &ret_status->reason);
	return 0;
}

static bool begins_with(const struct view *text, const char *word)
{
	size_t len = strlen(word);

	return text->len >= len && strncasecmp((const char *)text->data, word, len) == 0;
}

/*
 * True if a Proxy-Authenticate field names the scheme Basic, alone or in a list (RFC 9110, 11.7.1).
 */
static bool offers_basic(const struct view *line)
{
	struct reader reader;
	struct view rest;
	uint8_t byte = ' ';

	if (!begins_with(line, "proxy-authenticate:"))
		return false;
	reader_init(&reader, line->data, line->len);
	(void)reader_view(&reader, strlen("proxy-authenticate:"), &rest);
	do {
		struct reader ahead = reader;

		(void)reader_view(&ahead, reader_left(&ahead), &rest);
		if ((byte == ' ' || byte == ',' || byte == '\t') && begins_with(&rest, "basic"))
			return true;
	} while (reader_u8(&reader, &byte) == 0);
	return false;
}

/* Refuses an answer whose first bytes already prove that it is not HTTP, and names what it is. */
static int judge_opening(const struct proxy_talk *talk, struct problem *problem)
{
	static const char opening[] = "HTTP/1.";
	size_t len = talk->answer_len < sizeof(opening) - 1 ? talk->answer_len
							    : sizeof(opening) - 1;

	if (memcmp(talk->answer, opening, len) == 0)
		return 0;
	if (talk->answer[0] == 5)
		problem_set(problem,
			"the proxy speaks SOCKS5, not HTTP; write proxy = \"socks5://...\"");
	else if (talk->answer[0] == 0x15 ||
		talk->answer[0] == 0x16) /* a TLS record: RFC 8446, 5.1 */
		problem_set(problem,
			"the proxy wants TLS, which Culvert does not speak to proxies; use its port for "
			"plain HTTP");
	else
		problem_set(problem,
			"the answer does not come from an HTTP proxy; check host and port of proxy");
	return -EPROTO;
}

static void explain_407(
	const struct proxy_talk *talk, const struct status *status, struct problem *problem)
{
	if (status->code == 407 && !status->offers_basic)
		problem_set(problem,
			"the proxy wants an authentication other than Basic (407), the only one that "
			"Culvert has; ask its administrator for Basic, or for an exception");
	else if (talk->proxy->user[0] == '\0')
		problem_set(problem,
			"the proxy wants a user and password (407): write proxy = "
			"\"http://USER:PASSWORD@%s:%u\"",
			talk->proxy->host, talk->proxy->port);
	else
		problem_set(problem,
			"the proxy refuses this user and password (%u); correct them in proxy",
			status->code);
}

static void explain(
	const struct proxy_talk *talk, const struct status *status, struct problem *problem)
{
	char target[PROXY_TARGET_MAX], reason[REASON_SHOWN];

	proxy_talk_target(talk, target);
	problem_escape(reason, sizeof(reason), status->reason.data, status->reason.len);
	/* Some proxies answer 401 to a wrong password, as if they were the server. */
	if (status->code == 407 || (status->code == 401 && talk->proxy->user[0] != '\0'))
		explain_407(talk, status, problem);
	else if (status->code == 403)
		problem_set(problem,
			"the proxy forbids connections to %s (403 %s); most allow port 443, else ask "
			"its administrator",
			target, reason);
	else if (status->code == 405 || status->code == 501)
		problem_set(problem,
			"the proxy does not know CONNECT (%u %s); it is no proxy for this",
			status->code, reason);
	else if (status->code >= 300 && status->code < 400)
		problem_set(problem,
			"the proxy sends elsewhere (%u %s); the network may want a login in a browser "
			"first",
			status->code, reason);
	else if (status->code >= 500 && status->code < 600)
		problem_set(problem,
			"the proxy cannot reach %s (%u %s); is the server up, and its name or address "
			"right?",
			target, status->code, reason);
	else
		problem_set(problem, "the proxy refuses the connection to %s (%u %s)", target,
			status->code, reason);
}

/* Takes one header up to its empty line. */
static int take_header(struct reader *reader, struct status *ret_status)
{
	struct view line = { .data = NULL };
	int r = take_line(reader, &line);

	if (r == 0)
		r = parse_status(&line, ret_status);
	while (r == 0) {
		r = take_line(reader, &line);
		if (r == 0 && line.len == 0)
			return 0;
		if (r == 0 && offers_basic(&line))
			ret_status->offers_basic = true;
	}
	return r;
}

int proxy_http_judge(struct proxy_talk *talk, struct problem *problem)
{
	struct reader reader;
	struct status status = { 0 };
	int r = judge_opening(talk, problem);

	if (r < 0)
		return r;
	proxy_talk_reader(talk, &reader);
	do {
		r = take_header(&reader, &status);
	} while (r == 0 && status.code < 200);
	if (r == -EPROTO)
		problem_set(problem,
			"the answer of the proxy is not HTTP; check host and port of proxy");
	if (r < 0)
		return r;
	proxy_talk_take(talk, &reader);
	if (status.code < 300)
		return 0;
	explain(talk, &status, problem);
	return -ECONNREFUSED;
}
