/* SPDX-License-Identifier: Apache-2.0 */
/* Further lanes; a dialer that is hurried, stopped or freed in each of its states. */
#include "tests/unit/dialer_fixture.h"

/* ---- further lanes ---- */

START_TEST(direct)
{
	struct endpoint outer = at("192.0.2.3:443"), other = at("192.0.2.4:443");

	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	reaches();
	ck_outer("192.0.2.3:443");
	ck_assert_uint_eq(fixture.asked_count, 0);
	lane_release(fixture.lane);
	/* An attempt that is under way to the same endpoint goes on; one to another is given up. */
	fixture.slow_netd = true;
	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	AWAIT(fixture.call_count > 0);
	netd_answers();
	fill(newest()->fd);
	ck_assert(is_in(ATTEMPT_CONNECTING));
	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	ck_assert(is_in(ATTEMPT_CONNECTING));
	dialer_begin_at(&fixture.dialer, 0, &other, true);
	ck_assert_int_eq(newest()->fd, -1);
	fixture.slow_netd = false;
	reaches();
	ck_outer("192.0.2.4:443");
}
END_TEST

START_TEST(not_wanted)
{
	struct endpoint outer = at("192.0.2.3:443");

	fixture.connect_error = ECONNREFUSED;
	dialer_begin_at(&fixture.dialer, 0, &outer, false);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	ck_failed(1, "192.0.2.3:443");
	AWAIT(fixture.dialer.backoff.attempt == 2); /* there is no other address */
	fixture.unwanted = true;
	AWAIT(fixture.dialer.state == DIALER_RESTING);
	steps(5);
	ck_assert_uint_eq(fixture.failed, 1);
	ck_assert_uint_eq(fixture.sockets, 1);
}
END_TEST

/* ---- hurry and stop ---- */

START_TEST(hurry)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_hurry(&fixture.dialer); /* nothing to hurry */
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	/* A wait ends, and the backoff begins again. */
	fixture.dialer.backoff.attempt = 9;
	dialer_begin(&fixture.dialer, false);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	dialer_hurry(&fixture.dialer);
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 0);
	/* A look-up is left to itself where there is a known endpoint. */
	fixture.silent = true;
	AWAIT(is_asking());
	dialer_hurry(&fixture.dialer);
	ck_assert(is_asking());
	dialer_know(&fixture.dialer, 0, &known);
	dialer_hurry(&fixture.dialer);
	fixture.slow_netd = true;
	AWAIT(fixture.call_count > 0);
	ck_outer("192.0.2.5:443");
	dialer_hurry(&fixture.dialer); /* netd's answer is awaited */
	ck_assert(is_in(ATTEMPT_SOCKET));
	/* A connection into the old network is given up. */
	netd_answers();
	fill(newest()->fd);
	ck_assert(is_in(ATTEMPT_CONNECTING));
	dialer_hurry(&fixture.dialer);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	ck_assert_int_eq(newest()->fd, -1);
	AWAIT(fixture.call_count > 0);
	netd_answers();
	reaches();
}
END_TEST

static void ck_stopped(void)
{
	ck_assert(dialer_is_idle(&fixture.dialer));
	ck_assert_uint_eq(fixture.ended, 1);
	ck_assert_uint_eq(fixture.failed, 0); /* nobody asks any more */
	ck_assert_int_eq(newest()->fd, -1);
	begins();
	dialer_hurry(&fixture.dialer);
	steps(5);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
}

START_TEST(stopped_while_waiting)
{
	dialer_begin(&fixture.dialer, false);
	ck_assert(!dialer_is_idle(&fixture.dialer));
	dialer_stop(&fixture.dialer);
	ck_stopped();
}
END_TEST

START_TEST(stopped_while_resolving)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_keep(&fixture.dialer, &known);
	fixture.silent = true;
	begins();
	AWAIT(is_asking());
	dialer_stop(&fixture.dialer);
	ck_assert(!dialer_is_idle(&fixture.dialer)); /* the thread is out */
	resolver_answers();
	ck_stopped();
	ck_assert_uint_eq(fixture.sockets, 0);
}
END_TEST

START_TEST(stopped_at_netd)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	dialer_stop(&fixture.dialer);
	ck_assert(!dialer_is_idle(&fixture.dialer));
	netd_answers();
	ck_stopped();
	ck_assert_uint_eq(fixture.connects, 0);
}
END_TEST

START_TEST(stopped_while_connecting)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	netd_answers();
	fill(newest()->fd);
	dialer_stop(&fixture.dialer);
	ck_stopped();
}
END_TEST

START_TEST(stopped_while_securing)
{
	begins();
	AWAIT(is_in(ATTEMPT_SECURING));
	dialer_stop(&fixture.dialer);
	ck_assert(fixture.lane->ended && !dialer_is_idle(&fixture.dialer));
	secures("hub"); /* it was on its way */
	ck_assert_uint_eq(fixture.connected, 0);
	lane_ends(LANE_END_ORDERED, "");
	ck_stopped();
}
END_TEST

/* A change of network does not wake it while the resolver still works. */
START_TEST(stopped_and_hurried)
{
	struct endpoint known = at("192.0.2.5:443");

	unit_text(fixture.settings->remotes[0].host, "192.0.2.1"); /* is not hidden */
	dialer_know(&fixture.dialer, 0, &known);
	fixture.connect_error = ECONNREFUSED;
	fixture.silent = true;
	begins();
	AWAIT(is_asking());
	fixture.failed = 0;
	dialer_stop(&fixture.dialer);
	dialer_hurry(&fixture.dialer);
	ck_assert(is_asking());
	resolver_answers();
	ck_stopped();
}
END_TEST

START_TEST(freed)
{
	struct dialer none = { 0 };

	dialer_free(&none); /* never made: there is nothing to free */
	dialer_hurry(&none);
	ck_assert(!dialer_is_idle(&none));
	dialer_free(&fixture.dialer);
	begins();
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	ck_assert(!fixture.dialer.timer.running);
}
END_TEST

START_TEST(state_names)
{
	for (int state = 0; state < DIALER_STATE_COUNT; state++)
		ck_assert_str_ne(dialer_state_text((enum dialer_state)state), "unknown");
	ck_assert_str_eq(dialer_state_text(DIALER_STATE_COUNT), "unknown");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { direct, not_wanted, hurry, stopped_while_waiting,
		stopped_while_resolving, stopped_at_netd, stopped_while_connecting,
		stopped_while_securing, stopped_and_hurried, freed, state_names };

	return unit_suite("dialer_stop", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("dialer_stop", suite());
}
