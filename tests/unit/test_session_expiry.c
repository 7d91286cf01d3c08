/* SPDX-License-Identifier: Apache-2.0 */
/* A session ends with its peer's certificate, by a wall clock that jumps. session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include <time.h>

enum { NOW = 1800000000 };

static int64_t wall = NOW;

time_t time(time_t *ret_time)
{
	if (ret_time)
		*ret_time = (time_t)wall;
	return (time_t)wall;
}

/* The session looks at the clock then, and looks again or ends. */
static void look_at(int64_t now)
{
	wall = now;
	fixture_expire(&fixture.session->expiry);
}

START_TEST(waits)
{
	static const struct {
		int64_t until, wait;
	} cases[] = {
		{ 0, SESSION_EXPIRY_LOOK_S }, /* it never ends */
		{ NOW + 86400L * 365 * 100, SESSION_EXPIRY_LOOK_S },
		{ NOW + SESSION_EXPIRY_LOOK_S + 1, SESSION_EXPIRY_LOOK_S },
		{ NOW + SESSION_EXPIRY_LOOK_S, SESSION_EXPIRY_LOOK_S },
		{ NOW + 1, 1 },
		{ NOW, 0 }, /* as a handshake judges: that second is too late */
		{ NOW - 1, 0 },
		{ 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(
			session_expiry_wait(cases[i].until, NOW).ns == DURATION_S(cases[i].wait).ns,
			"case %zu", i);
}
END_TEST

/* The clock is set: forward, it has ended; back, it has not. */
START_TEST(jumps)
{
	int64_t until = NOW + 3600;

	ck_assert_int_gt(session_expiry_wait(until, NOW).ns, 0);
	ck_assert_int_eq(session_expiry_wait(until, NOW + 7200).ns, 0);
	ck_assert_int_gt(session_expiry_wait(until, 0).ns, 0);
}
END_TEST

/* The first end among the certificates of its lanes counts, to the second; 0: that one has none. */
START_TEST(first_of_several)
{
	static const int64_t ends[][3] = {
		{ NOW + 200, NOW + 100, NOW + 150 },
		{ NOW + 100, NOW + 200, NOW + 150 },
		{ NOW + 100, NOW + 100, NOW + 200 },
		{ NOW + 100, 0, 0 },
		{ 0, NOW + 100, 0 },
	};
	struct lane *lanes[] = { open_up(3), join_up(), join_up() };

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		lanes[i]->valid_until = ends[_i][i];
	look_at(NOW + 99);
	ck_state(SESSION_UP);
	ck_assert_int_eq(mono_since(fixture.session->expiry.due, fixture.now).ns, DURATION_S(1).ns);
	look_at(NOW + 100);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lanes[0], GOODBYE_EXPIRED);
}
END_TEST

/* Certificates without an end, and that of a lane with which the session does not go on. */
START_TEST(of_no_lane)
{
	struct lane *old = open_up(1);

	look_at(NOW + 86400L * 365 * 100);
	ck_state(SESSION_UP);
	old->valid_until = NOW;
	session_disconnect(fixture.session, "it is tested");
	open_up(1);
	ck_assert(!old->released);
	look_at(NOW + 1);
	ck_state(SESSION_UP);
}
END_TEST

/* What the goodbye tells its reader to renew. */
START_TEST(which_certificate)
{
	static const struct {
		int64_t not_after;
		bool may_be_a_ca;
	} rows[] = {
		{ NOW - 1, false },
		{ NOW, false },
		{ NOW + 1, true },
	};
	struct lane *lane = open_up(1);

	lane->valid_until = NOW;
	fixture.session->lane_peer.not_after = rows[_i].not_after;
	look_at(NOW);
	ck_assert_str_eq(fixture_expect(lane, MESSAGE_GOODBYE)->goodbye.text,
		rows[_i].may_be_a_ca
			? "the certificate of peer-0, or of a CA above it, has expired; renew it and connect again"
			: "the certificate of peer-0 has expired; renew it and connect again");
}
END_TEST

/* The peer took this end for dead and will return. A certificate that ends meanwhile does not remove its session. */
START_TEST(while_closing)
{
	const struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye.code = GOODBYE_DEAD_PEER };
	struct lane *lane = open_up(1);

	lane->valid_until = NOW;
	fixture_say(lane, &goodbye);
	ck_state(SESSION_CLOSING);
	look_at(NOW);
	ck_assert(!fixture.session->expiry.running);
	ck_assert_ptr_null(fixture_read(lane));
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
}
END_TEST

/* Without a lane there is nothing to look for. */
START_TEST(while_idle)
{
	fixture_end_lane(open_up(1), LANE_END_CLOSED);
	look_at(NOW);
	ck_state(SESSION_IDLE);
	ck_assert(!fixture.session->expiry.running);
	open_up(1);
	ck_assert(fixture.session->expiry.running);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_expiry");

	unit_add(s, "waits", waits);
	unit_add(s, "jumps", jumps);
	fixture_add(s, "first_of_several", first_of_several, false, 5);
	fixture_add(s, "of_no_lane", of_no_lane, false, 1);
	fixture_add(s, "which_certificate", which_certificate, false, 3);
	fixture_add(s, "while_closing", while_closing, false, 1);
	fixture_add(s, "while_idle", while_idle, false, 1);
	return s;
}

int main(void)
{
	return unit_run("session_expiry", suite());
}
