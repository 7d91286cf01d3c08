/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/routes.h"

#include <errno.h>

#include "base/container.h"
#include "tests/unit/unit.h"

enum { IFINDEX = 7, ASKED_MAX = 64, SENT_MAX = 16 };

/*
 * One session's routes between a peer, which the test plays, and netd, which is host_ask() below:
 * it keeps the request until the test answers.
 */
static struct bench {
	struct routes routes;
	struct host_call *call; /* asked and not answered */
	struct request request;
	int asked;
	int ask_error; /* what host_ask() says */
	struct message sent[SENT_MAX];
	int sent_count;
	int changes, installed, removed, refused;
	struct prefix accept[3], tunnel[1];
	struct addr outer[1];
} bench;

int host_ask(struct host *host, struct host_call *call, struct request *request,
	void (*done)(struct host_call *, const struct request_reply *, int))
{
	ck_assert_ptr_null(host);
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

static void on_changed(struct routes *routes)
{
	ck_assert_ptr_eq(routes, &bench.routes);
	bench.changes++;
}

static void on_send(struct routes *routes, const struct message *message)
{
	ck_assert_ptr_eq(routes, &bench.routes);
	ck_assert_int_lt(bench.sent_count, SENT_MAX);
	bench.sent[bench.sent_count++] = *message;
}

static void on_note(struct routes *routes, const struct route *route, const char *what)
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

static struct prefix pfx(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	return prefix;
}

/* 10.0.0.0/8, 192.168.0.0/16 and fd00::/8 may be announced; 10.99.0.0/24 is the tunnel's; the peer
 * is at 10.50.0.1. */
static void begin(uint32_t limit)
{
	bench = (struct bench){ 0 };
	routes_init(&bench.routes, &events, NULL, limit);
	bench.accept[0] = pfx("10.0.0.0/8");
	bench.accept[1] = pfx("192.168.0.0/16");
	bench.accept[2] = pfx("fd00::/8");
	bench.tunnel[0] = pfx("10.99.0.0/24");
	bench.outer[0] = pfx("10.50.0.1").addr;
	bench.routes.rule = (struct route_rule){ bench.accept, 3, bench.tunnel, 1, bench.outer, 1 };
}

static struct message_prefixes *list_of(const char *text)
{
	static struct message_prefixes list;
	char copy[1024], *rest = copy, *word;

	list.count = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")))
		list.prefix[list.count++] = pfx(word);
	return &list;
}

static void announce(const char *text)
{
	static struct prefix own[1];
	const struct prefix_list local = { own, 1 };

	own[0] = pfx("10.7.0.0/16");
	routes_announced(&bench.routes, list_of(text), &local);
}

/* netd says yes to all it was asked, or the same verdict to each. */
static void answer(uint8_t verdict)
{
	struct request_reply reply = { .count = bench.request.routes.count };
	struct host_call *call = bench.call;

	ck_assert_ptr_nonnull(call);
	memset(reply.verdict, verdict, sizeof(reply.verdict));
	bench.call = NULL;
	call->pending = false;
	call->done(call, &reply, -1);
}

static const struct route *find(const char *text)
{
	struct prefix prefix = pfx(text);

	for (size_t i = 0; i < bench.routes.count; i++) {
		if (prefix_equal(&bench.routes.items[i].prefix, &prefix))
			return &bench.routes.items[i];
	}
	return NULL;
}

static void ck_state(const char *text, enum route_state state)
{
	const struct route *route = find(text);

	ck_assert_msg(route != NULL, "%s is not known", text);
	ck_assert_msg(route->state == state, "%s is %s", text, route_state_text(route->state));
}

/* The i-th refusal sent to the peer holds this prefix for this reason. */
static void ck_refusal(int message, int i, const char *text, enum route_verdict reason)
{
	const struct message_prefixes *refusal = &bench.sent[message].prefixes;
	struct prefix prefix = pfx(text);

	ck_assert_int_lt(message, bench.sent_count);
	ck_assert_int_eq(bench.sent[message].type, MESSAGE_REFUSE);
	ck_assert_int_lt(i, refusal->count);
	ck_assert(prefix_equal(&refusal->prefix[i], &prefix));
	ck_assert_uint_eq(refusal->reason[i], reason);
}

START_TEST(install)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	ck_assert_int_eq(bench.asked, 0);
	announce("10.1.0.0/16 fd00:1::/48");
	ck_assert_int_eq(bench.asked, 1);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(bench.request.routes.interface, IFINDEX);
	ck_assert_uint_eq(bench.request.routes.count, 2);
	ck_state("10.1.0.0/16", ROUTE_ADDING);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("fd00:1::/48", ROUTE_INSTALLED);
	ck_assert_int_ge(bench.changes, 1);
	ck_assert_int_eq(bench.installed, 2);
	ck_assert_int_eq(bench.sent_count, 0);
	announce("10.1.0.0/16"); /* again: nothing to do */
	ck_assert_int_eq(bench.asked, 1);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(waits_for_the_interface)
{
	begin(10);
	announce("10.1.0.0/16");
	ck_assert_int_eq(bench.asked, 0);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	routes_set_interface(&bench.routes, IFINDEX);
	ck_assert_int_eq(bench.asked, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(refuse)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce(
		"0.0.0.0/0 203.0.113.0/24 10.99.0.0/25 10.50.0.0/24 10.7.0.0/16 10.1.0.0/16 10.2.0.1/16");
	ck_assert_int_eq(bench.sent_count, 1);
	ck_assert_uint_eq(bench.sent[0].prefixes.count, 6);
	ck_refusal(0, 0, "0.0.0.0/0", ROUTE_DEFAULT);
	ck_refusal(0, 1, "203.0.113.0/24", ROUTE_NOT_ALLOWED);
	ck_refusal(0, 2, "10.99.0.0/25", ROUTE_TUNNEL);
	ck_refusal(0, 3, "10.50.0.0/24", ROUTE_OUTER);
	ck_refusal(0, 4, "10.7.0.0/16", ROUTE_LOCAL);
	ck_refusal(0, 5, "10.2.0.1/16", ROUTE_HOST_BITS);
	ck_assert_int_eq(bench.refused, 6);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	ck_assert_int_eq(find("203.0.113.0/24")->verdict, ROUTE_NOT_ALLOWED);
	/* Only the good one goes to netd. */
	ck_assert_uint_eq(bench.request.routes.count, 1);
	answer(ROUTE_ACCEPTED);
	/* Withdrawn, a refused one is forgotten, and netd has nothing to do with it. */
	routes_withdrawn(&bench.routes, list_of("203.0.113.0/24"));
	ck_assert_ptr_null(find("203.0.113.0/24"));
	ck_assert_int_eq(bench.asked, 1);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(limit)
{
	begin(2);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16");
	ck_assert_int_eq(bench.sent_count, 1);
	ck_assert_uint_eq(bench.sent[0].prefixes.count, 2);
	ck_refusal(0, 0, "10.3.0.0/16", ROUTE_LIMIT);
	ck_refusal(0, 1, "10.4.0.0/16", ROUTE_LIMIT);
	ck_assert_uint_eq(bench.routes.over_limit, 2);
	ck_assert_uint_eq(bench.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	announce("10.1.0.0/16"); /* a known one is not one more */
	ck_assert_int_eq(bench.sent_count, 1);
	/* Room again. */
	routes_withdrawn(&bench.routes, list_of("10.1.0.0/16"));
	answer(ROUTE_ACCEPTED);
	announce("10.3.0.0/16");
	answer(ROUTE_ACCEPTED);
	ck_state("10.3.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(nothing_allowed)
{
	begin(0);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_LIMIT);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_assert_int_eq(bench.asked, 0);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(refused_ones_use_up_nothing)
{
	begin(2);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("203.0.113.0/24 198.51.100.0/24 192.0.2.0/24 10.1.0.0/16 10.2.0.0/16");
	ck_assert_uint_eq(bench.sent[0].prefixes.count, 3);
	ck_assert_uint_eq(bench.routes.over_limit, 0);
	ck_assert_uint_eq(bench.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(refused_ones_are_bounded)
{
	char text[32];

	begin(1);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	for (int i = 0; i < 2 * ROUTES_REFUSED_MAX; i++) {
		bench.sent_count = 0;
		snprintf(text, sizeof(text), "203.0.%d.0/24", i);
		announce(text);
		ck_refusal(0, 0, text, ROUTE_NOT_ALLOWED);
	}
	ck_assert_uint_eq(bench.routes.count, 1 + ROUTES_REFUSED_MAX);
	/* The oldest went, what is installed stayed. */
	ck_assert_ptr_null(find("203.0.0.0/24"));
	ck_state(text, ROUTE_REFUSED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(withdraw)
{
	int changes;

	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16");
	answer(ROUTE_ACCEPTED);
	routes_withdrawn(&bench.routes, list_of("10.5.0.0/16")); /* never announced */
	ck_assert_int_eq(bench.asked, 1);
	changes = bench.changes;
	routes_withdrawn(&bench.routes, list_of("10.1.0.0/16"));
	/* What may pass is narrowed before the kernel has answered. */
	ck_assert_int_gt(bench.changes, changes);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(bench.request.routes.count, 1);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.1.0.0/16"));
	ck_assert_int_eq(bench.removed, 1);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(withdraw_while_adding)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	routes_withdrawn(&bench.routes, list_of("10.1.0.0/16"));
	ck_assert_int_eq(bench.asked, 1); /* one request at a time */
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(bench.asked, 2);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_DELETE);
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.1.0.0/16"));
	routes_free(&bench.routes);
}
END_TEST

START_TEST(announce_while_deleting)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	routes_withdrawn(&bench.routes, list_of("10.1.0.0/16"));
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_ADD);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(reconnect)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16 203.0.113.0/24");
	answer(ROUTE_ACCEPTED);
	routes_begin(&bench.routes);
	announce("10.2.0.0/16");
	ck_assert_int_eq(bench.asked, 1);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED); /* it stays until the peer has said all */
	routes_end(&bench.routes);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(bench.request.routes.count, 1);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	answer(ROUTE_ACCEPTED);
	ck_assert_uint_eq(bench.routes.count, 1);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(adopted)
{
	struct prefix prefixes[2];

	begin(8);
	ck_assert_int_eq(prefix_parse("10.1.0.0/16", &prefixes[0]), 0);
	ck_assert_int_eq(prefix_parse("10.2.0.0/16", &prefixes[1]), 0);
	routes_set_interface(&bench.routes, IFINDEX);
	ck_assert_int_eq(routes_adopt(&bench.routes, prefixes, 2), 0);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_assert_int_eq(bench.asked, 0); /* the kernel has them */
	/* A connection: one is repeated, and the other goes. */
	routes_begin(&bench.routes);
	announce("10.1.0.0/16");
	ck_assert_int_eq(bench.asked, 0);
	routes_end(&bench.routes);
	ck_assert_int_eq(bench.asked, 1);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(bench.request.routes.count, 1);
	ck_assert(prefix_equal(&bench.request.routes.prefix[0], &prefixes[1]));
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.2.0.0/16"));
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(kernel_refuses)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_TAKEN);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_TAKEN);
	/* A later announcement is a new try. */
	announce("10.1.0.0/16");
	ck_assert_int_eq(bench.asked, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	/* A verdict that this version does not know is a failure. */
	announce("10.2.0.0/16");
	answer(200);
	ck_refusal(1, 0, "10.2.0.0/16", ROUTE_FAILED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(netd_fails)
{
	struct request_reply reply = { .error = EPERM, .text = "no" };
	struct host_call *call;

	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	call = bench.call;
	call->pending = false;
	call->done(call, &reply, -1);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_FAILED);
	routes_free(&bench.routes);
}
END_TEST

/* A request that cannot be made leaves everything to the next occasion. */
START_TEST(cannot_ask)
{
	begin(10);
	bench.ask_error = -ENOMEM;
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	bench.ask_error = 0;
	announce("10.2.0.0/16");
	ck_assert_uint_eq(bench.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(interface_goes_and_comes)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16 203.0.113.0/24");
	answer(ROUTE_ACCEPTED);
	routes_set_interface(&bench.routes, 0);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	ck_assert_int_eq(bench.asked, 1);
	routes_set_interface(&bench.routes, IFINDEX + 1);
	ck_assert_int_eq(bench.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(bench.request.routes.interface, IFINDEX + 1);
	ck_assert_uint_eq(bench.request.routes.count, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&bench.routes);
}
END_TEST

/* netd's answer comes when the interface it was about has gone. */
START_TEST(late_answer)
{
	begin(10);
	routes_set_interface(&bench.routes, IFINDEX);
	announce("10.1.0.0/16");
	routes_set_interface(&bench.routes, 0);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	ck_assert_int_eq(bench.installed, 0);
	routes_free(&bench.routes);
}
END_TEST

/* More than one request holds: netd is asked until all are in. */
START_TEST(many)
{
	enum { MANY = 600 };
	struct message_prefixes *list = calloc(1, sizeof(*list));
	const struct prefix_list none = { 0 };
	int done = 0;

	begin(MANY);
	routes_set_interface(&bench.routes, IFINDEX);
	while (done < MANY) {
		list->count = 0;
		for (; done < MANY && list->count < MESSAGE_PREFIX_MAX; done++) {
			struct prefix prefix = pfx("10.0.0.0/24");

			prefix.addr.bytes[1] = (uint8_t)(done / 256);
			prefix.addr.bytes[2] = (uint8_t)done;
			list->prefix[list->count++] = prefix;
		}
		routes_announced(&bench.routes, list, &none);
	}
	while (bench.call) {
		ck_assert_uint_le(bench.request.routes.count, REQUEST_PREFIX_MAX);
		answer(ROUTE_ACCEPTED);
	}
	ck_assert_uint_eq(bench.routes.count, MANY);
	for (size_t i = 0; i < bench.routes.count; i++)
		ck_assert_int_eq(bench.routes.items[i].state, ROUTE_INSTALLED);
	free(list);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(refusals_of_ours)
{
	struct message_prefixes *list = list_of("10.7.0.0/16 10.8.0.0/16");
	struct prefix ours[] = { pfx("10.7.0.0/16"), pfx("10.8.0.0/16"), pfx("10.9.0.0/16") };

	begin(10);
	ck_assert_uint_eq(routes_refusal(&bench.routes, &ours[0]), ROUTE_ACCEPTED);
	list->reason[0] = ROUTE_NOT_ALLOWED;
	list->reason[1] = 77; /* of a newer peer */
	routes_refused(&bench.routes, list);
	ck_assert_uint_eq(routes_refusal(&bench.routes, &ours[0]), ROUTE_NOT_ALLOWED);
	ck_assert_uint_eq(routes_refusal(&bench.routes, &ours[1]), 77);
	ck_assert_uint_eq(routes_refusal(&bench.routes, &ours[2]), ROUTE_ACCEPTED);
	/* The peer's last word counts, and does not grow the list. */
	list->reason[0] = ROUTE_LIMIT;
	routes_refused(&bench.routes, list);
	ck_assert_uint_eq(routes_refusal(&bench.routes, &ours[0]), ROUTE_LIMIT);
	ck_assert_uint_eq(bench.routes.refusal_count, 2);
	routes_free(&bench.routes);
}
END_TEST

/* A peer that refuses what was never announced cannot fill the memory. */
START_TEST(refusals_are_bounded)
{
	struct message_prefixes *list = calloc(1, sizeof(*list));

	begin(10);
	for (int round = 0; round < 20; round++) {
		list->count = MESSAGE_PREFIX_MAX;
		for (int i = 0; i < MESSAGE_PREFIX_MAX; i++) {
			list->prefix[i] = pfx("10.0.0.0/24");
			list->prefix[i].addr.bytes[1] = (uint8_t)round;
			list->prefix[i].addr.bytes[2] = (uint8_t)i;
			list->reason[i] = ROUTE_LIMIT;
		}
		routes_refused(&bench.routes, list);
	}
	ck_assert_uint_le(bench.routes.refusal_count, SETTINGS_PREFIX_MAX);
	free(list);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(sends_in_parts)
{
	enum { COUNT = 2 * MESSAGE_PREFIX_MAX + 3 };
	struct prefix *prefixes = calloc(COUNT, sizeof(*prefixes));
	size_t total = 0;

	begin(10);
	routes_send(&bench.routes, MESSAGE_ANNOUNCE, prefixes, 0);
	ck_assert_int_eq(bench.sent_count, 0); /* a message needs at least one */
	for (size_t i = 0; i < COUNT; i++) {
		prefixes[i] = pfx("10.0.0.0/24");
		prefixes[i].addr.bytes[1] = (uint8_t)(i >> 8);
		prefixes[i].addr.bytes[2] = (uint8_t)i;
	}
	routes_send(&bench.routes, MESSAGE_WITHDRAW, prefixes, COUNT);
	for (int m = 0; m < bench.sent_count; m++) {
		const struct message_prefixes *part = &bench.sent[m].prefixes;

		ck_assert_int_eq(bench.sent[m].type, MESSAGE_WITHDRAW);
		ck_assert_uint_ge(part->count, 1);
		ck_assert_uint_le(part->count, MESSAGE_PREFIX_MAX);
		for (uint16_t i = 0; i < part->count; i++)
			ck_assert(prefix_equal(&part->prefix[i], &prefixes[total++]));
	}
	ck_assert_uint_eq(total, COUNT);
	free(prefixes);
	routes_free(&bench.routes);
}
END_TEST

START_TEST(state_words)
{
	for (int i = ROUTE_ABSENT; i <= ROUTE_REFUSED; i++) {
		ck_assert_str_ne(route_state_text((enum route_state)i), "unknown");
		for (int n = ROUTE_ABSENT; n < i; n++)
			ck_assert_str_ne(route_state_text((enum route_state)i),
				route_state_text((enum route_state)n));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("routes");

	unit_add(s, "install", install);
	unit_add(s, "waits_for_the_interface", waits_for_the_interface);
	unit_add(s, "refuse", refuse);
	unit_add(s, "limit", limit);
	unit_add(s, "nothing_allowed", nothing_allowed);
	unit_add(s, "refused_ones_use_up_nothing", refused_ones_use_up_nothing);
	unit_add(s, "refused_ones_are_bounded", refused_ones_are_bounded);
	unit_add(s, "withdraw", withdraw);
	unit_add(s, "withdraw_while_adding", withdraw_while_adding);
	unit_add(s, "announce_while_deleting", announce_while_deleting);
	unit_add(s, "reconnect", reconnect);
	unit_add(s, "adopted", adopted);
	unit_add(s, "kernel_refuses", kernel_refuses);
	unit_add(s, "netd_fails", netd_fails);
	unit_add(s, "cannot_ask", cannot_ask);
	unit_add(s, "interface_goes_and_comes", interface_goes_and_comes);
	unit_add(s, "late_answer", late_answer);
	unit_add(s, "many", many);
	unit_add(s, "refusals_of_ours", refusals_of_ours);
	unit_add(s, "refusals_are_bounded", refusals_are_bounded);
	unit_add(s, "sends_in_parts", sends_in_parts);
	unit_add(s, "state_words", state_words);
	return s;
}

int main(void)
{
	return unit_run("routes", suite());
}
