/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of engine/routes.c share; a file that includes this has a netd_link_ask() of its own. */
#ifndef CULVERT_TESTS_UNIT_ROUTES_BENCH_H
#define CULVERT_TESTS_UNIT_ROUTES_BENCH_H

#include "engine/routes.h"

#include <string.h>

#include "base/container.h"
#include "tests/unit/unit.h"

enum { IFINDEX = 7, ASKED_MAX = 64, SENT_MAX = 16 };

/*
 * One session's routes between a peer, which the test plays, and netd, which is netd_link_ask() below:
 * it keeps the request until the test answers.
 */
static struct bench {
	struct routes routes;
	struct netd_call *call; /* asked and not answered */
	struct request request;
	int asked;
	int ask_error; /* what netd_link_ask() says */
	struct message sent[SENT_MAX];
	int sent_count;
	int changes, installed, removed, refused;
	struct prefix accept[3], tunnel[1];
	struct addr outer[1];
} bench;

int netd_link_ask(struct netd_link *netd, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	ck_assert_ptr_null(netd);
	if (bench.ask_error)
		return bench.ask_error;
	ck_assert(!call->pending);
	call->pending = true;
	call->done = done;
	bench.call = call;
	bench.request = *request;
	bench.asked++;
	return 0;
}

static inline void on_changed(struct routes *routes)
{
	ck_assert_ptr_eq(routes, &bench.routes);
	bench.changes++;
}

static inline void on_send(struct routes *routes, const struct message *message)
{
	ck_assert_ptr_eq(routes, &bench.routes);
	ck_assert_int_lt(bench.sent_count, SENT_MAX);
	bench.sent[bench.sent_count++] = *message;
}

static inline void on_note(struct routes *routes, const struct route *route, const char *what)
{
	ck_assert_ptr_eq(routes, &bench.routes);
	ck_assert_ptr_nonnull(what);
	bench.installed += route->state == ROUTE_INSTALLED;
	bench.refused += route->state == ROUTE_REFUSED;
	bench.removed += route->state == ROUTE_ABSENT;
}

static const struct routes_events events = {
	.changed = on_changed,
	.send = on_send,
	.note = on_note,
};

static inline struct prefix pfx(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	return prefix;
}

/* 10.0.0.0/8, 192.168.0.0/16 and fd00::/8 may be announced; 10.99.0.0/24 is the tunnel's; the peer
 * is at 10.50.0.1. */
static inline void begin(uint32_t limit)
{
	bench = (struct bench){ 0 };
	routes_init(&bench.routes, &events, NULL, limit);
	bench.accept[0] = pfx("10.0.0.0/8");
	bench.accept[1] = pfx("192.168.0.0/16");
	bench.accept[2] = pfx("fd00::/8");
	bench.tunnel[0] = pfx("10.99.0.0/24");
	bench.outer[0] = pfx("10.50.0.1").addr;
	bench.routes.rule = (struct route_rule){ bench.accept, 3, bench.tunnel, 1, bench.outer, 1,
		false };
}

static inline struct message_prefixes *list_of(const char *text)
{
	static struct message_prefixes list;
	char copy[1024], *rest = copy, *word;

	list.count = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")))
		list.prefix[list.count++] = pfx(word);
	return &list;
}

static inline void announce(const char *text)
{
	static struct prefix own[1];
	const struct prefix_list local = { own, 1 };

	own[0] = pfx("10.7.0.0/16");
	routes_announced(&bench.routes, list_of(text), &local);
}

/* netd says yes to all it was asked, or the same verdict to each. */
static inline void answer(uint8_t verdict)
{
	struct request_reply reply = { .count = bench.request.routes.count };
	struct netd_call *call = bench.call;

	ck_assert_ptr_nonnull(call);
	for (size_t i = 0; i < reply.count; i++)
		reply.verdicts[i].verdict = verdict;
	bench.call = NULL;
	call->pending = false;
	call->done(call, &reply, NULL, 0);
}

static inline const struct route *find(const char *text)
{
	struct prefix prefix = pfx(text);

	for (size_t i = 0; i < bench.routes.count; i++) {
		if (prefix_equal(&bench.routes.items[i].prefix, &prefix))
			return &bench.routes.items[i];
	}
	return NULL;
}

static inline void ck_state(const char *text, enum route_state state)
{
	const struct route *route = find(text);

	ck_assert_msg(route != NULL, "%s is not known", text);
	ck_assert_msg(route->state == state, "%s is %s", text, route_state_text(route->state));
}

/* The i-th refusal sent to the peer holds this prefix for this reason. */
static inline void ck_refusal(int message, int i, const char *text, enum route_verdict reason)
{
	const struct message_prefixes *refusal = &bench.sent[message].prefixes;
	struct prefix prefix = pfx(text);

	ck_assert_int_lt(message, bench.sent_count);
	ck_assert_int_eq(bench.sent[message].type, MESSAGE_REFUSE);
	ck_assert_int_lt(i, refusal->count);
	ck_assert(prefix_equal(&refusal->prefix[i], &prefix));
	ck_assert_uint_eq(refusal->reason[i], reason);
}

#endif
