/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "wire/proxy_talk_internal.h"

const char *proxy_talk_target(const struct proxy_talk *talk, char out[static PROXY_TARGET_MAX])
{
	bool v6 = strchr(talk->host, ':') != NULL;

	(void)snprintf(out, PROXY_TARGET_MAX, "%s%s%s:%u", v6 ? "[" : "", talk->host, v6 ? "]" : "",
		talk->port);
	return out;
}

void proxy_talk_reader(const struct proxy_talk *talk, struct reader *ret_reader)
{
	reader_init(ret_reader, talk->answer, talk->answer_len);
	ret_reader->at = talk->taken;
}

void proxy_talk_take(struct proxy_talk *talk, const struct reader *reader)
{
	talk->taken = reader->at;
}

int proxy_talk_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host,
	uint16_t port, struct writer *out)
{
	talk->proxy = proxy;
	talk->host = host;
	talk->port = port;
	talk->step = PROXY_TALK_ANSWER;
	talk->taken = 0;
	talk->answer_len = 0;
	return proxy->kind == PROXY_SOCKS5 ? proxy_socks5_begin(talk, out)
					   : proxy_http_begin(talk, out);
}

int proxy_talk_feed(struct proxy_talk *talk, const void *data, size_t len, struct writer *out,
	struct problem *problem)
{
	struct writer answer = {
		.data = talk->answer, .capacity = sizeof(talk->answer), .len = talk->answer_len
	};
	size_t fits = len < writer_left(&answer) ? len : writer_left(&answer);
	int r;

	(void)writer_copy(&answer, data, fits);
	talk->answer_len = answer.len;
	r = talk->proxy->kind == PROXY_SOCKS5 ? proxy_socks5_judge(talk, out, problem)
					      : proxy_http_judge(talk, problem);
	if (r == -EAGAIN && talk->answer_len == sizeof(talk->answer)) {
		problem_set(problem,
			"the answer of the proxy has more than %d bytes; is there a proxy at all?",
			PROXY_TALK_ANSWER_MAX);
		return -EMSGSIZE;
	}
	if (r == 0 && (fits < len || talk->taken < talk->answer_len)) {
		problem_set(problem,
			"the proxy went on after its answer, before the server could have spoken; "
			"it does not pass connections on as they are");
		return -EPROTO;
	}
	return r;
}

void proxy_talk_closed(const struct proxy_talk *talk, struct problem *problem)
{
	if (talk->answer_len > 0)
		problem_set(problem, "the proxy closed the connection in the middle of its answer");
	else
		problem_set(problem,
			"the proxy closed the connection without an answer; does it speak %s, and "
			"may this host use it?",
			proxy_kind_text(talk->proxy->kind));
}

void proxy_talk_overdue(const struct proxy_talk *talk, struct problem *problem)
{
	char target[PROXY_TARGET_MAX];

	if (talk->step != PROXY_TALK_ANSWER)
		problem_set(problem, "the proxy did not answer in time; is it a SOCKS5 proxy?");
	else
		problem_set(problem,
			"the proxy did not answer in time; it may wait for %s itself: is the server "
			"up, and can the proxy reach it?",
			proxy_talk_target(talk, target));
}
