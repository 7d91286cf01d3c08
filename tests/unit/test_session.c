/* SPDX-License-Identifier: Apache-2.0 */
/* A session's life, from its first lane to its end: session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include "tests/unit/log_capture.h"

START_TEST(opened)
{
	struct lane *lane = open_lane();

	ck_assert_int_gt(fixture.session->down_since.ns, 0); /* down from its beginning */
	ck_assert_ptr_null(fixture_read(lane)); /* nothing before the interface is there */
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE)->interface.queues, 3);
	netd_make(5, 3, fixture.fds);
	ck_state(SESSION_UP);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_WELCOME)->welcome.lanes, 3);
	ck_assert_int_eq(lane->carry.tun_fd, fixture.fds[0]);
	ck_assert(netd.attached[fixture.fds[0]] && !netd.attached[fixture.fds[1]]);
	ck_assert(!lane->carry.discard);
	ck_assert(lane->sends);
	ck_assert_uint_gt(fixture.changed, 0);
	ck_assert_uint_eq(fixture.session->connections, 1);
	ck_assert_uint_eq(fixture.wanted, 1);
}
END_TEST

/* The kernel gives fewer queues than lanes were agreed on: the welcome says so. */
START_TEST(fewer_queues)
{
	struct lane *lane = open_lane();

	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_WELCOME)->welcome.lanes, 1);
	ck_assert(!session_wants_lane(fixture.session));
	ck_assert_uint_eq(fixture.wanted, 0);
}
END_TEST

START_TEST(early_ping)
{
	const struct message ping = { .type = MESSAGE_PING, .time.time = 77 };
	struct lane *lane = open_lane();

	fixture_say(lane, &ping);
	ck_assert_ptr_null(fixture_read(lane));
	netd_make(5, 1, fixture.fds);
	fixture_expect(lane, MESSAGE_WELCOME);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_PONG)->time.time, 77);
	fixture_say(lane, &ping);
	fixture_expect(lane, MESSAGE_ANNOUNCE);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
	fixture_expect(lane, MESSAGE_PONG);
}
END_TEST

START_TEST(without_a_family)
{
	struct request_reply reply = { .interface = 5, .adopts = true };
	struct lane *lane = open_lane();
	const struct message *message;

	reply.adopted = netd_next(REQUEST_INTERFACE)->interface;
	reply.adopted.local4 = reply.adopted.remote4 = (struct addr){ .family = AF_UNSPEC };
	fixture.session->welcome->welcome.client6 = addr_of("fd00::2");
	fixture.session->welcome->welcome.server6 = addr_of("fd00::1");
	fixture.fds[0] = netd_fd();
	netd_answer(&reply, fixture.fds, 1);
	ck_state(SESSION_UP);
	message = fixture_expect(lane, MESSAGE_WELCOME);
	ck_assert(!addr_is_set(&message->welcome.client4));
	ck_assert(!addr_is_set(&fixture.session->terms.remote4));
}
END_TEST

START_TEST(no_interface)
{
	struct lane *lane = open_lane();

	netd_refuse(EPERM, "no");
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_INTERNAL);
	ck_assert(lane->end_ordered);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_gone(); /* it has never been up: there is nothing to come back to */
}
END_TEST

/* The interface is there and does not work. */
START_TEST(interface_fails)
{
	struct lane *lane = open_lane();

	netd.tun_error = -ENODEV;
	netd_make(5, 1, fixture.fds);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_INTERNAL);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(netd_count_told(REQUEST_INTERFACE_DELETE, NULL), 1);
}
END_TEST

START_TEST(lane_cannot_carry)
{
	struct lane *lane = open_lane();

	fixture.carry_error = -ENOMEM;
	netd_make(5, 1, fixture.fds);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_INTERNAL);
}
END_TEST

/* The connection goes while netd makes the interface. */
START_TEST(lost_while_opening)
{
	struct lane *lane = open_lane();

	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_REMOVING);
	netd_make(5, 1, fixture.fds);
	ck_removed();
}
END_TEST

/* ---- lost, and back ---- */

START_TEST(lost)
{
	struct lane *lane = open_up(1);

	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.idle, 1);
	ck_assert_ptr_nonnull(strstr(fixture.session->last_leave.text, "closed the connection"));
	ck_assert_ptr_nonnull(strstr(fixture.session->lost.text, "closed the connection"));
	ck_assert(!fixture.session->carried); /* the next connection has yet to come up */
	ck_assert(session_interface_is_there(&fixture.session->interface));
	ck_assert(session_interface_carries(&fixture.session->interface));
	fixture_expire(&fixture.session->interface.idle);
	ck_assert(!session_interface_carries(&fixture.session->interface));
	lane = open_up(1);
	ck_assert(session_interface_carries(&fixture.session->interface));
	ck_assert_uint_eq(fixture.session->connections, 2);
}
END_TEST

/*
 * What waits in the only queue is of the connection before: it is dropped. Before the first connection nothing waits,
 * and the kernel drops what waited in one of several queues.
 */
START_TEST(what_waited)
{
	size_t queues = _i ? 2 : 1;
	struct lane *lane = open_up(queues);

	ck_assert(!lane->carry.discard);
	fixture_end_lane(lane, LANE_END_CLOSED);
	lane = open_up(queues);
	ck_assert(lane->carry.discard == (queues == 1));
}
END_TEST

/* Another interface replaces the one of the lane before: its descriptor is open until that lane has ended. */
START_TEST(other_interface)
{
	struct lane *old = open_up(1), *lane;
	int fd = fixture.fds[0];

	fixture.session->down_since = (struct mono){ 0 };
	session_disconnect(fixture.session, "it is tested");
	ck_assert_int_gt(fixture.session->down_since.ns, 0);
	fixture.session->down_since = (struct mono){ 0 };
	lane = open_lane();
	netd_make(6, 1, fixture.fds);
	ck_state(SESSION_UP);
	ck_assert_int_eq(fixture.session->down_since.ns, 0); /* not down by coming up */
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_int_eq(fixture.session->down_since.ns, fixture.session->entered.ns);
	ck_assert_str_ne(fixture.session->lost.text, "");
	ck_assert(netd_is_open(fd));
	fixture_end_lane(old, LANE_END_ORDERED);
	ck_assert(!netd_is_open(fd));
	ck_assert(netd_is_open(fixture.fds[0]));
}
END_TEST

START_TEST(lost_without_linger)
{
	struct lane *lane = open_up(1);

	fixture.settings->linger = DURATION_S(0);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_removed();
}
END_TEST

/* Somebody has removed the interface. */
START_TEST(interface_lost)
{
	struct lane *lane = open_up(1);

	fixture_end_lane(lane, LANE_END_TUN);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(netd_count_told(REQUEST_INTERFACE_DELETE, NULL), 1);
	ck_assert(!session_interface_is_there(&fixture.session->interface));
}
END_TEST

START_TEST(dead_peer)
{
	struct lane *lane = open_up(1);
	struct liveness *liveness = &fixture.session->control->liveness;

	liveness->events->dead(liveness);
	fixture_expect_goodbye(lane, GOODBYE_DEAD_PEER);
	ck_state(SESSION_IDLE);
	ck_assert(lane->end_ordered);
	ck_assert_uint_eq(fixture.session->last_leave.code, GOODBYE_DEAD_PEER);
	/* The session ends while that lane still does: the interface waits for the lane. */
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	ck_state(SESSION_REMOVING);
	ck_assert_uint_eq(netd.asked_count, 0);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_removed();
}
END_TEST

START_TEST(taken_over)
{
	struct lane *old = open_up(1), *lane;

	session_disconnect(fixture.session, "it is tested");
	ck_state(SESSION_IDLE);
	ck_assert(old->end_ordered);
	ck_assert_ptr_null(fixture_read(old)); /* no goodbye */
	session_disconnect(fixture.session, "it is tested");
	lane = open_lane();
	netd_make(5, 1, fixture.fds + 1);
	ck_state(SESSION_UP);
	fixture_expect(lane, MESSAGE_WELCOME);
	/* The old one is not heard any more, and its end means nothing. */
	fixture_say(old, &(struct message){ .type = MESSAGE_GOODBYE, .goodbye.code = 1 });
	old->owner->fault(old->owner, old, GOODBYE_PROTOCOL, "nonsense");
	ck_state(SESSION_UP);
	fixture_end_lane(old, LANE_END_BROKEN);
	ck_state(SESSION_UP);
	ck_assert_uint_eq(fixture.session->connections, 2);
	ck_assert(netd_is_open(fixture.fds[0]));
}
END_TEST

START_TEST(replaced)
{
	struct lane *lane = open_up(1);

	session_leave(fixture.session, GOODBYE_REPLACED, "another instance", true);
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "and once more", false);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_REPLACED);
	ck_assert_ptr_null(fixture_read(lane));
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_removed();
}
END_TEST

/* The log blames nothing for the end of a lane that has only done as ordered. */
START_TEST(ended_as_ordered)
{
	struct lane *lane = open_up(1);

	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", false);
	log_capture_begin(LOG_LEVEL_INFO);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_assert_uint_eq(log_count("closing -> idle: lane ended\n"), 1);
	log_capture_end();
}
END_TEST

START_TEST(left_while_idle)
{
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	ck_gone();
}
END_TEST

START_TEST(stopping)
{
	struct lane *lane = open_up(1);

	fixture.world.stopping = true;
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_assert_uint_eq(netd.asked_count, 0);
	ck_gone();
}
END_TEST

START_TEST(expired)
{
	struct lane *lane = open_up(1);

	fixture_expire(&fixture.session->expiry);
	ck_state(SESSION_UP);
	lane->valid_until = 1;
	fixture_expire(&fixture.session->expiry);
	ck_state(SESSION_CLOSING);
	ck_assert_uint_eq(fixture.session->leave.code, GOODBYE_EXPIRED);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_removed();
}
END_TEST

START_TEST(network_changes)
{
	struct lane *lane = open_up(1);

	lane->local = addr_of("192.0.2.1");
	session_network_changed(fixture.session);
	ck_state(SESSION_UP);
	ck_assert(fixture.session->control->liveness.probing);
	fixture.addresses_are_here = false;
	session_network_changed(fixture.session);
	ck_state(SESSION_IDLE);
	session_network_changed(fixture.session);
	ck_state(SESSION_IDLE);
}
END_TEST

/* ---- goodbyes that are heard ---- */

static void hear_goodbye(struct lane *lane, uint16_t code, uint32_t retry_after_ms)
{
	struct message message = {
		.type = MESSAGE_GOODBYE,
		.goodbye = { .code = code, .retry_after_ms = retry_after_ms },
	};

	fixture_say(lane, &message);
	ck_state(SESSION_CLOSING);
	fixture_say(lane, &message); /* changes nothing */
	ck_assert(lane->end_ordered);
	ck_assert_ptr_null(fixture_read(lane));
	fixture_end_lane(lane, LANE_END_CLOSED);
}

START_TEST(client_goes)
{
	hear_goodbye(open_up(1), GOODBYE_SHUTDOWN, 0);
	ck_removed();
}
END_TEST

/* It took us for dead and comes back. */
START_TEST(client_comes_back)
{
	hear_goodbye(open_up(1), GOODBYE_DEAD_PEER, 0);
	ck_state(SESSION_IDLE);
}
END_TEST

/* ---- messages ---- */

/* In which states a message on the lane with the control role breaks nothing. */
START_TEST(messages_in_states)
{
	static const struct {
		enum message_type type;
		bool opening, up;
	} rows[] = {
		{ MESSAGE_ANNOUNCE, true, true },
		{ MESSAGE_WITHDRAW, true, true },
		{ MESSAGE_REFUSE, true, true },
		{ MESSAGE_END_OF_ROUTES, true, true },
		{ MESSAGE_PING, true, true },
		{ MESSAGE_PONG, true, true },
		{ MESSAGE_NOTICE, true, true },
		{ MESSAGE_GOODBYE, true, true },
		{ MESSAGE_HELLO, false, false },
		{ MESSAGE_WELCOME, false, false },
		{ MESSAGE_JOINED, false, false },
	};
	size_t at = (size_t)_i / 2;
	bool up = _i % 2 != 0, legal = up ? rows[at].up : rows[at].opening;
	struct lane *lane = up ? open_up(1) : open_lane();
	struct message message = { .type = rows[at].type };

	switch (message.type) {
	case MESSAGE_WELCOME:
		message.welcome = welcome();
		break;
	case MESSAGE_HELLO:
		message.hello = (struct message_hello){
			.version = 1, .name = fixture.own, .lanes = 1
		};
		break;
	case MESSAGE_GOODBYE:
		message.goodbye.code = GOODBYE_SHUTDOWN;
		break;
	case MESSAGE_NOTICE:
		unit_text(message.notice.text, "hello");
		break;
	case MESSAGE_ANNOUNCE:
	case MESSAGE_WITHDRAW:
	case MESSAGE_REFUSE:
		message.prefixes.count = 1;
		message.prefixes.prefix[0] = prefix_of("10.3.0.0/16");
		message.prefixes.reason[0] = ROUTE_LIMIT;
		break;
	default:
		break;
	}
	fixture_say(lane, &message);
	if (message.type == MESSAGE_GOODBYE)
		ck_assert(fixture.session->leave.heard);
	else
		ck_state(!legal ? SESSION_CLOSING : up ? SESSION_UP : SESSION_OPENING);
	if (!legal)
		fixture_expect_goodbye(lane, GOODBYE_PROTOCOL);
}
END_TEST

enum { MESSAGE_ROWS = 2 * 11 };

START_TEST(garbage)
{
	static const uint8_t unknown[] = { 200, 0, 0, 0 }, broken[] = { MESSAGE_PING, 1 };
	struct lane *lane = open_up(1);
	struct message message;
	struct problem problem;

	if (message_decode(unknown, sizeof(unknown), &message, &problem) == 0) {
		lane->owner->control(lane->owner, lane, unknown, sizeof(unknown));
		ck_state(SESSION_UP);
	}
	lane->owner->control(lane->owner, lane, broken, sizeof(broken));
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_PROTOCOL);
	lane->owner->control(lane->owner, lane, broken, sizeof(broken));
	ck_assert_ptr_null(fixture_read(lane));
}
END_TEST

START_TEST(routes)
{
	struct request_reply reply = { .count = 1 };
	struct lane *lane = open_up(1);
	unsigned changed = fixture.changed;

	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	ck_assert_uint_eq(fixture.offered, 1);
	/* The kernel may route packets to the peer before netd answers: none of them is lost. */
	ck_assert(lane->has_new_reach);
	lane->has_new_reach = false;
	netd_next(REQUEST_ROUTE_ADD);
	reply.verdicts[0].verdict = ROUTE_ACCEPTED;
	netd_answer(&reply, NULL, 0);
	ck_assert_uint_gt(fixture.changed, changed);
	ck_assert(lane->has_new_reach);
	say_prefix(lane, MESSAGE_ANNOUNCE, "203.0.113.0/24");
	fixture_expect(lane, MESSAGE_REFUSE);
	say_prefix(lane, MESSAGE_WITHDRAW, "10.3.0.0/16");
	netd_next(REQUEST_ROUTE_DELETE);
	netd_answer(&reply, NULL, 0);
	say_prefix(lane, MESSAGE_REFUSE, "10.2.0.0/16");
	ck_assert_uint_eq(
		routes_refusal(&fixture.session->routes, &fixture.announced.items[0]), ROUTE_LIMIT);
	say_prefix(lane, MESSAGE_REFUSE, "10.77.0.0/16"); /* never announced */
	fixture_say(lane, &(struct message){ .type = MESSAGE_END_OF_ROUTES });
	ck_assert(fixture.session->heard_routes);
}
END_TEST

/* netd still works on a route when the session goes. */
START_TEST(routes_while_removing)
{
	struct request_reply reply = { .count = 1 };
	struct lane *lane = open_up(1);

	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_REMOVING);
	netd_next(REQUEST_ROUTE_ADD);
	netd_answer(&reply, NULL, 0);
	ck_removed();
}
END_TEST

START_TEST(announced_changed)
{
	struct prefix more = prefix_of("10.4.0.0/16");
	struct lane *lane = open_up(1);

	ck_assert_int_eq(prefix_list_append(&fixture.announced, &more, 1), 0);
	session_announced_changed(fixture.session);
	ck_assert(lane->has_new_reach);
	fixture_expire(&fixture.session->announcer.hold);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_ANNOUNCE)->prefixes.count, 1);
}
END_TEST

/* The only lane: the session waits for its peer to come back, and says all again then. */
START_TEST(withdrawal_is_lost)
{
	struct lane *lane = open_up(1);

	lane->send_error = -ENOMEM;
	fixture.announced.count = 0;
	session_announced_changed(fixture.session);
	fixture_expire(&fixture.session->announcer.hold);
	ck_assert(lane->end_ordered);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
	ck_assert_str_eq(fixture.session->last_leave.text, "lane ended: Cannot allocate memory");
	lane = open_lane();
	netd_make(5, 1, fixture.fds);
	fixture_expect(lane, MESSAGE_WELCOME);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
}
END_TEST

/* It ends for another reason before that order is carried out: this reason counts. */
START_TEST(withdrawal_is_lost_at_the_end)
{
	struct lane *lane = open_up(1);

	lane->send_error = -ENOMEM;
	fixture.announced.count = 0;
	session_announced_changed(fixture.session);
	fixture_expire(&fixture.session->announcer.hold);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_assert_str_eq(fixture.session->last_leave.text, lane_end_text(LANE_END_CLOSED));
}
END_TEST

/* A lane whose first message is lost comes to nothing at once. */
START_TEST(welcome_is_lost)
{
	struct lane *lane = open_lane();

	lane->send_error = -ENOMEM;
	netd_make(5, 1, fixture.fds);
	ck_assert(lane->end_ordered);
	ck_assert_uint_eq(lane->sent_count, 0);
}
END_TEST

START_TEST(lacking)
{
	struct request_lack page = { .link = true, .text = "x" };

	open_up(1);
	session_lacks(fixture.session, &page);
	ck_assert_ptr_nonnull(session_interface_lack(&fixture.session->interface)->why);
}
END_TEST

/* ---- adopted ---- */

static int adopt(const char *name, size_t fd_count, struct session **ret_session)
{
	struct request_reply reply = { .interface = 5, .ifname = "cv5", .adopts = true };

	ck_assert_int_eq(identity_set(&reply.adopted.peer, name, strlen(name)), 0);
	reply.adopted.mtu = 1400;
	reply.adopted.local4 = addr_of("10.9.0.1");
	reply.adopted.remote4 = addr_of("10.9.0.2");
	reply.adopted.outer = outer();
	fixture.fds[0] = netd_fd();
	return session_adopt(&fixture.world, &reply, fixture.fds, fd_count, ret_session);
}

START_TEST(adopted)
{
	struct session *first = fixture.session, *session;
	const struct request *last;
	struct lane *lane;

	ck_assert_int_eq(adopt("peer-0", 0, &session), -EINVAL);
	ck_assert_int_eq(adopt("nobody", 1, &session), -EINVAL);
	ck_assert_int_eq(adopt("peer-0", 1, &session), 0);
	fixture.session = session;
	ck_state(SESSION_IDLE);
	ck_assert(session->adopted);
	ck_assert_uint_eq(session->terms.mtu, 1400);
	ck_assert(session_interface_is(&session->interface, 5));
	ck_assert_uint_eq(session->outer.port, 4433);
	/* netd is told of the carrier, whatever it was told before. */
	lane = open_lane();
	session->adopted = false;
	netd_make(5, 1, fixture.fds + 1);
	fixture_expect(lane, MESSAGE_WELCOME);
	ck_assert_uint_eq(netd_count_told(REQUEST_CARRIER, &last), 1);
	ck_assert(last->carrier.on);
	ck_assert(lane->carry.discard);
	/* The one of this test's beginning goes first. */
	session_leave(first, GOODBYE_SHUTDOWN, "", true);
	fixture_expire(&first->reap);
	ck_assert_uint_eq(fixture.ended, 1);
	fixture.ended = 0;
	fixture.session = session;
}
END_TEST

/* ---- client ---- */

START_TEST(greeted)
{
	struct lane *lane = greet();

	ck_assert(!fixture.session->welcomed);
	hear_welcome(lane);
	ck_assert(fixture.session->welcomed);
	/* The client's interface has the queues that the client wants. */
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE)->interface.queues, 4);
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE)->interface.outer.port, 4433);
	ck_assert(!session_hides_names(fixture.session));
	netd_make(5, 4, fixture.fds);
	ck_state(SESSION_UP);
	ck_assert_uint_eq(fixture.wanted, 1);
	ck_assert_uint_eq(fixture.wanted_at_once, 1);
	ck_assert_uint_eq(netd_count_told(REQUEST_DNS, NULL), 0);
	fixture_say(lane, &(struct message){ .type = MESSAGE_END_OF_ROUTES });
	fixture_say(lane, &(struct message){ .type = MESSAGE_END_OF_ROUTES });
	ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), 1);
}
END_TEST

START_TEST(resolvers)
{
	const struct request *last = NULL;

	fixture.settings->use_dns = true;
	greet_up(1);
	ck_assert_uint_eq(netd_count_told(REQUEST_DNS, &last), 1);
	ck_assert_uint_eq(last->dns.nameservers.server_count, 1);
	ck_assert(session_hides_names(fixture.session));
}
END_TEST

START_TEST(unknown_version)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	struct lane *lane = greet();

	message.welcome.version = MESSAGE_VERSION + 1;
	fixture_say(lane, &message);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_VERSION);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
}
END_TEST

START_TEST(addresses_refused)
{
	struct lane *lane = greet();

	hear_welcome(lane);
	netd_refuse(EADDRINUSE, "the printer has it");
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_NO_ADDRESS);
	ck_assert(!addr_is_set(&fixture.session->terms.local4));
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
	greet_up(1);
}
END_TEST

/* The network has changed, and the tunnel's address is another host's there. */
START_TEST(addresses_judged)
{
	struct lane *lane = greet_up(1);

	session_judge_addresses(fixture.session);
	netd_make(5, 1, fixture.fds + 1);
	ck_state(SESSION_UP);
	session_judge_addresses(fixture.session);
	netd_refuse(EADDRINUSE, "the printer has it");
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(lane, GOODBYE_NO_ADDRESS);
	session_judge_addresses(fixture.session);
	ck_assert_uint_eq(netd.asked_count, 0);
}
END_TEST

/* Another connection is attempted beside it: the silent one is left alone, and goes on or gives way. */
START_TEST(silent)
{
	struct lane *lane = greet_up(1);

	ck_assert_uint_eq(fixture.ups, 1);
	ck_assert(!session_is_silent(fixture.session));
	fixture.beside = true;
	fixture.heard = fixture.now;
	fixture.now = mono_add(fixture.now, DURATION_S(2));
	lane->owner->doubted(lane->owner, lane);
	ck_assert(session_is_silent(fixture.session));
	ck_assert(!TAILQ_FIRST(&fixture.session->lanes)->liveness.probing);
	fixture.now = mono_add(fixture.now, DURATION_MS(1));
	fixture.heard = fixture.now; /* it wakes up */
	ck_assert(!session_is_silent(fixture.session));
	fixture.beside = false; /* without another one a probe decides */
	lane->owner->doubted(lane->owner, lane);
	ck_assert(TAILQ_FIRST(&fixture.session->lanes)->liveness.probing);
}
END_TEST

/* It moves to another connection; the server hears of that where it may be another one. */
START_TEST(switched)
{
	struct lane *lane = greet_up(1);

	session_switch(fixture.session, _i == 1, "it is better elsewhere");
	ck_state(SESSION_IDLE);
	ck_assert(lane->end_ordered);
	ck_assert_uint_eq(fixture.idle, 1);
	if (_i == 1)
		fixture_expect_goodbye(lane, GOODBYE_SHUTDOWN);
	greet_up(1);
	ck_assert_uint_eq(fixture.ups, 2);
	fixture_end_lane(lane, LANE_END_ORDERED); /* late */
	ck_state(SESSION_UP);
}
END_TEST

START_TEST(server_says_wait)
{
	hear_goodbye(greet_up(1), GOODBYE_LIMIT, 0);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.retry_after_ms, GOODBYE_WAIT_MS);
	hear_goodbye(greet_up(1), GOODBYE_SHUTDOWN, 1234);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.retry_after_ms, 1234);
}
END_TEST

/* Two hosts with one certificate do not replace each other for ever. */
START_TEST(server_says_stop)
{
	hear_goodbye(greet_up(1), GOODBYE_REPLACED, 0);
	ck_removed();
}
END_TEST

START_TEST(greeting_fails)
{
	fixture_end_lane(greet(), LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.idle, 1);
}
END_TEST

/* ---- the table and its writer ---- */

static bool happens(enum session_state state, enum session_event event)
{
	enum session_action action;
	enum session_state next;

	return session_next(state, event, &next, &action);
}

/*
 * What cannot happen is logged, and leaves the session as it is, to the last byte; nothing is
 * called or freed.
 */
START_TEST(event_without_a_row)
{
	unsigned tried = 0;

	log_capture_begin(LOG_LEVEL_INFO);
	for (size_t i = 0; i < SESSION_STATE_COUNT; i++) {
		for (size_t j = 0; j < SESSION_EVENT_COUNT; j++) {
			struct session *session = calloc(2, sizeof(*session));

			if (!happens((enum session_state)i, (enum session_event)j)) {
				memset(session, 0xa5, sizeof(*session));
				session->name = (struct identity){ .name = "branch-a" };
				session->state = (enum session_state)i;
				memcpy(session + 1, session, sizeof(*session));
				session_event(session, (enum session_event)j, "a test");
				ck_assert_mem_eq(session, session + 1, sizeof(*session));
				tried++;
			}
			free(session);
		}
	}
	ck_assert_uint_gt(tried, 0);
	ck_assert_uint_eq(log_count("this is a bug in Culvert"), tried);
	log_capture_end();
}
END_TEST

/* A row that leads back to its own state does not count as entering it. */
START_TEST(leaving_twice)
{
	static const enum session_state states[] = { SESSION_CLOSING, SESSION_REMOVING,
		SESSION_ENDED };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct session session = {
			.name = { .name = "branch-a" },
			.state = states[i],
			.entered = { .ns = 12345 },
		};

		session_event(&session, SESSION_EVENT_LEAVE, "again");
		ck_assert_int_eq(session.state, states[i]);
		ck_assert_int_eq(session.entered.ns, 12345);
	}
}
END_TEST

/* By that a server tells copies of one virtual machine apart. Another server is not told. */
START_TEST(names_the_last_session)
{
	(void)greet_up(1);
	ck_assert_uint_eq(fixture.last_session, 0);
	session_disconnect(fixture.session, "it is tested");
	(void)greet();
	ck_assert_uint_eq(fixture.last_session, 7);
	session_disconnect(fixture.session, "it is tested");
	fixture.session->last_server.port++;
	(void)greet();
	ck_assert_uint_eq(fixture.last_session, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session");

	fixture_add(s, "opened", opened, false, 1);
	fixture_add(s, "fewer_queues", fewer_queues, false, 1);
	fixture_add(s, "early_ping", early_ping, false, 1);
	fixture_add(s, "without_a_family", without_a_family, false, 1);
	fixture_add(s, "no_interface", no_interface, false, 1);
	fixture_add(s, "interface_fails", interface_fails, false, 1);
	fixture_add(s, "lane_cannot_carry", lane_cannot_carry, false, 1);
	fixture_add(s, "lost_while_opening", lost_while_opening, false, 1);
	fixture_add(s, "lost", lost, false, 1);
	fixture_add(s, "what_waited", what_waited, false, 2);
	fixture_add(s, "other_interface", other_interface, false, 1);
	fixture_add(s, "lost_without_linger", lost_without_linger, false, 1);
	fixture_add(s, "interface_lost", interface_lost, false, 1);
	fixture_add(s, "dead_peer", dead_peer, false, 1);
	fixture_add(s, "taken_over", taken_over, false, 1);
	fixture_add(s, "replaced", replaced, false, 1);
	fixture_add(s, "left_while_idle", left_while_idle, false, 1);
	fixture_add(s, "stopping", stopping, false, 1);
	fixture_add(s, "expired", expired, false, 1);
	fixture_add(s, "network_changes", network_changes, false, 1);
	fixture_add(s, "client_goes", client_goes, false, 1);
	fixture_add(s, "client_comes_back", client_comes_back, false, 1);
	fixture_add(s, "ended_as_ordered", ended_as_ordered, false, 1);
	fixture_add(s, "messages_in_states", messages_in_states, false, MESSAGE_ROWS);
	fixture_add(s, "garbage", garbage, false, 1);
	fixture_add(s, "routes", routes, false, 1);
	fixture_add(s, "routes_while_removing", routes_while_removing, false, 1);
	fixture_add(s, "announced_changed", announced_changed, false, 1);
	fixture_add(s, "withdrawal_is_lost", withdrawal_is_lost, false, 1);
	fixture_add(s, "withdrawal_is_lost_at_the_end", withdrawal_is_lost_at_the_end, false, 1);
	fixture_add(s, "welcome_is_lost", welcome_is_lost, false, 1);
	fixture_add(s, "lacking", lacking, false, 1);
	fixture_add(s, "adopted", adopted, false, 1);
	fixture_add(s, "greeted", greeted, true, 1);
	fixture_add(s, "names_the_last_session", names_the_last_session, true, 1);
	fixture_add(s, "resolvers", resolvers, true, 1);
	fixture_add(s, "silent", silent, true, 1);
	fixture_add(s, "switched", switched, true, 2);
	fixture_add(s, "unknown_version", unknown_version, true, 1);
	fixture_add(s, "addresses_refused", addresses_refused, true, 1);
	fixture_add(s, "addresses_judged", addresses_judged, true, 1);
	fixture_add(s, "server_says_wait", server_says_wait, true, 1);
	fixture_add(s, "server_says_stop", server_says_stop, true, 1);
	fixture_add(s, "greeting_fails", greeting_fails, true, 1);
	unit_add(s, "event_without_a_row", event_without_a_row);
	unit_add(s, "leaving_twice", leaving_twice);
	return s;
}

int main(void)
{
	return unit_run("session", suite());
}
