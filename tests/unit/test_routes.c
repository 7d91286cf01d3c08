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
	ck_assert_int_eq(prefix_parse("10.1.0.0/16", &prefixes[0]), 0);
	ck_assert_int_eq(prefix_parse("10.2.0.0/16", &prefixes[1]), 0);
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
	announce("10.1.0.0/16 10.7.0.0/16");
	call = fixture.call;
	call->pending = false;
	snprintf(reply.verdicts[0].words, sizeof(reply.verdicts[0].words), "cv1 has it");
	call->done(call, &reply, NULL, 0);
	ck_assert_str_eq(route_reason(find("10.1.0.0/16"), text),
		"another tunnel has it with the same metric: cv1 has it");
	ck_assert_ptr_nonnull(
		strstr(route_reason(find("10.7.0.0/16"), text), "this end announces 10.7.0.0/16"));
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(any_of_some)
{
	begin(10);
	routes_set_interface(&fixture.routes, IFINDEX);
	announce("10.1.0.0/16");
	ck_assert(!routes_has_any(&fixture.routes, list_of("10.1.0.0/16"))); /* not yet */
	answer(ROUTE_ACCEPTED);
	ck_assert(routes_has_any(&fixture.routes, list_of("10.9.0.0/16 10.1.0.0/16")));
	ck_assert(!routes_has_any(&fixture.routes, list_of("10.1.0.0/24")));
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
	struct prefix ours[] = { pfx("10.7.0.0/16"), pfx("10.8.0.0/16"), pfx("10.9.0.0/16") };
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
	unit_add(s, "any_of_some", any_of_some);
	unit_add(s, "cannot_ask", cannot_ask);
	unit_add(s, "interface_goes_and_comes", interface_goes_and_comes);
	unit_add(s, "late_answer", late_answer);
	unit_add(s, "refusals_of_ours", refusals_of_ours);
	unit_add(s, "state_words", state_words);
	return s;
}

int main(void)
{
	return unit_run("routes", suite());
}
