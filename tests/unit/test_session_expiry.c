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

static int64_t boot = 1000;

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	(void)clock;
	*ret_time = (struct timespec){ .tv_sec = boot };
	return 0;
}

/* The wall clock jumps to then; the session looks at it, and looks again or ends. */
static void jump_to(int64_t now)
{
	wall = now;
	fixture_expire(&fixture.session->expiry);
}

/* The same after that time has passed. */
static void look_at(int64_t now)
{
	boot += now - wall;
	jump_to(now);
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

START_TEST(verdicts)
{
	enum { YEAR = 365 * 86400, HOUR = 3600 };
	static const struct {
		int64_t until, wall, wall_then, passed;
		enum session_expiry_verdict verdict;
	} rows[] = {
		{ 0, NOW + 10L * YEAR, NOW, 10L * YEAR, SESSION_EXPIRY_VALID },
		{ NOW + HOUR, NOW + HOUR - 1, NOW, HOUR - 1, SESSION_EXPIRY_VALID },
		{ NOW + HOUR, NOW + HOUR, NOW, HOUR, SESSION_EXPIRY_ENDED },
		/* A little slower or faster than the other clock. */
		{ NOW + HOUR, NOW + HOUR, NOW, HOUR - 50, SESSION_EXPIRY_ENDED },
		{ NOW + HOUR, NOW + HOUR - 50, NOW, HOUR, SESSION_EXPIRY_VALID },
		{ NOW + YEAR, NOW + YEAR, NOW, YEAR - 4 * HOUR, SESSION_EXPIRY_ENDED },
		/* Forward by years, for a moment or for good. */
		{ NOW + HOUR, NOW + 10L * YEAR, NOW, 5, SESSION_EXPIRY_DOUBTED },
		{ NOW + HOUR, NOW + 10L * YEAR, NOW, HOUR, SESSION_EXPIRY_ENDED },
		/* Back by years: the end comes when it would have come. */
		{ NOW + HOUR, NOW - 10L * YEAR, NOW, 5, SESSION_EXPIRY_VALID },
		{ NOW + HOUR, NOW - 10L * YEAR, NOW, HOUR + 70, SESSION_EXPIRY_ENDED },
		/* The clock was wrong at first, and is right now. */
		{ NOW + HOUR, NOW + HOUR + 1, 0, 5, SESSION_EXPIRY_DOUBTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(session_expiry_judge(rows[i].until, rows[i].wall, rows[i].wall_then,
				      rows[i].passed) == rows[i].verdict,
			"row %zu", i);
}
END_TEST

/* A clock that is wrong by years for a moment drops nobody; one that stays there is believed after an hour. */
START_TEST(years_ahead)
{
	int64_t years = 86400L * 365 * 10;
	struct lane *lane = open_up(1);

	lane->valid_until = NOW + 7200;
	jump_to(NOW + years);
	ck_state(SESSION_UP);
	jump_to(NOW);
	ck_state(SESSION_UP);
	jump_to(NOW + years);
	fixture_pass(SESSION_EXPIRY_DOUBT_S * 1000L - 1);
	jump_to(NOW + years);
	ck_state(SESSION_UP);
	fixture_pass(1);
	jump_to(NOW + years);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_EXPIRED);
}
END_TEST

/* A jump back prolongs nothing. */
START_TEST(years_back)
{
	wall = NOW; /* a case before may have left another time */
	struct lane *lane = open_up(1);

	lane->valid_until = NOW + 600;
	jump_to(NOW - 86400L * 365 * 10);
	ck_state(SESSION_UP);
	boot += 599;
	jump_to(wall + 599);
	ck_state(SESSION_UP);
	boot += 2 * SESSION_EXPIRY_SLACK_S;
	jump_to(wall + 120);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_EXPIRED);
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
	unit_add(s, "verdicts", verdicts);
	fixture_add(s, "years_ahead", years_ahead, false, 1);
	fixture_add(s, "years_back", years_back, false, 1);
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
