/* SPDX-License-Identifier: Apache-2.0 */
/* What a session says to its peer, and makes of what it hears. session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include "base/log_quota.h"
#include "tests/unit/log_capture.h"

static void netd_judges_route(uint8_t verdict)
{
	struct request_reply reply = { .count = 1, .verdicts[0].verdict = verdict };

	netd_next(REQUEST_ROUTE_ADD);
	netd_answer(&reply, NULL, 0);
}

static void ck_refused(struct lane *lane, enum route_verdict reason)
{
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_REFUSE)->prefixes.reason[0], reason);
}

/* ---- offloads ---- */

/* Where the configuration has offloads, this end offers and uses those that its kernel has. */
START_TEST(offloads)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	const struct endpoint to = outer();
	struct lane *lane = fixture_lane();
	uint32_t ours = _i == 1 ? 3 : 0;

	fixture.settings->offloads = _i == 1;
	ck_assert_int_eq(session_greet(fixture.session, lane, &lane_peer, &to), 0);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_HELLO)->hello.offloads, ours);
	message.welcome.offloads = 1;
	fixture_say(lane, &message);
	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(lane->carry.offloads_read, ours);
	ck_assert_uint_eq(lane->carry.offloads_accept, ours);
	ck_assert_uint_eq(lane->carry.offloads_send, ours & 1);
}
END_TEST

/* ---- pings ---- */

/* The ping came before the welcome, on a connection that is no more: nobody waits for its pong. */
START_TEST(early_ping_of_before)
{
	struct lane *lane = open_up(1);

	fixture_end_lane(lane, LANE_END_CLOSED);
	unit_text(fixture.session->lost.text, "before");
	lane = open_lane();
	fixture_say(lane, &(struct message){ .type = MESSAGE_PING, .time.time = 77 });
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_str_eq(fixture.session->lost.text, "before"); /* the second was never up */
	netd_answer(&(struct request_reply){ .error = EPERM }, NULL, 0);
	open_up(1); /* no pong there */
}
END_TEST

/* A ping on a further lane is answered there, and is no pong of ours. */
START_TEST(ping_aside)
{
	struct lane *lane;

	open_up(2);
	lane = join_up();
	fixture_pass(10);
	fixture_say(lane,
		&(struct message){
			.type = MESSAGE_PING, .time.time = (uint64_t)fixture.now.ns - 20000000 });
	fixture_expect(lane, MESSAGE_PONG);
	ck_assert(!container_of(lane->owner, struct session_lane, owner)->liveness.measured);
}
END_TEST

/* A pong on a further lane is its round trip, and nothing else. */
START_TEST(pong_aside)
{
	struct lane *lane;

	open_up(2);
	lane = join_up();
	fixture_pass(10);
	log_capture_begin(LOG_LEVEL_NOTICE);
	fixture_say(lane,
		&(struct message){
			.type = MESSAGE_PONG, .time.time = (uint64_t)fixture.now.ns - 20000000 });
	ck_assert_uint_eq(log_count("peer-0"), 0);
	log_capture_end();
	ck_assert(container_of(lane->owner, struct session_lane, owner)->liveness.measured);
}
END_TEST

/* ---- is it up? ---- */

/* netd hears it once: with an interface, after end-of-routes, when each route is there or refused. */
START_TEST(reported_up)
{
	struct lane *lane = greet();

	hear_welcome(lane);
	if (_i == 1) {
		say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
		say_end_of_routes(lane);
		ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 0);
		netd_make(5, 1, fixture.fds);
	} else {
		netd_make(5, 1, fixture.fds);
		say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
		ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 0);
		say_end_of_routes(lane);
	}
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 0);
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.4.0.0/16");
	netd_judges_route(ROUTE_TAKEN);
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 1);
}
END_TEST

/* The routes are there before the peer has said that they are all. */
START_TEST(not_up_before_the_end)
{
	struct lane *lane = greet_up(1);

	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 0);
	say_end_of_routes(lane);
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 1);
}
END_TEST

START_TEST(report_is_lost)
{
	struct lane *lane = greet_up(1);

	netd.tell_error = _i == 1 ? -ENOMEM : 0;
	log_capture_begin(LOG_LEVEL_ERROR);
	say_end_of_routes(lane);
	ck_assert_uint_eq(log_count("cannot report to netd that the tunnel is up"), (unsigned)_i);
	log_capture_end();
	netd.tell_error = 0;
}
END_TEST

/* A full tunnel without default routes: said once, and again when it has changed. */
START_TEST(held_back)
{
	struct lane *lane;

	fixture.settings->full_tunnel = true;
	log_capture_begin(LOG_LEVEL_NOTICE);
	lane = greet_up(1);
	ck_assert_uint_eq(log_count("held back"), 0);
	say_end_of_routes(lane);
	ck_assert_uint_eq(log_count("full tunnel: held back: the server announces no IPv4"), 1);
	say_end_of_routes(lane);
	ck_assert_uint_eq(log_count("held back"), 1);
	log_forget();
	say_prefix(lane, MESSAGE_ANNOUNCE, "0.0.0.0/0");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_uint_eq(log_count("full tunnel: held back: the server announces no IPv6"), 1);
	log_forget();
	say_prefix(lane, MESSAGE_ANNOUNCE, "::/0");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_uint_eq(log_count("full tunnel: nothing is held back any more"), 1);
	ck_assert_uint_eq(log_count("held back:"), 0);
	log_capture_end();
}
END_TEST

/* ---- resolvers ---- */

/* What the last welcome has brought counts: servers, domains, both or none of them. */
START_TEST(resolvers)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	bool servers = (_i & 1) != 0, domains = (_i & 2) != 0;
	const struct request *last = NULL;
	struct lane *lane;

	fixture.settings->use_dns = true;
	fixture_end_lane(greet_up(1), LANE_END_CLOSED);
	if (servers) {
		message.welcome.dns_count = 2;
		message.welcome.dns[0] = addr_of("10.9.0.1");
		message.welcome.dns[1] = addr_of("10.9.0.5");
	}
	if (domains) {
		message.welcome.domain_count = 1;
		unit_text(message.welcome.domains[0], "corp.example");
	}
	lane = greet();
	fixture_say(lane, &message);
	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(netd_count_told(REQUEST_DNS, &last), 2);
	ck_assert_uint_eq(last->dns.nameservers.server_count, servers ? 2 : 0);
	ck_assert_uint_eq(last->dns.nameservers.domain_count, domains ? 1 : 0);
	ck_assert_str_eq(last->dns.nameservers.domain[0], domains ? "corp.example" : "");
	ck_assert_int_eq(session_hides_names(fixture.session), servers);
}
END_TEST

/* Only what was sent can be ignored. */
START_TEST(resolvers_are_ignored)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	struct lane *lane = greet();

	if (_i == 1) {
		message.welcome.dns_count = 1;
		message.welcome.dns[0] = addr_of("10.9.0.1");
	}
	log_capture_begin(LOG_LEVEL_INFO);
	fixture_say(lane, &message);
	ck_assert_uint_eq(log_count("ignored the server's resolvers"), (unsigned)_i);
	log_capture_end();
}
END_TEST

/* ---- routes ---- */

/* A server's peer has no session before its welcome, so it is told nothing before. */
START_TEST(refused_before_the_welcome)
{
	struct lane *lane = open_lane();

	say_prefix(lane, MESSAGE_ANNOUNCE, "203.0.113.0/24");
	ck_assert_ptr_null(fixture_read(lane));
}
END_TEST

START_TEST(client_refuses)
{
	struct lane *lane = greet();

	hear_welcome(lane);
	say_prefix(lane, MESSAGE_ANNOUNCE, "203.0.113.0/24");
	ck_refused(lane, ROUTE_NOT_ALLOWED);
	netd_make(5, 1, fixture.fds);
	fixture_expect(lane, MESSAGE_ANNOUNCE);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	netd_judges_route(ROUTE_TAKEN);
	ck_refused(lane, ROUTE_TAKEN);
}
END_TEST

/* The goodbye is the last word, although netd still judges a route. */
START_TEST(silent_after_goodbye)
{
	bool is_client = !session_is_server(fixture.session);
	struct lane *lane = is_client ? greet_up(1) : open_up(1);
	unsigned changed;

	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	fixture_expect_goodbye(lane, GOODBYE_SHUTDOWN);
	changed = fixture.changed;
	netd_judges_route(ROUTE_TAKEN);
	ck_assert_ptr_null(fixture_read(lane));
	ck_state(SESSION_CLOSING);
	ck_assert_uint_eq(fixture.changed, changed);
}
END_TEST

/* Our own announcements are refused: each is said, and no other prefix. */
START_TEST(peer_refuses)
{
	struct message message = { .type = MESSAGE_REFUSE, .prefixes.count = 3 };
	struct lane *lane = open_up(1);

	message.prefixes.prefix[0] = prefix_of("10.77.0.0/16"); /* never announced */
	message.prefixes.prefix[1] = prefix_of("10.2.0.0/16");
	message.prefixes.prefix[2] = prefix_of("10.78.0.0/16");
	memset(message.prefixes.reason, ROUTE_LIMIT, sizeof(message.prefixes.reason));
	log_capture_begin(LOG_LEVEL_WARNING);
	fixture_say(lane, &message);
	ck_assert_uint_eq(log_count("the peer refuses our route"), 1);
	ck_assert_uint_eq(log_count("the peer refuses our route 10.2.0.0/16: more prefixes"), 1);
	message.prefixes.prefix[0] = message.prefixes.prefix[1];
	message.prefixes.count = 1;
	fixture_say(lane, &message);
	ck_assert_uint_eq(log_count("the peer refuses our route 10.2.0.0/16"), 2);
	log_capture_end();
}
END_TEST

/* As far as the log has room. */
START_TEST(peer_refuses_all)
{
	enum { MANY = MESSAGE_PREFIX_MAX }; /* UBSan sees a read behind the last one */
	struct message message = { .type = MESSAGE_REFUSE, .prefixes.count = MANY };
	struct lane *lane = open_up(1);

	for (unsigned i = 0; i < MANY; i++) {
		char text[32];

		snprintf(text, sizeof(text), "172.16.%u.0/24", i);
		message.prefixes.prefix[i] = prefix_of(text);
		message.prefixes.reason[i] = ROUTE_LIMIT;
	}
	ck_assert_int_eq(prefix_list_append(&fixture.announced, message.prefixes.prefix, MANY), 0);
	session_announced_changed(fixture.session);
	fixture_expire(&fixture.session->announcer.hold);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_ANNOUNCE)->prefixes.count, MANY);
	log_capture_begin(LOG_LEVEL_WARNING);
	for (unsigned i = 0; i < 3; i++)
		fixture_say(lane, &message);
	ck_assert_uint_eq(log_count("the peer refuses our route"), LOG_QUOTA_BURST);
	log_capture_end();
	/* A new logger would write it; the session itself has no more to say for now. */
	log_capture_begin(LOG_LEVEL_WARNING);
	fixture_say(lane, &message);
	ck_assert_uint_eq(log_count("the peer refuses our route"), 0);
	fixture_pass(1000);
	fixture_say(lane, &message);
	ck_assert_uint_gt(log_count("the peer refuses our route"), 0);
	ck_assert_uint_lt(log_count("the peer refuses our route"), 20);
	log_capture_end();
	ck_assert_uint_eq(
		routes_refusal(&fixture.session->routes, &message.prefixes.prefix[MANY - 1]),
		ROUTE_LIMIT);
}
END_TEST

/* What became of the peer's routes is logged, as far as the log has room. */
START_TEST(routes_are_logged)
{
	struct lane *lane = open_up(1);

	log_capture_begin(LOG_LEVEL_INFO);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_uint_eq(log_count("route 10.3.0.0/16: installed"), 1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.4.0.0/16");
	netd_judges_route(ROUTE_TAKEN);
	ck_assert_uint_eq(log_count("route 10.4.0.0/16: refused: another tunnel has it"), 1);
	for (unsigned i = 0; i < 400; i++) {
		char text[32];

		snprintf(text, sizeof(text), "203.0.%u.%u/32", 100 + i / 200, i % 200);
		say_prefix(lane, MESSAGE_ANNOUNCE, text);
		lane->sent_count = lane->sent_read = 0;
	}
	ck_assert_uint_gt(log_count("route 203.0."), 100);
	ck_assert_uint_le(log_count("route 203.0."), 300);
	log_capture_end();
	/* A new logger would write it; the session itself has no more to say for now. */
	log_capture_begin(LOG_LEVEL_INFO);
	say_prefix(lane, MESSAGE_ANNOUNCE, "203.0.50.0/24");
	ck_assert_uint_eq(log_count("route 203.0.50.0/24"), 0);
	fixture_pass(1000);
	say_prefix(lane, MESSAGE_ANNOUNCE, "203.0.51.0/24");
	ck_assert_uint_eq(log_count("route 203.0.51.0/24: refused"), 1);
	log_capture_end();
}
END_TEST

/* No route may cover an address of the tunnel: at a server that is all of its pools. */
START_TEST(pools_are_not_routes)
{
	struct prefix six = prefix_of("fd00::/8");
	struct lane *lane;

	ck_assert_int_eq(prefix_list_append(&fixture.settings->peers[0].accept_routes, &six, 1), 0);
	lane = open_up(1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.9.0.0/29");
	ck_refused(lane, ROUTE_TUNNEL);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.9.0.4/32");
	ck_refused(lane, ROUTE_TUNNEL);
	say_prefix(lane, MESSAGE_ANNOUNCE, "fd00::5/128");
	ck_refused(lane, ROUTE_TUNNEL);
	say_prefix(lane, MESSAGE_ANNOUNCE, "fd01::/64");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_ptr_null(fixture_read(lane));
}
END_TEST

/* At a client these are the addresses that it and the server have. */
START_TEST(tunnel_addresses_are_not_routes)
{
	static const char *const taken[] = { "10.9.0.1/32", "10.9.0.2/32", "fd00::1/128",
		"fd00::2/128" };
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	struct prefix six = prefix_of("fd00::/8");
	struct lane *lane;

	ck_assert_int_eq(prefix_list_append(&fixture.settings->peers[0].accept_routes, &six, 1), 0);
	lane = greet();
	message.welcome.server6 = addr_of("fd00::1");
	message.welcome.client6 = addr_of("fd00::2");
	fixture_say(lane, &message);
	netd_make(5, 1, fixture.fds);
	fixture_expect(lane, MESSAGE_ANNOUNCE);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		say_prefix(lane, MESSAGE_ANNOUNCE, taken[i]);
		ck_refused(lane, ROUTE_TUNNEL);
	}
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.9.0.3/32");
	netd_judges_route(ROUTE_ACCEPTED);
	ck_assert_ptr_null(fixture_read(lane));
}
END_TEST

/* ---- goodbyes ---- */

/* When a client dials again: at the server's time, else after a class's own, else as it would anyway. */
START_TEST(retry)
{
	static const struct {
		uint16_t code;
		uint32_t heard_ms, waits_ms;
	} rows[] = {
		{ GOODBYE_LIMIT, 0, GOODBYE_WAIT_MS },
		{ GOODBYE_LIMIT, 1, 1 },
		{ GOODBYE_LIMIT, 500, 500 },
		{ GOODBYE_SHUTDOWN, 0, 0 },
		{ GOODBYE_SHUTDOWN, 1234, 1234 },
	};
	struct message message = { .type = MESSAGE_GOODBYE,
		.goodbye = { .code = rows[_i].code, .retry_after_ms = rows[_i].heard_ms } };
	struct lane *lane = greet_up(1);

	fixture_say(lane, &message);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.retry_after_ms, rows[_i].waits_ms);
}
END_TEST

/* The cause is the peer's text, else that of its code. */
START_TEST(cause_of_a_goodbye)
{
	static const struct {
		const char *text, *cause;
	} rows[] = {
		{ "", "a limit of the other end is reached" },
		{ "x", "x" },
		{ "full", "full" },
	};
	struct message message = { .type = MESSAGE_GOODBYE, .goodbye.code = GOODBYE_LIMIT };
	struct lane *lane = greet_up(1);

	unit_text(message.goodbye.text, rows[_i].text);
	fixture_say(lane, &message);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_str_eq(fixture.session->last_leave.text, rows[_i].cause);
}
END_TEST

/* While it closes, a session neither hears nor judges what still comes. */
START_TEST(deaf_while_closing)
{
	static const uint8_t broken[] = { 0, MESSAGE_PING, 0, 9 };
	struct message notice = { .type = MESSAGE_NOTICE, .notice.text = "hello" };
	struct lane *lane = open_up(1);

	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	log_capture_begin(LOG_LEVEL_DEBUG);
	fixture_say(lane, &notice);
	lane->owner->control(lane->owner, lane, broken, sizeof(broken));
	ck_assert_uint_eq(log_count("peer-0"), 0);
	log_capture_end();
}
END_TEST

/* What cannot be read is one fault, and no message. */
START_TEST(garbage)
{
	static const uint8_t broken[] = { 0, MESSAGE_PING, 0, 9 };
	struct lane *lane = open_up(1);

	log_capture_begin(LOG_LEVEL_DEBUG);
	lane->owner->control(lane->owner, lane, broken, sizeof(broken));
	ck_assert_uint_eq(log_count("the peer broke the protocol"), 1);
	ck_assert_uint_eq(log_count("skipped"), 0);
	log_capture_end();
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_PROTOCOL);
}
END_TEST

/* An `mtu` of the profile has an effect when it is the smaller one; 0: the profile sets none. */
START_TEST(mtu_without_effect)
{
	static const struct {
		uint32_t wanted;
		unsigned told;
	} rows[] = { { 0, 0 }, { 1399, 0 }, { 1400, 0 }, { 1401, 1 } };

	fixture.settings->mtu = rows[_i].wanted;
	log_capture_begin(LOG_LEVEL_NOTICE);
	hear_welcome(greet());
	ck_assert_uint_eq(log_count("has no effect, because the server has 1400"), rows[_i].told);
	log_capture_end();
}
END_TEST

/* A version that this end does not know: nothing else of that welcome counts. */
START_TEST(welcome_of_another_version)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	struct lane *lane = greet();

	message.welcome.version = MESSAGE_VERSION + 1;
	fixture_say(lane, &message);
	ck_state(SESSION_CLOSING);
	ck_assert(!lane->admitted);
	ck_assert_uint_eq(fixture.session->terms.session_id, 0);
}
END_TEST

/* A message of a newer peer: skipped, on whichever lane it comes. */
START_TEST(unknown_message)
{
	static const uint8_t unknown[] = { 0x7f, 0xf0, 0, 0 };
	struct lane *first = open_up(2), *second = join_up();

	log_capture_begin(LOG_LEVEL_DEBUG);
	first->owner->control(first->owner, first, unknown, sizeof(unknown));
	second->owner->control(second->owner, second, unknown, sizeof(unknown));
	ck_assert_uint_eq(log_count("skipped an unknown control message"), 2);
	ck_assert_uint_eq(log_count("peer-0"), 2);
	log_capture_end();
	ck_state(SESSION_UP);
}
END_TEST

/* Without the control role a lane hears few messages; each of the others is skipped, and does nothing. */
START_TEST(late_message)
{
	struct lane *first = open_up(2), *second = join_up();

	log_capture_begin(LOG_LEVEL_DEBUG);
	say_prefix(second, MESSAGE_ANNOUNCE, "203.0.113.0/24");
	ck_assert_uint_eq(log_count("lane 2: skipped announce"), 1);
	log_capture_end();
	ck_assert_uint_eq(fixture.offered, 0);
	ck_assert_ptr_null(fixture_read(first));
	ck_assert_ptr_null(fixture_read(second));
}
END_TEST

/* The server's answer to a join is not among them. */
START_TEST(joined)
{
	const struct endpoint to = outer();
	struct lane *lane = fixture_lane();

	greet_up(4);
	ck_assert_int_eq(session_join(fixture.session, lane, &to), 0);
	log_capture_begin(LOG_LEVEL_DEBUG);
	fixture_say(lane, &(struct message){ .type = MESSAGE_JOINED });
	ck_assert_uint_eq(log_count("lane 2 joined"), 1);
	ck_assert_uint_eq(log_count("skipped"), 0);
	log_capture_end();
}
END_TEST

/* A notice is the peer's words, once, whichever lane they come on. */
START_TEST(notice_aside)
{
	struct message notice = { .type = MESSAGE_NOTICE, .notice.text = "hello" };
	struct lane *second;

	open_up(2);
	second = join_up();
	log_capture_begin(LOG_LEVEL_NOTICE);
	fixture_say(second, &notice);
	ck_assert_uint_eq(log_count("notice: hello"), 1);
	ck_assert_uint_eq(log_count("peer-0"), 1);
	log_capture_end();
	ck_assert(!second->end_ordered);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_messages");

	fixture_add(s, "offloads", offloads, true, 2);
	fixture_add(s, "early_ping_of_before", early_ping_of_before, false, 1);
	fixture_add(s, "ping_aside", ping_aside, false, 1);
	fixture_add(s, "pong_aside", pong_aside, false, 1);
	fixture_add(s, "reported_up", reported_up, true, 2);
	fixture_add(s, "not_up_before_the_end", not_up_before_the_end, true, 1);
	fixture_add(s, "report_is_lost", report_is_lost, true, 2);
	fixture_add(s, "held_back", held_back, true, 1);
	fixture_add(s, "resolvers", resolvers, true, 4);
	fixture_add(s, "resolvers_are_ignored", resolvers_are_ignored, true, 2);
	fixture_add(s, "refused_before_the_welcome", refused_before_the_welcome, false, 1);
	fixture_add(s, "client_refuses", client_refuses, true, 1);
	fixture_add(s, "silent_after_goodbye", silent_after_goodbye, false, 1);
	fixture_add(s, "client_silent_after_goodbye", silent_after_goodbye, true, 1);
	fixture_add(s, "peer_refuses", peer_refuses, false, 1);
	fixture_add(s, "peer_refuses_all", peer_refuses_all, false, 1);
	fixture_add(s, "routes_are_logged", routes_are_logged, false, 1);
	fixture_add(s, "pools_are_not_routes", pools_are_not_routes, false, 1);
	fixture_add(s, "tunnel_addresses_are_not_routes", tunnel_addresses_are_not_routes, true, 1);
	fixture_add(s, "retry", retry, true, 5);
	fixture_add(s, "cause_of_a_goodbye", cause_of_a_goodbye, true, 3);
	fixture_add(s, "deaf_while_closing", deaf_while_closing, false, 1);
	fixture_add(s, "garbage", garbage, false, 1);
	fixture_add(s, "welcome_of_another_version", welcome_of_another_version, true, 1);
	fixture_add(s, "mtu_without_effect", mtu_without_effect, true, 4);
	fixture_add(s, "unknown_message", unknown_message, false, 1);
	fixture_add(s, "late_message", late_message, false, 1);
	fixture_add(s, "joined", joined, true, 1);
	fixture_add(s, "notice_aside", notice_aside, false, 1);
	return s;
}

int main(void)
{
	return unit_run("session_messages", suite());
}
