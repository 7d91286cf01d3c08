/* SPDX-License-Identifier: Apache-2.0 */
/* What a dialer remembers of addresses: where it reached the server, and which server asks for a pause. */
#include "tests/unit/dialer_fixture.h"

/* ---- where it was reached before ---- */

START_TEST(kept_address)
{
	begins();
	reaches();
	begins_again();
	fixture.answer_count = 0; /* the name server is gone */
	AWAIT(fixture.asked_count == 2);
	reaches();
	ck_outer("192.0.2.1:443");
	ck_assert_uint_eq(fixture.failed, 0);
}
END_TEST

/* An earlier engine left word; and no name is waited for when there is something else to try. */
START_TEST(slow_name)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_keep(&fixture.dialer, &known);
	fixture.silent = true;
	begins();
	reaches();
	ck_outer("192.0.2.5:443");
	fixture.silent = false;
	resolver_answers(); /* too late, for nobody */
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
}
END_TEST

/* With nothing else to try, a name may take as long as it takes. */
START_TEST(slow_name_alone)
{
	fixture.silent = true;
	begins();
	AWAIT(fixture.asked_count == 1);
	ck_assert(is_asking());
	ck_assert(!fixture.dialer.timer.running);
}
END_TEST

/* It is kept for each remote, and for nothing else. */
START_TEST(kept_for_every_remote)
{
	struct endpoint known = at("192.0.2.5:443"), out[KEPT_ADDRESSES_MAX];

	while (fixture.settings->remote_count < SETTINGS_REMOTES_MAX)
		has_remote("more.example");
	dialer_keep(&fixture.dialer, &known);
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++)
		ck_assert_uint_eq(kept_addresses_get(&fixture.dialer.kept, i, out), 1);
	ck_assert_uint_eq(fixture.dialer.outer.port, 0);
}
END_TEST

/* Behind a tunnel that is not there names wait: the known endpoint comes first, alone for five times. */
START_TEST(known_endpoint)
{
	struct endpoint known = at("192.0.2.5:443");

	fixture.connect_error = ECONNREFUSED;
	dialer_know(&fixture.dialer, 0, &known);
	for (unsigned i = 1; i <= 5; i++) {
		begins();
		ck_failed(i, "192.0.2.5:443");
		if (i < 5)
			steps(3);
		ck_assert_uint_eq(fixture.asked_count, 0);
	}
	ck_failed(6, "192.0.2.1:443");
	ck_assert_str_eq(fixture.asked[0], "one.example:443");
	dialer_know(&fixture.dialer, 0, &known); /* reached again */
	begins();
	ck_failed(7, "192.0.2.5:443");
	steps(5);
	ck_assert_uint_eq(fixture.asked_count, 1);
}
END_TEST

/* An address needs no name server, so it is tried at once behind the known one. */
START_TEST(known_and_an_address)
{
	struct endpoint known = at("192.0.2.5:443");

	unit_text(fixture.settings->remotes[0].host, "192.0.2.1");
	fixture.connect_error = ECONNREFUSED;
	dialer_know(&fixture.dialer, 0, &known);
	begins();
	ck_failed(1, "192.0.2.5:443");
	ck_failed(2, "192.0.2.1:443");
}
END_TEST

/* ---- servers that want to be left alone ---- */

START_TEST(held_server)
{
	struct endpoint held = at("192.0.2.1:443");

	fixture.answer_count = 2;
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(0)); /* nothing */
	ck_assert_int_eq(holds_shortest(&fixture.dialer.holds, mono_now()).ns, 0);
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(60));
	begins();
	reaches();
	ck_outer("[2001:db8::1]:443"); /* only that one is passed over */
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer, DURATION_S(60));
	begins_again();
	/* Nobody is left to call: the backoff's wait is not enough. */
	AWAIT(fixture.dialer.state == DIALER_WAITING && fixture.dialer.backoff.attempt == 1);
	ck_assert_int_gt(fixture.dialer.timer.due.ns, mono_add(mono_now(), DURATION_S(30)).ns);
	ck_assert_uint_eq(fixture.sockets, 1);
}
END_TEST

/* Two names of one server: it is held by either. */
START_TEST(held_under_two_names)
{
	has_remote("two.example");
	begins();
	reaches();
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer, DURATION_S(60));
	begins_again();
	AWAIT(fixture.dialer.state == DIALER_WAITING && fixture.dialer.backoff.attempt == 1);
	ck_assert_uint_eq(fixture.sockets, 1);
}
END_TEST

/* Two servers behind one proxy have one address: the hold is of the one that asked for it. */
START_TEST(held_behind_a_proxy)
{
	fixture.settings->proxy = (struct proxy){
		.kind = PROXY_HTTP, .host = "proxy.example", .port = 3128
	};
	has_remote("two.example");
	begins();
	AWAIT(fixture.leg != NULL);
	ck_assert_str_eq(fixture.leg_remote->host, "one.example");
	proxy_says(NULL);
	reaches();
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer, DURATION_S(60));
	begins_again();
	AWAIT(fixture.leg != NULL);
	ck_assert_str_eq(fixture.leg_remote->host, "two.example");
}
END_TEST

/* Another server may be there again at any time, so a hold does not stretch its wait. */
START_TEST(held_beside_another)
{
	struct endpoint held = at("192.0.2.1:443");

	fixture.answer_count = 2;
	fixture.connect_error = ECONNREFUSED;
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(60));
	begins();
	ck_failed(1, "[2001:db8::1]:443");
	AWAIT(fixture.dialer.state == DIALER_WAITING);
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 1);
	ck_due_within(DURATION_S(10));
}
END_TEST

/* A hold is known without a round where there is one server alone. */
START_TEST(held_and_alone)
{
	begins();
	reaches();
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer, DURATION_S(60));
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer,
		DURATION_S(0)); /* changes nothing */
	lane_release(fixture.lane);
	dialer_begin(&fixture.dialer, false);
	ck_due_after(DURATION_S(30));
}
END_TEST

/* Another name, or another address of the name, is tried after the usual wait. */
START_TEST(held_and_not_alone)
{
	if (_i == 0)
		has_remote("two.example");
	else
		fixture.answer_count = 2;
	begins();
	reaches();
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &fixture.dialer.outer, DURATION_S(60));
	lane_release(fixture.lane);
	dialer_begin(&fixture.dialer, false);
	ck_due_within(DURATION_S(10));
}
END_TEST

/* While the known server is held, the other remotes' names are resolved at once; not otherwise. */
START_TEST(held_and_known)
{
	struct endpoint known = at("192.0.2.5:443");

	has_remote("two.example");
	dialer_know(&fixture.dialer, 0, &known);
	fixture.connect_error = ECONNREFUSED;
	begins();
	ck_failed(1, "192.0.2.5:443");
	steps(5);
	ck_assert_uint_eq(fixture.asked_count, 0);
	fixture.connect_error = EINPROGRESS;
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &known, DURATION_S(60));
	begins();
	reaches();
	ck_outer("192.0.2.1:443");
}
END_TEST

/* With one remote alone its name stays behind the tunnel. */
START_TEST(held_and_known_alone)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_know(&fixture.dialer, 0, &known);
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &known, DURATION_S(60));
	begins();
	AWAIT(fixture.dialer.backoff.attempt == 1);
	ck_assert_uint_eq(fixture.asked_count, 0);
}
END_TEST

/* A pause longer than the client makes is told. */
START_TEST(long_holds_are_logged)
{
	struct endpoint held = at("192.0.2.1:443");

	log_capture_begin(LOG_LEVEL_NOTICE);
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(HOLD_LONGEST_S));
	ck_assert_uint_eq(log_count("asks for a pause"), 0);
	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(HOLD_LONGEST_S + 1));
	ck_assert_uint_eq(log_count("asks for a pause"), 1);
	log_capture_end();
}
END_TEST

/* A hold has an upper bound, whatever the server says. */
START_TEST(held_for_long)
{
	struct endpoint held = at("192.0.2.1:443");

	dialer_hold(&fixture.dialer, fixture.dialer.remote, &held, DURATION_S(1000000));
	ck_assert_int_le(holds_shortest(&fixture.dialer.holds, mono_now()).ns,
		DURATION_S(HOLD_LONGEST_S).ns);
	ck_assert_int_gt(holds_shortest(&fixture.dialer.holds, mono_now()).ns, 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { kept_address, slow_name, slow_name_alone,
		kept_for_every_remote, known_endpoint, known_and_an_address, held_server,
		held_under_two_names, held_behind_a_proxy, held_beside_another, held_and_alone,
		held_and_known, held_and_known_alone, long_holds_are_logged, held_for_long };
	Suite *s = unit_suite("dialer_held", setup, teardown, tests, ARRAY_SIZE(tests));
	TCase *tcase = tcase_create("held and not alone");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, held_and_not_alone, 0, 2);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("dialer_held", suite());
}
