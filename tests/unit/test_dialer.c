/* SPDX-License-Identifier: Apache-2.0 */
/* How the client gets its connection, and what can fail on the way. */
#include "tests/unit/dialer_fixture.h"

/* ---- the way there ---- */

START_TEST(connects)
{
	begins();
	AWAIT(fixture.asked_count == 1);
	ck_assert_str_eq(fixture.asked[0], "one.example:443");
	AWAIT(is_in(ATTEMPT_SECURING));
	ck_assert(!dialer_is_waiting(&fixture.dialer, &(struct mono){ 0 }));
	ck_assert_uint_eq(fixture.family, AF_INET);
	ck_assert_int_eq(newest()->fd, -1); /* the lane's */
	secures("hub");
	ck_assert_uint_eq(fixture.connected, 1);
	ck_outer("192.0.2.1:443");
	ck_assert(addr_equal(&fixture.outer.addr, &fixture.answer[0].addr));
	steps(5);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	ck_assert_uint_eq(fixture.failed + fixture.ended, 0);
	ck_assert_uint_eq(fixture.connects, 1);
}
END_TEST

/* Each address, then each remote, then the wait, and all of it again. */
START_TEST(in_turn)
{
	struct mono due;

	has_remote("two.example");
	fixture.answer_count = 2;
	fixture.connect_error = ECONNREFUSED;
	begins();
	ck_failed(1,
		"one.example (192.0.2.1:443): connection failed: Connection refused; no program listens there");
	ck_assert_uint_eq(fixture.family, AF_INET);
	ck_failed(2, "one.example ([2001:db8::1]:443)");
	ck_assert_uint_eq(fixture.family, AF_INET6);
	fixture.answer[0] = at("192.0.2.2:443");
	fixture.answer[1] = at("[2001:db8::2]:443");
	ck_failed(3, "two.example (192.0.2.2:443)");
	ck_assert(!dialer_is_waiting(&fixture.dialer, &due));
	ck_failed(4, "two.example ([2001:db8::2]:443)");
	AWAIT(fixture.dialer.state == DIALER_WAITING);
	ck_assert(dialer_is_waiting(&fixture.dialer, &due));
	ck_assert_int_eq(due.ns, fixture.dialer.timer.due.ns);
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 1);
	ck_failed(5, "one.example (192.0.2.2:443)");
	ck_assert_uint_eq(fixture.asked_count, 3); /* each name again in each round */
	begins();
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 0);
}
END_TEST

/* The connection was handed over and led to no session: the next address. */
START_TEST(next)
{
	fixture.answer_count = 2;
	begins();
	reaches();
	lane_release(fixture.lane);
	dialer_next(&fixture.dialer);
	reaches();
	ck_outer("[2001:db8::1]:443");
}
END_TEST

START_TEST(through_a_proxy)
{
	fixture.settings->proxy = (struct proxy){
		.kind = PROXY_HTTP, .host = "proxy.example", .port = 3128
	};
	fixture.answer[0] = at("192.0.2.9:3128");
	begins();
	AWAIT(fixture.leg != NULL);
	ck_assert_str_eq(fixture.asked[0], "proxy.example:3128");
	ck_assert_str_eq(fixture.leg_remote->host, "one.example");
	ck_assert(is_in(ATTEMPT_PROXYING));
	proxy_says("the proxy says no");
	ck_failed(1, "proxy.example (192.0.2.9:3128)");
	ck_failed(1, "the proxy says no");
	AWAIT(fixture.leg != NULL);
	proxy_says(NULL);
	reaches();
	/* In a network that is gone nobody waits for a proxy. */
	begins_again();
	AWAIT(fixture.leg != NULL);
	dialer_hurry(&fixture.dialer);
	ck_assert_ptr_null(fixture.leg);
	AWAIT(fixture.leg != NULL);
	dialer_stop(&fixture.dialer);
	ck_assert_uint_eq(fixture.ended, 1);
}
END_TEST

/* ---- what fails ---- */

START_TEST(unresolved)
{
	fixture.answer_count = 0;
	begins();
	ck_failed(1, "one.example: connection failed: cannot resolve it");
	fixture.ask_error = -EAGAIN;
	ck_failed(2, error_text(EAGAIN));
	ck_assert_uint_eq(fixture.sockets, 0);
}
END_TEST

/* A question of an earlier round is out still: its answer serves this one. */
START_TEST(resolver_is_busy)
{
	fixture.silent = true;
	begins();
	AWAIT(is_asking());
	begins();
	AWAIT(fixture.dialer.state == DIALER_DIALLING && is_asking());
	ck_assert_uint_eq(fixture.asked_count, 1);
	fixture.silent = false;
	reaches();
	ck_assert_uint_eq(fixture.failed, 0);
}
END_TEST

START_TEST(no_socket)
{
	fixture.socket_error = EMFILE;
	begins();
	ck_failed(1, "no more of them");
	fixture.socket_error = 0;
	fixture.no_socket = true;
	ck_failed(2, "netd sent no socket");
	fixture.socket_words = "?";
	fixture.socket_error = EMFILE;
	ck_failed(3, "connection failed: ?");
	fixture.socket_error = 0;
	fixture.no_socket = false;
	fixture.netd_error = -ENOMEM;
	ck_failed(4, error_text(ENOMEM));
	fixture.netd_error = 0;
	reaches();
}
END_TEST

/* One socket was asked for: what else comes is closed, and nothing leaks. */
START_TEST(too_many_sockets)
{
	struct request_reply reply = { .error = 0 };
	int first[2], second[2];
	char byte;

	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	new_pair(first);
	new_pair(second);
	int fds[] = { first[0], second[0] };
	struct netd_call *call = take_call();
	call->done(call, &reply, fds, 2);
	ck_assert_int_eq(recv(second[1], &byte, 1, 0), 0);
	close(second[1]);
	fixture.theirs = first[1];
	reaches();
}
END_TEST

START_TEST(connect_fails)
{
	char byte;

	fixture.connect_error = ENETUNREACH;
	begins();
	ck_failed(1, error_text(ENETUNREACH));
	ck_assert_int_eq(newest()->fd, -1);
	ck_assert_int_eq(recv(fixture.theirs, &byte, 1, 0), 0); /* it is closed */
	fixture.connect_error = EINPROGRESS;
	reaches();
}
END_TEST

/* The kernel says later that it did not work. */
START_TEST(connect_fails_later)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	netd_answers();
	ck_assert(is_in(ATTEMPT_CONNECTING));
	ck_assert_int_eq(send(newest()->fd, "x", 1, 0), 1);
	close(fixture.theirs); /* with something unread: a reset */
	fixture.theirs = -1;
	ck_failed(1, error_text(ECONNRESET));
	ck_assert_uint_eq(fixture.lanes, 0);
}
END_TEST

START_TEST(no_answer)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	netd_answers();
	fill(newest()->fd);
	ck_assert_int_le(newest()->timer.due.ns, mono_add(mono_now(), DURATION_S(5)).ns);
	ck_assert_int_gt(newest()->timer.due.ns, mono_add(mono_now(), DURATION_S(3)).ns);
	dialer_hurry(&fixture.dialer);
	fixture.settings->handshake_timeout = DURATION_MS(30);
	AWAIT(fixture.call_count > 0);
	netd_answers();
	fill(newest()->fd);
	ck_assert_int_le(newest()->timer.due.ns, mono_add(mono_now(), DURATION_MS(30)).ns);
	ck_failed(1, "no answer to the TCP connection; check the address, and that no firewall");
	ck_assert_int_eq(newest()->fd, -1);
}
END_TEST

/* As on the loopback: there is nothing to wait for. */
START_TEST(connects_at_once)
{
	fixture.connect_error = 0;
	begins();
	reaches();
	ck_assert_uint_eq(fixture.failed, 0);
}
END_TEST

/* netd sends something that cannot be watched. */
START_TEST(no_socket_at_all)
{
	struct request_reply reply = { .error = 0 };
	struct netd_call *call;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	call = take_call();
	call->done(call, &reply, &fd, 1);
	ck_failed(1, error_text(EPERM));
	AWAIT(fixture.dialer.state == DIALER_WAITING);
	ck_due_within(DURATION_S(1));
}
END_TEST

/* A program that was started without standard input gets its number. */
START_TEST(descriptor_zero)
{
	int saved = dup(STDIN_FILENO);
	char byte;

	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call_count > 0);
	(void)close(STDIN_FILENO);
	netd_answers();
	ck_assert_int_eq(newest()->fd, 0);
	ck_assert(is_in(ATTEMPT_CONNECTING));
	dialer_stop(&fixture.dialer);
	ck_assert_int_eq(recv(fixture.theirs, &byte, 1, 0), 0);
	if (saved >= 0) {
		ck_assert_int_eq(dup2(saved, STDIN_FILENO), STDIN_FILENO);
		close(saved);
	}
}
END_TEST

/* The jitter of a wait is the kernel's random number, not a clock that others can tell. */
START_TEST(jitter)
{
	struct backoff backoff = fixture.dialer.backoff;
	struct mono before = mono_now();
	struct duration wait;

	fixture.random = 12345678901;
	wait = backoff_next(&backoff, fixture.random);
	dialer_begin(&fixture.dialer, false);
	ck_assert_int_ge(fixture.dialer.timer.due.ns, mono_add(before, wait).ns);
	ck_due_within(wait);
}
END_TEST

START_TEST(no_lane)
{
	fixture.lane_error = -ENOMEM;
	begins();
	ck_failed(1, "out of memory");
	ck_assert_int_eq(newest()->fd, -1);
	fixture.lane_error = 0;
	reaches();
}
END_TEST

START_TEST(wrong_server)
{
	begins();
	AWAIT(is_in(ATTEMPT_SECURING));
	secures("other");
	ck_assert(fixture.lane->ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(1, "the server's identity is other, but server_name in the profile is hub");
	AWAIT(is_in(ATTEMPT_SECURING));
	secures("");
	ck_assert(fixture.lane->ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(2,
		"the server's certificate is not for server_name \"hub\" of the profile, but for ");
	ck_assert_uint_eq(fixture.told.type, MESSAGE_GOODBYE);
	ck_assert_uint_eq(fixture.told.goodbye.code, GOODBYE_BAD_IDENTITY);
	ck_assert_ptr_nonnull(strstr(fixture.told.goodbye.text, "server_name \"hub\""));
	ck_assert_uint_eq(fixture.connected, 0);
}
END_TEST

START_TEST(lane_breaks)
{
	uint8_t early[] = { 0 };

	begins();
	AWAIT(is_in(ATTEMPT_SECURING));
	lane_ends(LANE_END_CLOSED, "");
	ck_failed(1, "connection failed: closed");
	AWAIT(is_in(ATTEMPT_SECURING));
	lane_ends(LANE_END_BROKEN, "in TLS");
	ck_failed(2, "connection failed: the end: in TLS");
	AWAIT(is_in(ATTEMPT_SECURING));
	lane_ends(LANE_END_BROKEN, "?");
	ck_failed(3, "connection failed: the end: ?");
	AWAIT(is_in(ATTEMPT_SECURING));
	fixture.lane->owner->control(fixture.lane->owner, fixture.lane, early, sizeof(early));
	fixture.lane->owner->fault(fixture.lane->owner, fixture.lane, GOODBYE_PROTOCOL, "nonsense");
	ck_assert(fixture.lane->ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(4, "nonsense");
}
END_TEST

/* The session cannot take the lane: it ends, and the dialer goes on. */
START_TEST(lane_is_not_taken)
{
	fixture.connected_error = -ENOTCONN;
	begins();
	AWAIT(is_in(ATTEMPT_SECURING));
	secures("hub");
	ck_assert(fixture.lane->ended);
	ck_assert_int_eq(fixture.dialer.state, DIALER_DIALLING);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(1, error_text(ENOTCONN));
	fixture.connected_error = 0;
	reaches();
}
END_TEST

/* Each step and each failure is in the log once; what was stopped has not failed. */
START_TEST(steps_are_logged)
{
	fixture.connect_error = ECONNREFUSED;
	log_capture_begin(LOG_LEVEL_DEBUG);
	begins();
	ck_failed(1, "192.0.2.1:443");
	AWAIT(fixture.dialer.state == DIALER_WAITING);
	ck_assert_uint_eq(log_count("dialer: idle -> waiting"), 1);
	ck_assert_uint_eq(log_count("dialer: dialling -> waiting"), 1);
	ck_assert_uint_eq(log_count("waiting -> waiting"), 0);
	ck_assert_uint_eq(log_count("connection failed: "), 1);
	dialer_stop(&fixture.dialer);
	ck_assert_uint_eq(log_count("connection failed: "), 1);
	log_capture_end();
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { connects, in_turn, next, through_a_proxy, unresolved,
		resolver_is_busy, no_socket, too_many_sockets, connect_fails, connect_fails_later,
		no_answer, connects_at_once, no_socket_at_all, descriptor_zero, jitter, no_lane,
		wrong_server, lane_breaks, lane_is_not_taken, steps_are_logged };

	return unit_suite("dialer", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("dialer", suite());
}
