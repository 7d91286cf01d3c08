/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of engine/routes.c share; a file that includes this has a netd_link_ask() of its own. */
#ifndef CULVERT_TESTS_UNIT_ROUTES_FIXTURE_H
#define CULVERT_TESTS_UNIT_ROUTES_FIXTURE_H

#include "engine/routes.h"

#include <string.h>

#include "base/container.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum { IFINDEX = 7, ASKED_MAX = 64, SENT_MAX = 16 };

/*
 * One session's routes between a peer, which the test plays, and netd, which is netd_link_ask() below:
 * it keeps the request until the test answers.
 */
static struct fixture {
	struct routes routes;
	struct netd_call *call; /* asked and not answered */
	struct request request;
	int asked;
	int ask_error; /* what netd_link_ask() says */
	struct message sent[SENT_MAX];
	int sent_count;
	int changes, installed, removed, refused, taken;
	struct mono now;
	/* Time goes on by an hour with each announcement, so that no prefix is damped. */
	bool time_stands;
	struct prefix accept[3], tunnel[1];
	struct addr outer[1];
} fixture;

int netd_link_ask(struct netd_link *netd, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	ck_assert_ptr_null(netd);
	if (fixture.ask_error)
		return fixture.ask_error;
	ck_assert(!call->pending);
	call->pending = true;
	call->done = done;
	fixture.call = call;
	fixture.request = *request;
	fixture.asked++;
	return 0;
}

struct mono mono_now(void)
{
	return fixture.now;
}

/* The only timer is that of the routes. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	ck_assert_ptr_null(loop);
	ck_assert_ptr_eq(timer, &fixture.routes.later);
	*timer = (struct loop_timer){ .due = due, .expired = expired, .running = true };
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	ck_assert_ptr_null(loop);
	timer->running = false;
}

/* Time goes on, and the timer expires if it is due. */
static inline void pass_ms(int64_t ms)
{
	struct loop_timer *timer = &fixture.routes.later;

	fixture.now = mono_add(fixture.now, DURATION_MS(ms));
	if (!timer->running || mono_before(fixture.now, timer->due))
		return;
	timer->running = false;
	timer->expired(timer);
}

static inline void on_taken(struct routes *routes, const struct prefix *prefixes, size_t count)
{
	ck_assert_ptr_eq(routes, &fixture.routes);
	ck_assert_ptr_nonnull(prefixes);
	ck_assert_uint_gt(count, 0);
	fixture.taken += (int)count;
}

static inline void on_changed(struct routes *routes)
{
	ck_assert_ptr_eq(routes, &fixture.routes);
	fixture.changes++;
}

static inline void on_send(struct routes *routes, const struct message *message)
{
	ck_assert_ptr_eq(routes, &fixture.routes);
	ck_assert_int_lt(fixture.sent_count, SENT_MAX);
	fixture.sent[fixture.sent_count++] = *message;
}

static inline void on_note(struct routes *routes, const struct route *route, const char *what)
{
	ck_assert_ptr_eq(routes, &fixture.routes);
	ck_assert_ptr_nonnull(what);
	fixture.installed += route->state == ROUTE_INSTALLED;
	fixture.refused += route->state == ROUTE_REFUSED;
	fixture.removed += route->state == ROUTE_ABSENT;
}

static const struct routes_events events = {
	.changed = on_changed,
	.send = on_send,
	.taken = on_taken,
	.note = on_note,
};

/* 10.0.0.0/8, 192.168.0.0/16 and fd00::/8 may be announced; 10.99.0.0/24 is the tunnel's; the peer
 * is at 10.50.0.1. */
static inline void begin(uint32_t limit)
{
	fixture = (struct fixture){ 0 };
	routes_init(&fixture.routes, &events, NULL, NULL, limit);
	fixture.accept[0] = prefix_of("10.0.0.0/8");
	fixture.accept[1] = prefix_of("192.168.0.0/16");
	fixture.accept[2] = prefix_of("fd00::/8");
	fixture.tunnel[0] = prefix_of("10.99.0.0/24");
	fixture.outer[0] = prefix_of("10.50.0.1").addr;
	fixture.routes.rule = (struct route_rule){ fixture.accept, 3, fixture.tunnel, 1,
		fixture.outer, 1, false };
}

static inline struct message_prefixes *list_of(const char *text)
{
	static struct message_prefixes list;
	char copy[1024], *rest = copy, *word;

	list.count = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")))
		list.prefix[list.count++] = prefix_of(word);
	return &list;
}

static inline void announce(const char *text)
{
	static struct prefix own[1];
	const struct prefix_list local = { own, 1 };

	own[0] = prefix_of("10.7.0.0/16");
	if (!fixture.time_stands)
		pass_ms(3600000);
	routes_announced(&fixture.routes, list_of(text), &local);
}

/* netd says yes to all it was asked, or the same verdict to each. */
static inline void answer(uint8_t verdict)
{
	struct request_reply reply = { .count = fixture.request.routes.count };
	struct netd_call *call = fixture.call;

	ck_assert_ptr_nonnull(call);
	for (size_t i = 0; i < reply.count; i++)
		reply.verdicts[i].verdict = verdict;
	fixture.call = NULL;
	call->pending = false;
	call->done(call, &reply, NULL, 0);
}

static inline const struct route *find(const char *text)
{
	struct prefix prefix = prefix_of(text);

	for (size_t i = 0; i < fixture.routes.count; i++) {
		if (prefix_equal(&fixture.routes.items[i].prefix, &prefix))
			return &fixture.routes.items[i];
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
	const struct message_prefixes *refusal = &fixture.sent[message].prefixes;
	struct prefix prefix = prefix_of(text);

	ck_assert_int_lt(message, fixture.sent_count);
	ck_assert_int_eq(fixture.sent[message].type, MESSAGE_REFUSE);
	ck_assert_int_lt(i, refusal->count);
	ck_assert(prefix_equal(&refusal->prefix[i], &prefix));
	ck_assert_uint_eq(refusal->reason[i], reason);
}

#endif
