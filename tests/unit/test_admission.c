/* SPDX-License-Identifier: Apache-2.0 */
/* From an accepted connection to a session. */
#include "tests/unit/admission_fixture.h"

/* ---- admitted ---- */

START_TEST(admitted)
{
	struct addr client4 = addr_of("10.9.0.2");
	struct message notice = { .type = MESSAGE_NOTICE };
	struct lane *lane = connects("peer-1");
	uint8_t unknown[] = { 0x7f, 0xf0, 0, 0 };

	unit_text(notice.notice.text, "before hello");
	says(lane, &notice);
	lane->owner->control(lane->owner, lane, unknown, sizeof(unknown));
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_str_eq(fixture.sessions[0].name.name, "peer-1");
	ck_assert_ptr_eq(fixture.sessions[0].peer, &fixture.settings->peers[1]);
	ck_assert_uint_eq(fixture.sessions[0].instance[0], 1);
	ck_assert(!fixture.sessions[0].has_replaced);
	ck_assert_uint_eq(fixture.terms.mtu, 1300);
	ck_assert_uint_eq(fixture.terms.lanes, 2);
	ck_assert(addr_equal(&fixture.terms.remote4, &client4));
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

START_TEST(unlisted_is_allowed)
{
	struct lane *lane;

	fixture.settings->unlisted = true;
	lane = connects("stranger");
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_ptr_null(fixture.sessions[0].peer);
}
END_TEST

START_TEST(taken_over)
{
	struct session *session = has_session("peer-0", 1);
	struct addr before = fixture.terms.remote4;
	struct lane *lane = connects("peer-0");

	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_uint_eq(fixture.let_go, 1);
	ck_assert_uint_eq(fixture.session_count, 1);
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &before));
	/* An adopted session knows no instance: whichever comes is the right one, and counts from then on. */
	session->adopted = true;
	lane = connects("peer-0");
	says_hello(lane, 2);
	ck_opened(lane);
	ck_assert_uint_eq(fixture.let_go, 2);
	ck_assert_uint_eq(session->instance[0], 2);
	ck_assert(!session->adopted);
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_assert_uint_eq(fixture.left, 1);
}
END_TEST

START_TEST(joined)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	lane = connects("peer-0");
	says_join(lane);
	ck_assert_uint_eq(fixture.joined, 1);
	ck_assert(!lane->ended && !lane->has_goodbye);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
	ck_assert_uint_eq(fixture.refusals, 0);
}
END_TEST

/* Another host with the same certificate: the old session leaves, and the newcomer comes after it. */
START_TEST(replaced)
{
	struct message ping = { .type = MESSAGE_PING };
	struct message announce_one = { .type = MESSAGE_ANNOUNCE,
		.prefixes = { .count = 1, .prefix = { prefix_of("10.1.0.0/16") } } };
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	says_hello(lane, 2);
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_REPLACED);
	ck_assert_str_eq(fixture.left_text, "another instance with the same certificate connected");
	ck_assert_uint_eq(fixture.opened, 1);
	/* What it says meanwhile is for the session, in order. */
	says(lane, &announce_one);
	says(lane, &ping);
	session_ends(old);
	ck_opened(lane);
	ck_assert_uint_eq(lane->heard_count, 2);
	ck_assert_uint_eq(lane->heard[0], MESSAGE_ANNOUNCE);
	ck_assert_uint_eq(lane->heard[1], MESSAGE_PING);
	ck_assert(fixture.sessions[0].has_replaced);
	ck_assert_uint_eq(fixture.sessions[0].replaced[0], 1);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

static void says_hello_of(struct lane *lane, uint8_t instance, uint64_t last_session)
{
	struct message message = hello(instance);

	message.hello.last_session = last_session;
	says(lane, &message);
}

/* The client has the welcome, and a session goes on with it. */
static uint64_t takes_over(struct session *session, uint64_t last_session)
{
	struct lane *lane = connects("peer-0");

	says_hello_of(lane, 1, last_session);
	ck_opened(lane);
	session->terms = fixture.terms;
	session->state = SESSION_UP;
	session->heard_routes = false;
	return fixture.terms.session_id;
}

/*
 * Two copies of one virtual machine have one instance. The first that comes back without knowing of the other's connection
 * replaces it for good.
 */
START_TEST(a_copy)
{
	struct session *session = has_session("peer-0", 1);
	uint64_t first, second;
	struct lane *lane;

	session->terms = fixture.terms;
	first = takes_over(session, 0);
	session->heard_routes = true;
	second = takes_over(session, first); /* the copy */
	ck_assert_uint_eq(fixture.left, 0);
	session->heard_routes = true;
	lane = connects("peer-0");
	says_hello_of(lane, 1, first);
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_REPLACED);
	session_ends(session);
	ck_opened(lane);
	session = &fixture.sessions[0];
	session->terms = fixture.terms;
	session->state = SESSION_UP;
	session->heard_routes = true;
	ck_assert_uint_eq(session->replaced_copy, second);
	/* The copy has not heard the goodbye. */
	lane = connects("peer-0");
	says_hello_of(lane, 1, second);
	ck_refused(lane, GOODBYE_REPLACED, "another instance with the same certificate took over");
	ck_assert_uint_eq(fixture.left, 1);
}
END_TEST

/* The same client: with a lost welcome, without a number, after an engine that was replaced, and away for a while. */
START_TEST(no_copy)
{
	struct session *session = has_session("peer-0", 1);
	uint64_t first, second;

	session->terms = fixture.terms;
	first = takes_over(session, 0);
	session->heard_routes = true;
	second = takes_over(session, first);
	ck_assert_uint_ne(first, second);
	(void)takes_over(session, first); /* the welcome was lost, twice */
	(void)takes_over(session, first);
	session->heard_routes = true;
	(void)takes_over(session, 0);
	session->heard_routes = true;
	session->adopted = true;
	(void)takes_over(session, first);
	session->heard_routes = true;
	session->state = SESSION_IDLE;
	(void)takes_over(session, second);
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert_uint_eq(fixture.refusals, 0);
}
END_TEST

/* The same client while its old session closes for good: it waits and replaces nobody. */
START_TEST(same_instance_waits)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	old->final = true; /* and still up: it is told so */
	says_hello(lane, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_DEAD_PEER);
	ck_assert_str_eq(fixture.left_text, "a newer connection of the same client took over");
	session_ends(old);
	ck_opened(lane);
	ck_assert(!fixture.sessions[0].has_replaced);
	old = &fixture.sessions[0];
	old->final = true;
	old->state = SESSION_CLOSING;
	says_hello(connects("peer-0"), 1);
	ck_assert_uint_eq(fixture.left, 1); /* it goes already */
}
END_TEST

/* The end of a session is for those of its identity that wait, and for nobody else. */
START_TEST(only_its_own_end)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *waits = connects("peer-0"), *silent = connects("peer-1");
	struct identity other = { "peer-1" };

	says_hello(waits, 2);
	admission_session_ended(&fixture.admission, &other);
	ck_assert_uint_eq(fixture.opened, 1);
	ck_assert(!silent->ended);
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { admitted, unlisted_is_allowed, taken_over, joined, replaced,
		a_copy, no_copy, same_instance_waits, only_its_own_end };

	return unit_suite("admission", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("admission", suite());
}
