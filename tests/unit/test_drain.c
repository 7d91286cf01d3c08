/* SPDX-License-Identifier: Apache-2.0 */
/* How a drain is paced, and how it ends. The engine and the sessions are played. */
#include "daemon/drain.h"

#include "engine/session.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

enum { SESSIONS = 10 };

static struct fixture {
	struct engine engine;
	struct admission admission;
	struct drain drain;
	struct session sessions[SESSIONS];
	struct loop_timer end;
	unsigned left, exits, turned_away;
} fixture;

/* ---- the world ---- */

void session_leave(struct session *session, uint16_t code, const char *text, bool final)
{
	ck_assert_uint_eq(code, GOODBYE_ELSEWHERE);
	ck_assert(final && text[0] != '\0');
	ck_assert_int_eq(session->state, SESSION_UP);
	session->state = SESSION_CLOSING;
	fixture.left++;
}

void admission_turn_away(struct admission *admission, const char *text)
{
	ck_assert_str_eq(admission->draining, text);
	fixture.turned_away++;
}

int netd_link_exit(struct netd_link *netd, enum exit_code code, const char *text)
{
	ck_assert_ptr_null(netd);
	ck_assert_int_eq(code, EXIT_CODE_OK);
	ck_assert_ptr_nonnull(text);
	fixture.exits++;
	return 0;
}

/* ---- the fixture ---- */

static void setup(void)
{
	fixture = (struct fixture){ .left = 0 };
	TAILQ_INIT(&fixture.engine.peers.sessions);
	for (size_t i = 0; i < SESSIONS; i++) {
		fixture.sessions[i].state = SESSION_UP;
		TAILQ_INSERT_TAIL(&fixture.engine.peers.sessions, &fixture.sessions[i], link);
	}
	fixture.engine.peers.session_count = SESSIONS;
	ck_assert_int_eq(loop_new(&fixture.engine.world.loop), 0);
}

static void teardown(void)
{
	drain_stop(&fixture.drain);
	loop_free(fixture.engine.world.loop);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.engine.world.loop);
}

static void passes(int ms)
{
	loop_timer_start(fixture.engine.world.loop, &fixture.end,
		mono_add(mono_now(), DURATION_MS(ms)), over);
	ck_assert_int_eq(loop_run(fixture.engine.world.loop), 0);
}

static void begins(struct duration time)
{
	drain_begin(&fixture.drain, &fixture.engine, &fixture.admission, time);
}

/* ---- the tests ---- */

START_TEST(pace)
{
	struct duration minute = DURATION_S(60), none = { 0 };

	ck_assert_uint_eq(drain_left(100, none, minute), 100);
	ck_assert_uint_eq(drain_left(100, DURATION_MS(600), minute), 99);
	ck_assert_uint_eq(drain_left(100, DURATION_S(30), minute), 50);
	ck_assert_uint_eq(drain_left(100, DURATION_MS(59999), minute), 1);
	ck_assert_uint_eq(drain_left(100, minute, minute), 0);
	ck_assert_uint_eq(drain_left(100, none, none), 0);
	ck_assert_uint_eq(drain_left(0, none, minute), 0);
	ck_assert_uint_eq(drain_left(16384, DURATION_S(1), DURATION_S(86400)), 16384);
	ck_assert_uint_eq(drain_left(3, none, (struct duration){ 1 }), 0);
}
END_TEST

START_TEST(at_once)
{
	begins(DURATION_S(0));
	ck_assert(fixture.engine.drain.active);
	ck_assert_ptr_nonnull(fixture.admission.draining);
	ck_assert_uint_eq(fixture.left, 0); /* the asker gets the answer first */
	passes(150);
	ck_assert_uint_eq(fixture.left, SESSIONS);
	ck_assert_uint_eq(fixture.exits, 0); /* they end still */
	fixture.engine.peers.session_count = 0;
	passes(250);
	ck_assert_uint_eq(fixture.exits, 1); /* and once is enough */
	ck_assert_uint_ge(fixture.turned_away, 2);
}
END_TEST

START_TEST(over_a_time)
{
	begins(DURATION_S(1));
	passes(550);
	ck_assert_uint_ge(fixture.left, 3);
	ck_assert_uint_le(fixture.left, 7);
	begins(DURATION_S(0)); /* in a hurry after all */
	passes(150);
	ck_assert_uint_eq(fixture.left, SESSIONS);
}
END_TEST

/* Nobody is there: it ends before its time is over. */
START_TEST(empty)
{
	TAILQ_INIT(&fixture.engine.peers.sessions);
	fixture.engine.peers.session_count = 0;
	begins(DURATION_S(60));
	passes(150);
	ck_assert_uint_eq(fixture.exits, 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { pace, at_once, over_a_time, empty };

	return unit_suite("drain", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("drain", suite());
}
