/* SPDX-License-Identifier: Apache-2.0 */
/* Several attempts side by side: which one wins, and what becomes of the others. */
#include "tests/unit/dialer_fixture.h"

/* Two addresses whose handshakes both go on. The first lane is the IPv4 one's. */
static void two_lanes(void)
{
	fixture.answer_count = 2;
	begins();
	AWAIT(fixture.lanes == 2);
}

static size_t count_in(enum attempt_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++)
		count += fixture.dialer.attempts[i].attempt.state == state;
	return count;
}

static void ck_won(const char *text)
{
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(&fixture.outer, out), text);
}

START_TEST(second_wins)
{
	struct mono began = mono_now();

	two_lanes();
	ck_assert_int_ge(mono_since(mono_now(), began).ns, DURATION_MS(RACE_STAGGER_MS).ns);
	lane_secures(&fixture.all_lanes[1], "hub");
	ck_assert_uint_eq(fixture.connected, 1);
	ck_won("[2001:db8::1]:443");
	/* The session is up: the other is cut off before it says anything. */
	dialer_settle(&fixture.dialer);
	ck_assert(fixture.all_lanes[0].ended);
	ck_assert_uint_eq(fixture.goodbyes, 0); /* the handshake is not done */
	fixture.lane = &fixture.all_lanes[0];
	lane_ends(LANE_END_ORDERED, "");
	ck_assert_uint_eq(count_in(ATTEMPT_FREE), DIALER_ATTEMPTS_MAX);
	ck_assert_uint_eq(fixture.failed, 0);
}
END_TEST

/* The winner leads to no session: the one that came second is there already. */
START_TEST(spare)
{
	two_lanes();
	lane_secures(&fixture.all_lanes[0], "hub");
	lane_secures(&fixture.all_lanes[1], "hub");
	ck_assert_uint_eq(fixture.connected, 1);
	ck_assert_uint_eq(count_in(ATTEMPT_SECURED), 1);
	lane_release(&fixture.all_lanes[0]);
	dialer_next(&fixture.dialer);
	AWAIT(fixture.connected == 2);
	ck_won("[2001:db8::1]:443");
	ck_assert_uint_eq(fixture.sockets, 2);
}
END_TEST

/* A spare gets a goodbye, so that the server knows that its certificate was not refused. */
START_TEST(spare_is_not_needed)
{
	two_lanes();
	lane_secures(&fixture.all_lanes[0], "hub");
	lane_secures(&fixture.all_lanes[1], "hub");
	dialer_settle(&fixture.dialer);
	ck_assert_uint_eq(fixture.goodbyes, 1);
	ck_assert(fixture.all_lanes[1].ended);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
}
END_TEST

/* The server of a spare asks the client to wait: it is held, and is no spare any more. */
START_TEST(spare_hears_goodbye)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye = { .code = GOODBYE_SHUTDOWN, .retry_after_ms = 9000, .text = "no" } };
	uint8_t payload[256];
	struct writer writer;

	two_lanes();
	lane_secures(&fixture.all_lanes[0], "hub");
	lane_secures(&fixture.all_lanes[1], "hub");
	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(message_encode(&writer, &goodbye), 0);
	fixture.lane = &fixture.all_lanes[1];
	fixture.lane->owner->control(fixture.lane->owner, fixture.lane, payload, writer.len);
	ck_assert(fixture.lane->ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(1, "received a goodbye: the other end is shutting down: no");
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	ck_assert_int_gt(holds_shortest(&fixture.dialer.holds, mono_now()).ns, DURATION_S(8).ns);
}
END_TEST

/* Nothing begins while a lane is with the session. */
START_TEST(paused)
{
	fixture.answer_count = 2;
	begins();
	reaches();
	AWAIT(!fixture.dialer.timer.running || fixture.slow > 0);
	ck_assert_uint_eq(fixture.sockets, 1);
	ck_assert_uint_eq(fixture.slow, 1); /* there is another address to try */
}
END_TEST

START_TEST(nothing_else_to_try)
{
	begins();
	reaches();
	ck_assert(!fixture.dialer.timer.running);
}
END_TEST

/* The old connection woke up first: the new one is dropped without a word of failure. */
START_TEST(not_needed)
{
	two_lanes();
	fixture.connected_error = -ECANCELED;
	lane_secures(&fixture.all_lanes[0], "hub");
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	ck_assert(fixture.all_lanes[0].ended && fixture.all_lanes[1].ended);
	ck_assert_uint_eq(fixture.goodbyes, 1);
	fixture.lane = &fixture.all_lanes[0];
	lane_ends(LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.failed, 0);
	steps(5);
	ck_assert_uint_eq(fixture.sockets, 2);
}
END_TEST

/* A new round abandons what is under way. */
START_TEST(begun_again)
{
	two_lanes();
	begins();
	ck_assert(fixture.all_lanes[0].ended && fixture.all_lanes[1].ended);
	AWAIT(fixture.lanes == 3);
	lane_secures(&fixture.all_lanes[0], "hub"); /* it was on its way */
	ck_assert_uint_eq(fixture.connected, 0);
}
END_TEST

/* The second priority joins after three seconds, or when the first has failed. */
START_TEST(priorities)
{
	struct mono began = mono_now();

	has_remote("two.example");
	fixture.settings->remotes[0].priority = 1;
	fixture.settings->remotes[1].priority = 2;
	begins();
	AWAIT(fixture.lanes == 1);
	fixture.answer[0] = at("192.0.2.2:443");
	AWAIT(fixture.lanes == 2);
	ck_assert_int_ge(mono_since(mono_now(), began).ns, DURATION_MS(RACE_PRIORITY_MS).ns);
	ck_assert_str_eq(fixture.asked[1], "two.example:443");
	secures("hub");
	ck_won("192.0.2.2:443");
	ck_assert_uint_eq(fixture.dialer.remote, 1);
}
END_TEST

/* A reload takes the remote away that is dialled, and adds another. */
START_TEST(remotes_change)
{
	struct settings before = *fixture.settings;

	begins();
	AWAIT(fixture.lanes == 1);
	dialer_follow(&fixture.dialer, &before); /* nothing has changed */
	ck_assert(!fixture.lane->ended);
	unit_text(fixture.settings->remotes[0].host, "two.example");
	fixture.settings->remotes[0].priority = 7;
	dialer_follow(&fixture.dialer, &before);
	ck_assert(fixture.lane->ended);
	ck_assert_uint_gt(dialer_priority(&fixture.dialer), UINT8_MAX);
	AWAIT(fixture.asked_count == 2);
	ck_assert_str_eq(fixture.asked[1], "two.example:443");
	reaches();
	ck_assert_uint_eq(dialer_priority(&fixture.dialer), 7);
	/* Its new place. */
	before = *fixture.settings;
	has_remote("two.example");
	unit_text(fixture.settings->remotes[0].host, "one.example");
	dialer_follow(&fixture.dialer, &before);
	ck_assert_uint_eq(fixture.dialer.remote, 1);
}
END_TEST

/* No more than there is room for: the next begins when one has failed. */
START_TEST(all_attempts_are_taken)
{
	for (unsigned i = 0; i < 4; i++) {
		has_remote("more.example");
		unit_text(fixture.settings->remotes[i + 1].host, i == 3 ? "e" : i == 2 ? "d" : "c");
	}
	fixture.slow_netd = true;
	begins();
	for (unsigned i = 0; i < 4; i++) {
		fixture.answer_count = 2;
		fixture.answer[0].port = (uint16_t)(443 + i);
		fixture.answer[1].port = (uint16_t)(443 + i);
		AWAIT(fixture.call_count == 2 * i + 2);
	}
	fixture.answer[0].port = 500;
	steps(300);
	ck_assert_uint_eq(fixture.call_count, DIALER_ATTEMPTS_MAX);
	fixture.socket_error = EMFILE;
	netd_answers();
	AWAIT(fixture.call_count == DIALER_ATTEMPTS_MAX);
	ck_assert_uint_eq(fixture.failed, 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { second_wins, spare, spare_is_not_needed, spare_hears_goodbye,
		paused, nothing_else_to_try, not_needed, begun_again, priorities, remotes_change,
		all_attempts_are_taken, remotes_change };

	return unit_suite("dialer_race", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("dialer_race", suite());
}
