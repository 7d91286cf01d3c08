/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the prefixes of a peer, and of ours at the peer; their bounds: test_routes_limits.c. */
#include "tests/unit/routes_fixture.h"

#include <errno.h>

START_TEST(install)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	ck_assert_int_eq(fixture.asked, 0);
	announce("10.1.0.0/16 fd00:1::/48");
	ck_assert_int_eq(fixture.asked, 1);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(fixture.request.routes.interface, IFINDEX);
	ck_assert_uint_eq(fixture.request.routes.count, 2);
	ck_state("10.1.0.0/16", ROUTE_ADDING);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("fd00:1::/48", ROUTE_INSTALLED);
	ck_assert_int_ge(fixture.changes, 1);
	ck_assert_int_eq(fixture.installed, 2);
	ck_assert_int_eq(fixture.sent_count, 0);
	announce("10.1.0.0/16"); /* again: nothing to do */
	ck_assert_int_eq(fixture.asked, 1);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(waits_for_the_interface)
{
	begin(10);
	announce("10.1.0.0/16");
	ck_assert_int_eq(fixture.asked, 0);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	routes_set_interface(&fixture.routes, IFINDEX);
	ck_assert_int_eq(fixture.asked, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(refuse)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce(
		"0.0.0.0/0 203.0.113.0/24 10.99.0.0/25 10.50.0.0/24 10.7.0.0/16 10.1.0.0/16 10.2.0.1/16");
	ck_assert_int_eq(fixture.sent_count, 1);
	ck_assert_uint_eq(fixture.sent[0].prefixes.count, 6);
	ck_refusal(0, 0, "0.0.0.0/0", ROUTE_DEFAULT);
	ck_refusal(0, 1, "203.0.113.0/24", ROUTE_NOT_ALLOWED);
	ck_refusal(0, 2, "10.99.0.0/25", ROUTE_TUNNEL);
	ck_refusal(0, 3, "10.50.0.0/24", ROUTE_OUTER);
	ck_refusal(0, 4, "10.7.0.0/16", ROUTE_LOCAL);
	ck_refusal(0, 5, "10.2.0.1/16", ROUTE_HOST_BITS);
	ck_assert_int_eq(fixture.refused, 6);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	ck_assert_int_eq(find("203.0.113.0/24")->verdict, ROUTE_NOT_ALLOWED);
	/* Only the good one goes to netd. */
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	answer(ROUTE_ACCEPTED);
	/* Withdrawn, a refused one is forgotten, and netd has nothing to do with it. */
	routes_withdrawn(&fixture.routes, list_of("203.0.113.0/24"));
	ck_assert_ptr_null(find("203.0.113.0/24"));
	ck_assert_int_eq(fixture.asked, 1);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(withdraw)
{
	int changes;

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16");
	answer(ROUTE_ACCEPTED);
	routes_withdrawn(&fixture.routes, list_of("10.5.0.0/16")); /* never announced */
	ck_assert_int_eq(fixture.asked, 1);
	changes = fixture.changes;
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	/* What may pass is narrowed before the kernel has answered. */
	ck_assert_int_gt(fixture.changes, changes);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.1.0.0/16"));
	ck_assert_int_eq(fixture.removed, 1);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(withdraw_while_adding)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	ck_assert_int_eq(fixture.asked, 1); /* one request at a time */
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(fixture.asked, 2);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.1.0.0/16"));
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(announce_while_deleting)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_ADD);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

/* Nothing is asked of netd, or is still to be. What was refused is done with. */
START_TEST(settled)
{
	begin(10);
	ck_assert(routes_complete(&fixture.routes));
	announce("10.1.0.0/16 203.0.113.0/24");
	ck_assert(!routes_complete(&fixture.routes)); /* there is no interface yet */
	routes_set_interface(&fixture.routes, IFINDEX);
	ck_assert(!routes_complete(&fixture.routes));
	answer(ROUTE_ACCEPTED);
	ck_assert(routes_complete(&fixture.routes));
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	ck_assert(!routes_complete(&fixture.routes));
	answer(ROUTE_ACCEPTED);
	ck_assert(routes_complete(&fixture.routes));
	announce("10.1.0.0/16");
	answer(ROUTE_FAILED);
	ck_assert(routes_complete(&fixture.routes));
	routes_free(&fixture.routes);
}
END_TEST

/* culvert run: nothing but the tunnel is there. */
START_TEST(default_route_is_welcome)
{
	begin(10);
	fixture.routes.rule.full_tunnel = true;
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("0.0.0.0/0 ::/0 203.0.113.0/24");
	ck_assert_int_eq(fixture.refused, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("0.0.0.0/0", ROUTE_INSTALLED);
	ck_state("::/0", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(reconnect)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16 203.0.113.0/24");
	answer(ROUTE_ACCEPTED);
	routes_begin(&fixture.routes);
	announce("10.2.0.0/16");
	ck_assert_int_eq(fixture.asked, 1);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED); /* it stays until the peer has said all */
	routes_end(&fixture.routes);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	answer(ROUTE_ACCEPTED);
	ck_assert_uint_eq(fixture.routes.count, 1);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(adopted)
{
	struct prefix prefixes[2];

	begin(8);
	prefixes[0] = prefix_of("10.1.0.0/16");
	prefixes[1] = prefix_of("10.2.0.0/16");
	routes_set_interface(&fixture.routes, IFINDEX);
	ck_assert_int_eq(routes_adopt(&fixture.routes, prefixes, 2), 0);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_assert_int_eq(fixture.asked, 0); /* the kernel has them */
	/* A connection: one is repeated, and the other goes. */
	routes_begin(&fixture.routes);
	announce("10.1.0.0/16");
	ck_assert_int_eq(fixture.asked, 0);
	routes_end(&fixture.routes);
	ck_assert_int_eq(fixture.asked, 1);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	ck_assert(prefix_equal(&fixture.request.routes.prefix[0], &prefixes[1]));
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.2.0.0/16"));
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(kernel_refuses)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_TAKEN);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_TAKEN);
	/* A later announcement is a new try. */
	announce("10.1.0.0/16");
	ck_assert_int_eq(fixture.asked, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	/* A verdict that this version does not know is a failure. */
	announce("10.2.0.0/16");
	answer(200);
	ck_refusal(1, 0, "10.2.0.0/16", ROUTE_FAILED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(netd_fails)
{
	struct request_reply reply = { .error = EPERM, .text = "no" };
	struct netd_call *call;

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	call = fixture.call;
	call->pending = false;
	call->done(call, &reply, NULL, 0);
	ck_state("10.1.0.0/16", ROUTE_REFUSED);
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_FAILED);
	routes_free(&fixture.routes);
}
END_TEST

/* netd says what stands in the way; of our own announcements we know ourselves. */
START_TEST(reasons)
{
	struct request_reply reply = { .count = 1, .verdicts[0].verdict = ROUTE_TAKEN };
	struct netd_call *call;
	char text[ROUTE_REASON_MAX];

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.7.0.0/16 203.0.113.0/24");
	call = fixture.call;
	call->pending = false;
	snprintf(reply.verdicts[0].reason, sizeof(reply.verdicts[0].reason), "cv1 has it");
	call->done(call, &reply, NULL, 0);
	ck_assert_str_eq(route_reason(find("10.1.0.0/16"), text),
		"another tunnel has it with the same metric: cv1 has it");
	ck_assert_ptr_nonnull(
		strstr(route_reason(find("10.7.0.0/16"), text), "this end announces 10.7.0.0/16"));
	ck_assert_str_eq(
		route_reason(find("203.0.113.0/24"), text), route_verdict_text(ROUTE_NOT_ALLOWED));
	routes_free(&fixture.routes);
}
END_TEST

static bool has_any(const char *text)
{
	const struct message_prefixes *list = list_of(text);

	return routes_has_any(&fixture.routes, list->prefix, list->count);
}

START_TEST(any_of_some)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_assert(!has_any("10.1.0.0/16")); /* not yet */
	answer(ROUTE_ACCEPTED);
	ck_assert(has_any("10.1.0.0/16 10.9.0.0/16"));
	ck_assert(has_any("10.9.0.0/16 10.1.0.0/16"));
	ck_assert(!has_any("10.1.0.0/24"));
	routes_free(&fixture.routes);
}
END_TEST

/* A request that cannot be made leaves everything to the next occasion. */
START_TEST(cannot_ask)
{
	begin(10);
	fixture.ask_error = -ENOMEM;
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	fixture.ask_error = 0;
	announce("10.2.0.0/16");
	ck_assert_uint_eq(fixture.request.routes.count, 2);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(interface_goes_and_comes)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 203.0.113.0/24");
	answer(ROUTE_ACCEPTED);
	routes_set_interface(&fixture.routes, 0);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	ck_state("203.0.113.0/24", ROUTE_REFUSED);
	ck_assert_int_eq(fixture.asked, 1);
	routes_set_interface(&fixture.routes, IFINDEX + 1);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(fixture.request.routes.interface, IFINDEX + 1);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

/* netd's answer comes when the interface it was about has gone. */
START_TEST(late_answer)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	routes_set_interface(&fixture.routes, 0);
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_ABSENT);
	ck_assert_int_eq(fixture.installed, 0);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(refusals_of_ours)
{
	struct message_prefixes *list = list_of("10.7.0.0/16 10.8.0.0/16");
	struct prefix ours[] = { prefix_of("10.7.0.0/16"), prefix_of("10.8.0.0/16"),
		prefix_of("10.9.0.0/16") };
	const struct prefix_list told = { ours, 3 };

	begin(10);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_ACCEPTED);
	list->reason[0] = ROUTE_NOT_ALLOWED;
	list->reason[1] = 77; /* of a newer peer */
	routes_refused(&fixture.routes, list, &told);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_NOT_ALLOWED);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[1]), 77);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[2]), ROUTE_ACCEPTED);
	/* The peer's last word counts, and does not grow the list. */
	list->reason[0] = ROUTE_LIMIT;
	routes_refused(&fixture.routes, list, &told);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_LIMIT);
	ck_assert_uint_eq(fixture.routes.refusal_count, 2);
	routes_free(&fixture.routes);
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

/* What was accepted once may be refused later: the peer has come from an address inside of its own prefix. */
START_TEST(accepted_no_more)
{
	int changes;

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	announce("10.2.0.0/16"); /* on its way to the kernel */
	changes = fixture.changes;
	fixture.outer[0] = prefix_of("10.2.0.1").addr;
	announce("10.2.0.0/16");
	ck_refusal(0, 0, "10.2.0.0/16", ROUTE_OUTER);
	ck_assert_int_eq(fixture.changes, changes); /* nothing passed yet */
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	answer(ROUTE_ACCEPTED);
	ck_assert_ptr_null(find("10.2.0.0/16"));
	changes = fixture.changes;
	fixture.outer[0] = prefix_of("10.1.0.1").addr;
	announce("10.1.0.0/16");
	ck_refusal(1, 0, "10.1.0.0/16", ROUTE_OUTER);
	ck_assert_int_eq(fixture.changes, changes + 1);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	answer(ROUTE_ACCEPTED);
	ck_assert_uint_eq(fixture.routes.count, 0);
	routes_free(&fixture.routes);
}
END_TEST

/* A change lets the caller narrow its filter: only a prefix that passed and passes no more is one. */
START_TEST(changes_are_told)
{
	int changes;

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("203.0.113.0/24 10.1.0.0/16 10.2.0.0/16");
	routes_withdrawn(&fixture.routes, list_of("203.0.113.0/24 10.1.0.0/16"));
	ck_assert_int_eq(fixture.changes, 0);
	answer(ROUTE_ACCEPTED); /* and 10.1.0.0/16 goes again */
	answer(ROUTE_ACCEPTED);
	announce("203.0.113.0/24");
	changes = fixture.changes;
	routes_begin(&fixture.routes);
	announce("10.2.0.0/16 203.0.113.0/24");
	routes_end(&fixture.routes);
	ck_assert_int_eq(fixture.changes, changes);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	ck_state("203.0.113.0/24", ROUTE_REFUSED); /* repeated, it is kept for status */
	routes_begin(&fixture.routes);
	routes_end(&fixture.routes);
	ck_assert_int_eq(fixture.changes, changes + 1);
	ck_state("10.2.0.0/16", ROUTE_DELETING);
	ck_assert_ptr_null(find("203.0.113.0/24"));
	routes_free(&fixture.routes);
}
END_TEST

/* At the end of routes, too. */
START_TEST(changes_at_the_end_are_told)
{
	int changes;

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	changes = fixture.changes;
	routes_begin(&fixture.routes);
	routes_end(&fixture.routes);
	ck_assert_int_eq(fixture.changes, changes + 1);
	answer(ROUTE_ACCEPTED);
	announce("203.0.113.0/24");
	changes = fixture.changes;
	routes_begin(&fixture.routes);
	routes_end(&fixture.routes);
	ck_assert_ptr_null(find("203.0.113.0/24"));
	ck_assert_int_eq(fixture.changes, changes); /* it never passed */
	routes_free(&fixture.routes);
}
END_TEST

static void answer_with(const struct request_reply *reply)
{
	struct netd_call *call = fixture.call;

	fixture.call = NULL;
	call->pending = false;
	call->done(call, reply, NULL, 0);
}

/* What netd does not say yes to is not installed. */
START_TEST(netd_says_less_than_it_was_asked)
{
	struct request_reply reply = { .count = 1 };
	char text[ROUTE_REASON_MAX];

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16");
	answer_with(&reply);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_state("10.2.0.0/16", ROUTE_REFUSED);
	ck_refusal(0, 0, "10.2.0.0/16", ROUTE_FAILED);
	ck_assert_str_eq(route_reason(find("10.2.0.0/16"), text), route_verdict_text(ROUTE_FAILED));
	reply.error = EPERM;
	announce("10.3.0.0/16");
	answer_with(&reply);
	ck_refusal(1, 0, "10.3.0.0/16", ROUTE_FAILED);
	/* The first number that this version has no verdict for. */
	announce("10.4.0.0/16");
	answer(ROUTE_VERDICT_COUNT);
	ck_refusal(2, 0, "10.4.0.0/16", ROUTE_FAILED);
	reply = (struct request_reply){ .count = 1,
		.verdicts[0] = { .verdict = ROUTE_TAKEN, .reason = "x" } };
	announce("10.5.0.0/16");
	answer_with(&reply);
	ck_assert_str_eq(route_reason(find("10.5.0.0/16"), text),
		"another tunnel has it with the same metric: x");
	routes_free(&fixture.routes);
}
END_TEST

/* The session goes: nothing more is asked, whatever comes. */
START_TEST(clearing)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	fixture.routes.clearing = true;
	announce("10.2.0.0/16");
	answer(ROUTE_ACCEPTED);
	announce("10.3.0.0/16");
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	ck_assert_int_eq(fixture.asked, 1);
	routes_free(&fixture.routes);
}
END_TEST

/* Withdrawn, and its interface gone, while netd is asked: there is nothing left to be answered. */
START_TEST(answer_about_nothing)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	ck_state("10.1.0.0/16", ROUTE_ADDING);
	routes_set_interface(&fixture.routes, 0);
	ck_assert_uint_eq(fixture.routes.count, 0);
	answer(ROUTE_ACCEPTED);
	ck_assert_int_eq(fixture.installed + fixture.removed + fixture.refused, 0);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(cannot_ask_to_delete)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	fixture.ask_error = -ENOMEM;
	routes_withdrawn(&fixture.routes, list_of("10.1.0.0/16"));
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_assert(!route_in_use(find("10.1.0.0/16")));
	fixture.ask_error = 0;
	announce("10.2.0.0/16");
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_DELETE);
	ck_state("10.1.0.0/16", ROUTE_DELETING);
	routes_free(&fixture.routes);
}
END_TEST

/* netd tells in parts which routes another program took. */
START_TEST(missing)
{
	struct prefix some[] = { prefix_of("10.3.0.0/16"), prefix_of("203.0.113.0/24"),
		prefix_of("10.1.0.0/16") };
	struct prefix other[REQUEST_PREFIX_MAX + 1] = { prefix_of("10.2.0.0/16") };

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 203.0.113.0/24");
	answer(ROUTE_ACCEPTED);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 0);
	routes_missing(&fixture.routes, some, ARRAY_SIZE(some), true);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 2);
	ck_assert_str_eq(route_text(find("10.1.0.0/16")), "missing");
	ck_assert_str_eq(route_text(find("10.2.0.0/16")), "installed");
	ck_assert_str_eq(route_text(find("203.0.113.0/24")), "refused");
	ck_assert(route_in_use(find("10.1.0.0/16"))); /* the peer means packets to take it */
	routes_missing(&fixture.routes, other, 1, false);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 3);
	routes_missing(&fixture.routes, other, 0, false);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 3);
	routes_missing(&fixture.routes, other, 1, true);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 1);
	/* More than a message holds is none that netd sends. */
	routes_missing(&fixture.routes, other, REQUEST_PREFIX_MAX + 1, true);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 1);
	routes_missing(&fixture.routes, other, 0, true);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 0);
	routes_missing(&fixture.routes, other, REQUEST_PREFIX_MAX, true);
	ck_assert_uint_eq(routes_count_missing(&fixture.routes), 1);
	routes_free(&fixture.routes);
}
END_TEST

static struct request_judged judged_as(const char *prefix, uint8_t verdict, const char *reason)
{
	struct request_judged judged = { .interface = IFINDEX, .prefix = prefix_of(prefix) };

	judged.verdict.verdict = verdict;
	unit_text(judged.verdict.reason, reason);
	return judged;
}

/* The laptop comes home, where the network is on-link, and leaves again. */
START_TEST(judged_again)
{
	struct request_judged local = judged_as("192.168.5.0/24", ROUTE_LOCAL, "wlan0 has it");
	struct request_judged unknown = judged_as("192.168.6.0/24", ROUTE_LOCAL, "");

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("192.168.5.0/24 10.2.0.0/16");
	answer(ROUTE_ACCEPTED);
	routes_judged(&fixture.routes, &unknown);
	routes_judged(&fixture.routes, &local);
	ck_state("192.168.5.0/24", ROUTE_REFUSED);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	ck_assert_str_eq(find("192.168.5.0/24")->reason, "wlan0 has it");
	ck_assert_int_eq(fixture.sent_count, 1);
	ck_assert_int_eq(fixture.sent[0].type, MESSAGE_REFUSE);
	ck_assert_int_eq(fixture.refused, 1);

	routes_ask_again(&fixture.routes);
	ck_assert_int_eq(fixture.request.type, REQUEST_ROUTE_ADD);
	ck_assert_uint_eq(fixture.request.routes.count, 1);
	answer(ROUTE_LOCAL); /* without the reason: another one, which is told */
	ck_assert_int_eq(fixture.refused, 2);
	routes_ask_again(&fixture.routes);
	answer(ROUTE_LOCAL); /* the same, which is not */
	ck_state("192.168.5.0/24", ROUTE_REFUSED);
	ck_assert_int_eq(fixture.refused, 2);
	ck_assert_int_eq(fixture.sent_count, 2);
	routes_ask_again(&fixture.routes);
	answer(ROUTE_ACCEPTED);
	ck_state("192.168.5.0/24", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

/* The peer hears the same refusal again once the route was there, or once it has announced it again. */
START_TEST(same_refusal_is_told_again)
{
	struct request_judged local = judged_as("192.168.5.0/24", ROUTE_LOCAL, "");

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("192.168.5.0/24");
	answer(ROUTE_LOCAL);
	ck_assert_int_eq(fixture.sent_count, 1);
	routes_ask_again(&fixture.routes);
	answer(ROUTE_ACCEPTED);
	routes_judged(&fixture.routes, &local);
	ck_assert_int_eq(fixture.sent_count, 2);
	routes_ask_again(&fixture.routes);
	answer(ROUTE_LOCAL);
	ck_assert_int_eq(fixture.sent_count, 2);
	announce("192.168.5.0/24");
	answer(ROUTE_LOCAL);
	ck_assert_int_eq(fixture.sent_count, 3);
	/* The announcement comes while netd is asked. */
	routes_ask_again(&fixture.routes);
	announce("192.168.5.0/24");
	answer(ROUTE_LOCAL);
	ck_assert_int_eq(fixture.sent_count, 4);
	ck_assert_int_eq(fixture.refused, 4);
	/* Another verdict is another refusal. */
	routes_ask_again(&fixture.routes);
	answer(ROUTE_OUTER);
	ck_refusal(4, 0, "192.168.5.0/24", ROUTE_OUTER);
	routes_free(&fixture.routes);
}
END_TEST

/* Those that depend on the host's networks, once each; one that is asked for or installed is not. */
START_TEST(places_are_asked_again)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	answer(ROUTE_LOCAL);
	announce("10.2.0.0/16");
	answer(ROUTE_OUTER);
	announce("10.3.0.0/16");
	answer(ROUTE_TAKEN);
	routes_ask_again(&fixture.routes);
	ck_assert_uint_eq(fixture.request.routes.count, 2);
	fixture.asked = 0;
	routes_ask_again(&fixture.routes);
	ck_state("10.1.0.0/16", ROUTE_ADDING);
	answer(ROUTE_ACCEPTED);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	ck_state("10.3.0.0/16", ROUTE_REFUSED);
	routes_ask_again(&fixture.routes);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	ck_assert_int_eq(fixture.asked, 0);
	routes_free(&fixture.routes);
}
END_TEST

/* What this end refuses by itself, and what has nothing to do with networks, is not asked again. */
START_TEST(others_are_not_asked_again)
{
	struct prefix own[] = { prefix_of("10.4.0.0/16") };
	const struct prefix_list local = { own, 1 };

	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.7.0.0/16 203.0.113.0/24");
	announce("10.3.0.0/16");
	answer(ROUTE_FAILED);
	/* netd has refused it first, and then this end announces it itself. */
	announce("10.4.0.0/16");
	answer(ROUTE_LOCAL);
	routes_announced(&fixture.routes, list_of("10.4.0.0/16"), &local);
	ck_assert_int_eq(find("10.4.0.0/16")->verdict, ROUTE_LOCAL);
	fixture.asked = 0;
	routes_ask_again(&fixture.routes);
	ck_assert_int_eq(fixture.asked, 0);
	routes_free(&fixture.routes);
}
END_TEST

/* A refusal counts until the prefix is withdrawn or a connection begins. */
START_TEST(refusals_are_forgotten)
{
	struct message_prefixes *list = list_of("10.7.0.0/16 10.8.0.0/16");
	struct prefix ours[] = { prefix_of("10.7.0.0/16"), prefix_of("10.8.0.0/16") };
	const struct prefix_list told = { ours, 2 };

	begin(10);
	list->reason[0] = list->reason[1] = ROUTE_LIMIT;
	routes_refused(&fixture.routes, list, &told);
	routes_forget_refusal(&fixture.routes, &ours[1]);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[1]), ROUTE_ACCEPTED);
	routes_forget_refusal(&fixture.routes, &ours[1]);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_LIMIT);
	routes_begin(&fixture.routes);
	ck_assert_uint_eq(routes_refusal(&fixture.routes, &ours[0]), ROUTE_ACCEPTED);
	routes_free(&fixture.routes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("routes");

	unit_add(s, "install", install);
	unit_add(s, "waits_for_the_interface", waits_for_the_interface);
	unit_add(s, "refuse", refuse);
	unit_add(s, "withdraw", withdraw);
	unit_add(s, "withdraw_while_adding", withdraw_while_adding);
	unit_add(s, "announce_while_deleting", announce_while_deleting);
	unit_add(s, "settled", settled);
	unit_add(s, "default_route_is_welcome", default_route_is_welcome);
	unit_add(s, "reconnect", reconnect);
	unit_add(s, "adopted", adopted);
	unit_add(s, "kernel_refuses", kernel_refuses);
	unit_add(s, "netd_fails", netd_fails);
	unit_add(s, "reasons", reasons);
	unit_add(s, "judged_again", judged_again);
	unit_add(s, "same_refusal_is_told_again", same_refusal_is_told_again);
	unit_add(s, "places_are_asked_again", places_are_asked_again);
	unit_add(s, "others_are_not_asked_again", others_are_not_asked_again);
	unit_add(s, "any_of_some", any_of_some);
	unit_add(s, "cannot_ask", cannot_ask);
	unit_add(s, "interface_goes_and_comes", interface_goes_and_comes);
	unit_add(s, "late_answer", late_answer);
	unit_add(s, "refusals_of_ours", refusals_of_ours);
	unit_add(s, "state_words", state_words);
	unit_add(s, "accepted_no_more", accepted_no_more);
	unit_add(s, "changes_are_told", changes_are_told);
	unit_add(s, "changes_at_the_end_are_told", changes_at_the_end_are_told);
	unit_add(s, "netd_says_less_than_it_was_asked", netd_says_less_than_it_was_asked);
	unit_add(s, "clearing", clearing);
	unit_add(s, "answer_about_nothing", answer_about_nothing);
	unit_add(s, "cannot_ask_to_delete", cannot_ask_to_delete);
	unit_add(s, "missing", missing);
	unit_add(s, "refusals_are_forgotten", refusals_are_forgotten);
	return s;
}

int main(void)
{
	return unit_run("routes", suite());
}
