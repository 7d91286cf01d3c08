/* SPDX-License-Identifier: Apache-2.0 */
/* A session's further lanes, and the control role. session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include "tests/unit/log_capture.h"

/* ---- server ---- */

START_TEST(joined)
{
	struct lane *first = open_up(3), *second = join_up(), *third = join_up();

	ck_assert_int_ne(first->carry.tun_fd, second->carry.tun_fd);
	ck_assert_int_ne(second->carry.tun_fd, third->carry.tun_fd);
	ck_assert_uint_eq(session_lane_count(fixture.session), 3);
	ck_assert_ptr_eq(fixture.session->control->lane, first);
	fixture_end_lane(second, LANE_END_CLOSED);
	ck_state(SESSION_UP);
	ck_assert(!netd.attached[second->carry.tun_fd]);
	ck_assert_int_eq(join_up()->carry.tun_fd, second->carry.tun_fd);
}
END_TEST

START_TEST(join_refused)
{
	struct lane *stranger = fixture_lane();
	struct message_join wrong;

	open_lane();
	wrong = join(false);
	ck_assert_int_eq(take_join(stranger, &wrong), -EAGAIN);
	netd_make(5, 2, fixture.fds);
	wrong.session_id++;
	ck_assert_int_eq(take_join(stranger, &wrong), -EPROTO);
	for (size_t i = 0; i < MESSAGE_TOKEN_SIZE; i++) {
		wrong = join(false);
		wrong.token[i] ^= 1;
		ck_assert_int_eq(take_join(stranger, &wrong), -EPROTO);
	}
	for (size_t i = 0; i < MESSAGE_INSTANCE_SIZE; i++) {
		wrong = join(false);
		wrong.instance[i] ^= 1;
		ck_assert_int_eq(take_join(stranger, &wrong), -EPROTO);
	}
	wrong = join(false);
	fixture.session->adopted = true;
	ck_assert_int_eq(take_join(stranger, &wrong), -EPROTO);
	fixture.session->adopted = false;
	join_up();
	ck_assert_int_eq(take_join(stranger, &wrong), -ENOBUFS);
	ck_state(SESSION_UP);
	ck_assert_ptr_null(stranger->owner); /* it stays the caller's */
}
END_TEST

/* Its queue cannot be had: that lane is given up, and the session goes on with those that it has. */
START_TEST(join_fails)
{
	const struct message_join message = join(_i == 1);
	struct lane *lane = fixture_lane(), *first = open_up(2);

	netd.tun_error = -ENODEV;
	ck_assert_int_eq(take_join(lane, &message), 0);
	ck_assert(lane->end_ordered);
	ck_state(SESSION_UP);
	ck_assert_uint_eq(session_lane_count(fixture.session), 1);
	ck_assert_ptr_eq(fixture.session->control->lane, first);
}
END_TEST

START_TEST(join_claims)
{
	const struct message_join message = join(true);
	struct lane *lane = fixture_lane();

	open_up(2);
	ck_assert_int_eq(take_join(lane, &message), 0);
	ck_assert(fixture_expect(lane, MESSAGE_JOINED)->joined.control);
	ck_assert_ptr_eq(fixture.session->control->lane, lane);
	fixture_expect(lane, MESSAGE_ANNOUNCE);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
}
END_TEST

static void claim(struct lane *lane)
{
	const struct message message = { .type = MESSAGE_JOIN, .join = join(true) };

	fixture_say(lane, &message);
}

START_TEST(claimed)
{
	struct lane *first = open_up(3), *second = join_up(), *third = join_up();

	fixture_end_lane(first, LANE_END_CLOSED);
	ck_state(SESSION_UP);
	ck_assert_ptr_null(fixture.session->control);
	ck_assert(fixture.session->unclaimed.running);
	claim(third);
	ck_assert(fixture_expect(third, MESSAGE_JOINED)->joined.control);
	fixture_expect(third, MESSAGE_ANNOUNCE);
	fixture_expect(third, MESSAGE_END_OF_ROUTES);
	ck_assert(!fixture.session->unclaimed.running);
	claim(third); /* has it */
	fixture_expect(third, MESSAGE_JOINED);
	ck_assert_ptr_null(fixture_read(third));
	claim(second); /* was under way when that lane was given up */
	ck_assert_ptr_null(fixture_read(second));
	ck_assert_ptr_eq(fixture.session->control->lane, third);
}
END_TEST

/* A peer that missed an announcement would go on with another state: the lane ends, and all is said again. */
START_TEST(announcement_is_lost)
{
	struct prefix more = prefix_of("10.4.0.0/16");
	struct lane *first = open_up(2), *second = join_up();

	first->send_error = -ENOMEM;
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &more, 1), 0);
	session_announced_changed(fixture.session);
	fixture_expire(&fixture.session->announcer.hold);
	ck_assert(first->end_ordered);
	ck_assert(!second->end_ordered);
	ck_state(SESSION_UP);
	first->send_error = 0;
	session_send_hello(fixture.session); /* nothing passes behind what was lost */
	ck_assert_ptr_null(fixture_read(first));
	fixture_end_lane(first, LANE_END_ORDERED);
	ck_state(SESSION_UP);
	claim(second);
	fixture_expect(second, MESSAGE_JOINED);
	ck_assert_uint_eq(fixture_expect(second, MESSAGE_ANNOUNCE)->prefixes.count, 2);
	fixture_expect(second, MESSAGE_END_OF_ROUTES);
}
END_TEST

/* It cannot be repaired twice: the lane ends once, for its first reason, and one line is logged. */
START_TEST(lost_twice)
{
	struct lane *first = open_up(2), *second = join_up();

	unit_text(fixture.session->name.name, "branch-b");
	log_capture_begin(LOG_LEVEL_ERROR);
	second->filter_error = -ENOMEM;
	session_update_reach(fixture.session);
	ck_assert_uint_eq(log_count("branch-b: cannot update its packet filter"), 1);
	second->filter_error = -ENOBUFS;
	session_update_reach(fixture.session);
	ck_assert_uint_eq(log_count("branch-b: cannot"), 1);
	log_capture_end();
	log_capture_begin(LOG_LEVEL_NOTICE);
	fixture_end_lane(second, LANE_END_ORDERED);
	ck_assert_uint_eq(
		log_count("lost lane 2, 1 remain: lane ended: Cannot allocate memory"), 1);
	log_capture_end();
	ck_assert(!first->end_ordered);
}
END_TEST

/* Where the list cannot be made, or a lane keeps its old filter, it is the same. */
START_TEST(offer_is_lost)
{
	struct lane *first = open_up(3), *second = join_up(), *third = join_up();

	fixture.offer_error = -ENOMEM;
	session_announced_changed(fixture.session);
	ck_assert(first->end_ordered && !second->end_ordered);
	fixture_end_lane(first, LANE_END_ORDERED);
	claim(second);
	fixture_expect(second, MESSAGE_JOINED);
	ck_assert_ptr_null(fixture_read(second)); /* no end of routes without the routes */
	ck_assert(second->end_ordered && !third->end_ordered);
	fixture_end_lane(second, LANE_END_ORDERED);
	fixture.offer_error = 0;
	third->filter_error = -ENOMEM;
	session_announced_changed(fixture.session);
	ck_assert(third->end_ordered);
}
END_TEST

START_TEST(not_claimed)
{
	struct lane *first = open_up(2), *second = join_up();

	fixture_end_lane(first, LANE_END_CLOSED);
	fixture_expire(&fixture.session->unclaimed);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(second, GOODBYE_DEAD_PEER); /* said where there is no control role */
	fixture_end_lane(second, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
}
END_TEST

/* The client has as long as a dead peer has, from the loss of the lane that had the role. */
START_TEST(not_claimed_in_time)
{
	struct lane *first = open_up(3), *second = join_up();
	struct mono due = mono_add(fixture.now, fixture.session->terms.dead_after);

	join_up();
	fixture_end_lane(first, LANE_END_CLOSED);
	ck_assert_int_eq(fixture.session->unclaimed.due.ns, due.ns);
	fixture_pass(1000);
	fixture_end_lane(second, LANE_END_CLOSED);
	ck_state(SESSION_UP);
	ck_assert_int_eq(fixture.session->unclaimed.due.ns, due.ns);
}
END_TEST

START_TEST(join_twice)
{
	const struct message message = { .type = MESSAGE_JOIN, .join = join(false) };
	struct lane *first = open_up(2), *second = join_up();

	fixture_say(second, &message);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(first, GOODBYE_PROTOCOL);
	ck_assert_ptr_null(fixture_read(second));
	ck_assert_ptr_eq(fixture.session->control->lane, first);
}
END_TEST

static struct liveness *liveness_of(struct lane *lane)
{
	return &container_of(lane->owner, struct session_lane, owner)->liveness;
}

static void dies(struct lane *lane)
{
	struct liveness *liveness = liveness_of(lane);

	liveness_stop(liveness);
	liveness->events->dead(liveness);
}

/* The peer hears that it is taken for dead where no other lane carries; else the session goes on. */
START_TEST(dead_lane)
{
	struct lane *first = open_up(2), *second = join_up();

	dies(first);
	ck_state(SESSION_UP);
	ck_assert(first->end_ordered && !second->end_ordered);
	ck_assert_ptr_null(fixture_read(first));
	dies(second); /* the first has not ended, and carries no more */
	ck_state(SESSION_IDLE);
	fixture_expect_goodbye(second, GOODBYE_DEAD_PEER);
}
END_TEST

/* A lane takes a queue for itself, as long as there are queues. */
START_TEST(queues)
{
	const struct endpoint from = outer();
	struct session_lane *sl[3];
	struct lane *lanes[3];

	open_up(3);
	for (size_t i = 0; i < ARRAY_SIZE(sl); i++) {
		lanes[i] = fixture_lane();
		ck_assert_int_eq(session_add_lane(fixture.session, lanes[i], &from,
					 SESSION_LANE_JOINING, &sl[i]),
			0);
		ck_assert_int_eq(sl[i]->queue, -1);
	}
	fixture.carry_error = -ENOMEM;
	ck_assert_int_eq(session_lane_hold(sl[0]), -ENOMEM);
	ck_assert_int_eq(session_lane_hold(sl[0]), -ENOMEM);
	ck_assert_int_eq(sl[0]->queue, -1);
	fixture.carry_error = 0;
	/* It has given back what it had taken. */
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(session_lane_hold(sl[i]), 0);
		ck_assert(lanes[i]->carries && !netd.attached[lanes[i]->carry.tun_fd]);
		ck_assert_int_eq(session_lane_carry(sl[i]), 0);
		ck_assert(lanes[i]->sends && netd.attached[lanes[i]->carry.tun_fd]);
	}
	ck_assert_int_eq(session_lane_hold(sl[2]), -ENOBUFS);
	ck_assert_int_eq(sl[2]->queue, -1);
	ck_assert(!lanes[2]->carries);
	session_lane_leave(sl[1]);
	ck_assert_int_eq(sl[1]->queue, -1);
	ck_assert(!netd.attached[lanes[1]->carry.tun_fd]);
	ck_assert_int_eq(session_lane_hold(sl[2]), 0);
	ck_assert_int_eq(lanes[2]->carry.tun_fd, lanes[1]->carry.tun_fd);
	session_lane_leave(sl[1]); /* what it had is another lane's */
	ck_assert_int_eq(session_lane_carry(sl[2]), 0);
	session_lane_leave(sl[1]);
	ck_assert(netd.attached[lanes[2]->carry.tun_fd]);
}
END_TEST

/* What a lane without the control role hears. */
START_TEST(aside)
{
	const struct message ping = { .type = MESSAGE_PING, .time.time = 5 };
	const struct message pong = { .type = MESSAGE_PONG, .time.time = 5 };
	const struct message notice = { .type = MESSAGE_NOTICE, .notice.text = "hello" };
	const struct message end = { .type = MESSAGE_END_OF_ROUTES };
	const struct message goodbye = { .type = MESSAGE_GOODBYE, .goodbye.code = 1 };
	struct lane *second;

	open_up(2);
	second = join_up();
	fixture_say(second, &ping);
	ck_assert_uint_eq(fixture_expect(second, MESSAGE_PONG)->time.time, 5);
	fixture_say(second, &pong);
	fixture_say(second, &notice);
	fixture_say(second, &end);
	ck_assert(!fixture.session->heard_routes);
	fixture_say(second, &goodbye);
	ck_state(SESSION_UP);
	ck_assert(second->end_ordered);
	ck_assert_uint_eq(session_lane_count(fixture.session), 1);
}
END_TEST

/* Too slow to join concerns that lane; anything else concerns the session. */
START_TEST(faults)
{
	struct lane *first = open_up(3), *second = join_up(), *third = join_up();

	second->owner->fault(second->owner, second, GOODBYE_DEADLINE, "too slow");
	ck_assert(second->end_ordered);
	ck_state(SESSION_UP);
	third->owner->doubted(third->owner, third);
	third->owner->fault(third->owner, third, GOODBYE_PROTOCOL, "nonsense");
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(first, GOODBYE_PROTOCOL);
	ck_assert(fixture.session->final);
	fixture_end_lane(second, LANE_END_ORDERED);
	fixture_end_lane(third, LANE_END_ORDERED);
	ck_state(SESSION_CLOSING);
	fixture_end_lane(first, LANE_END_ORDERED);
	ck_removed();
}
END_TEST

/* This host loses the address of one lane: that lane goes, and another one is wanted at once. */
START_TEST(address_is_lost)
{
	struct lane *first = open_up(3), *second = join_up();
	struct lane *gone = _i == 0 ? first : second, *stays = _i == 0 ? second : first;
	unsigned wanted = fixture.wanted_at_once;

	gone->local = addr_of("192.0.2.1");
	fixture.addresses_are_here = false;
	session_network_changed(fixture.session);
	ck_state(SESSION_UP);
	ck_assert(gone->end_ordered && !stays->end_ordered);
	ck_assert_uint_eq(fixture.wanted_at_once, wanted + 1);
	if (_i == 0)
		ck_assert(!fixture.session->control && fixture.session->unclaimed.running);
	else
		ck_assert_ptr_eq(fixture.session->control->lane, first);
}
END_TEST

START_TEST(counted)
{
	struct lane *first = open_up(2), *second = join_up();
	struct lane_counters sums;

	counter_add(&first->counters.in_bytes, 10);
	counter_add(&second->counters.in_bytes, 5);
	session_sum(fixture.session, &sums);
	ck_assert_uint_eq(counter_read(&sums.in_bytes), 15);
	fixture_end_lane(second, LANE_END_CLOSED);
	session_sum(fixture.session, &sums);
	ck_assert_uint_eq(counter_read(&sums.in_bytes), 15);
}
END_TEST

/* What becomes of lanes is logged; a peer that makes lanes come and go for ever fills no log. */
START_TEST(logged)
{
	struct message notice = { .type = MESSAGE_NOTICE };
	struct lane *first, *second, *third;

	unit_text(fixture.session->name.name, "branch-a"); /* no other case logs of that one */
	log_capture_begin(LOG_LEVEL_INFO);
	first = open_up(3);
	second = join_up();
	third = join_up();
	fixture_end_lane(first, LANE_END_CLOSED);
	claim(third);
	ck_assert_uint_eq(log_count("lane 2 joined: 192.0.2.7:4433, 2 of 3"), 1);
	ck_assert_uint_eq(
		log_count("lost lane 1, 2 remain: the other end closed the connection"), 1);
	ck_assert_uint_eq(log_count("lane 3 has the control role now"), 1);
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(notice.notice.text, sizeof(notice.notice.text), "hello %u", i);
		fixture_say(third, &notice);
	}
	ck_assert_uint_gt(log_count("notice: hello"), 100);
	ck_assert_uint_lt(log_count("notice: hello"), 500);
	log_forget();
	fixture_say(third, &notice);
	fixture_end_lane(third, LANE_END_CLOSED);
	claim(second);
	join_up();
	ck_assert_uint_eq(log_count("branch-a"), 0);
	log_capture_end();
}
END_TEST

/* ---- client ---- */

static struct lane *join_server(void)
{
	const struct endpoint to = outer();
	struct lane *lane = fixture_lane();
	const struct message *message;

	ck_assert_int_eq(session_join(fixture.session, lane, &to), 0);
	message = fixture_expect(lane, MESSAGE_JOIN);
	ck_assert(!message->join.claim_control);
	ck_assert_uint_eq(message->join.session_id, 7);
	ck_assert_mem_eq(message->join.token, fixture.session->token, MESSAGE_TOKEN_SIZE);
	ck_assert(lane->carries && !lane->sends);
	fixture_say(lane, &(struct message){ .type = MESSAGE_JOINED });
	ck_assert(lane->sends);
	return lane;
}

START_TEST(client_joins)
{
	const struct endpoint to = outer();

	greet_up(4);
	join_server();
	join_server();
	ck_assert(!session_wants_lane(fixture.session)); /* the server has granted three */
	ck_assert_int_eq(session_join(fixture.session, fixture_lane(), &to), -ENOBUFS);
	ck_assert_uint_eq(fixture.wanted, 2);
}
END_TEST

START_TEST(joined_without_a_join)
{
	struct lane *first = greet_up(4), *second = join_server();

	fixture_say(second, &(struct message){ .type = MESSAGE_JOINED });
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(first, GOODBYE_PROTOCOL);
	ck_assert(!fixture.session->final); /* a client comes back */
	ck_assert(!liveness_of(second)->timer.running);
}
END_TEST

START_TEST(join_from_a_server)
{
	const struct message message = { .type = MESSAGE_JOIN, .join = join(false) };
	struct lane *first = greet_up(4), *second = join_server();

	fixture_say(_i ? second : first, &message);
	ck_state(SESSION_CLOSING);
	fixture_expect_goodbye(first, GOODBYE_PROTOCOL);
}
END_TEST

/* A lane that still joins carries nothing: the peer of the only one that does hears the goodbye. */
START_TEST(dead_while_another_joins)
{
	const struct endpoint to = outer();
	struct lane *first = greet_up(4), *second = fixture_lane();

	ck_assert_int_eq(session_join(fixture.session, second, &to), 0);
	dies(first);
	fixture_expect_goodbye(first, GOODBYE_DEAD_PEER);
	ck_state(SESSION_IDLE);
}
END_TEST

/* Only while the session is up, and goes on. */
START_TEST(wants_no_lane)
{
	struct lane *lane = greet();

	ck_assert(!session_wants_lane(fixture.session));
	hear_welcome(lane);
	ck_assert(!session_wants_lane(fixture.session));
	netd_make(5, 4, fixture.fds);
	ck_assert(session_wants_lane(fixture.session));
	fixture.world.stopping = true;
	ck_assert(!session_wants_lane(fixture.session));
	fixture.world.stopping = false;
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert(!session_wants_lane(fixture.session));
}
END_TEST

/* The server has taken the join, and then its queue cannot be had. */
START_TEST(client_cannot_carry)
{
	const struct endpoint to = outer();
	struct lane *lane = fixture_lane();

	greet_up(4);
	ck_assert_int_eq(session_join(fixture.session, lane, &to), 0);
	netd.tun_error = -ENODEV;
	fixture_say(lane, &(struct message){ .type = MESSAGE_JOINED });
	ck_assert(lane->end_ordered);
	ck_state(SESSION_UP);
	ck_assert_uint_eq(session_lane_count(fixture.session), 1);
	ck_assert_uint_eq(fixture.wanted, 2); /* once for the first, once for the loss */
	ck_assert_uint_eq(fixture.wanted_at_once, 1);
}
END_TEST

/*
 * Where lanes are lost as soon as they are there, a further one is not dialed for at once: a lane has to
 * carry, or none to be lost, for a while.
 */
START_TEST(wanted_at_once)
{
	static const struct {
		int64_t lived_ms, since_ms;
		unsigned lost, joined; /* how many are wanted at once then */
	} rows[] = {
		{ SESSION_LANE_STEADY_MS, SESSION_LANE_STEADY_MS, 1, 1 },
		{ SESSION_LANE_STEADY_MS, SESSION_LANE_STEADY_MS - 1, 1, 0 },
		{ SESSION_LANE_STEADY_MS - 1, SESSION_LANE_STEADY_MS, 0, 1 },
		{ 0, 0, 0, 0 },
	};
	unsigned before;
	struct lane *lane;

	greet_up(4);
	lane = join_server();
	fixture_pass(rows[_i].lived_ms);
	before = fixture.wanted_at_once;
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_assert_uint_eq(fixture.wanted_at_once - before, rows[_i].lost);
	fixture_pass(rows[_i].since_ms);
	before = fixture.wanted_at_once;
	join_server();
	ck_assert_uint_eq(fixture.wanted_at_once - before, rows[_i].joined);
}
END_TEST

/* The oldest of the others takes the control role. */
/* netd is told, unless the socket is MPTCP by another program's doing: it would refuse. */
START_TEST(a_path_is_silent)
{
	struct lane *lane = greet_up(1);
	struct addr local = { .family = AF_INET, .bytes = { 192, 0, 2, 1 } };
	size_t told = netd.told_count;

	fixture.settings->mptcp = false;
	lane->owner->silent(lane->owner, lane, &local);
	ck_assert_uint_eq(netd.told_count, told);
	fixture.settings->mptcp = true;
	lane->owner->silent(lane->owner, lane, &local);
	ck_assert_uint_eq(netd.told_count, told + 1);
	ck_assert_int_eq(netd.told[told].type, REQUEST_SILENT);
	ck_assert(addr_equal(&netd.told[told].silent.local, &local));
}
END_TEST

START_TEST(client_claims)
{
	struct lane *first = greet_up(4), *second = join_server(), *third = join_server();

	fixture_end_lane(first, LANE_END_CLOSED);
	ck_state(SESSION_UP);
	ck_assert_ptr_eq(fixture.session->control->lane, second);
	ck_assert(fixture_expect(second, MESSAGE_JOIN)->join.claim_control);
	fixture_expect(second, MESSAGE_ANNOUNCE);
	fixture_expect(second, MESSAGE_END_OF_ROUTES);
	fixture_say(second, &(struct message){ .type = MESSAGE_JOINED, .joined.control = true });
	ck_state(SESSION_UP);
	ck_assert_uint_eq(fixture.wanted, 3);
	ck_assert_uint_eq(fixture.wanted_at_once, 2); /* it did not live for long */
	fixture_end_lane(third, LANE_END_CLOSED);
	fixture_end_lane(second, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
}
END_TEST

static void tell_congestion(struct lane *lane, const char *control, enum congestion_reason reason)
{
	struct lane_congestion congestion = { .reason = reason, .view.least_rtt_us = 40000 };

	unit_text(congestion.control, control);
	lane->owner->congestion(lane->owner, lane, &congestion);
}

/* Each change is kept with its time and reason, counted and logged; how a lane began is no change. */
START_TEST(congestion_changes)
{
	struct lane *first = open_up(2), *second = join_up();
	struct session_lane *sl = container_of(second->owner, struct session_lane, owner);
	struct mono changed;

	log_capture_begin(LOG_LEVEL_INFO);
	tell_congestion(second, "cubic", CONGESTION_BEGAN);
	ck_assert_str_eq(sl->congestion.control, "cubic");
	ck_assert_uint_eq(sl->congestion_changes, 0);
	ck_assert_int_eq(sl->congestion_since.ns, fixture.now.ns);
	ck_assert_uint_eq(log_count("congestion control"), 0);
	fixture_pass(3000);
	tell_congestion(second, "bbr", CONGESTION_LOSS);
	changed = fixture.now;
	ck_assert_uint_eq(log_count("lane 2: congestion control: cubic -> bbr: "), 1);
	ck_assert_uint_eq(log_count(congestion_reason_text(CONGESTION_LOSS)), 1);
	ck_assert_uint_eq(log_count("least 40.0 ms"), 1);
	fixture_pass(3000);
	tell_congestion(second, "bbr", CONGESTION_KEPT);
	ck_assert_uint_eq(log_count("lane 2: congestion control: bbr stays bbr: "), 1);
	ck_assert_str_eq(sl->congestion.control, "bbr");
	ck_assert_int_eq(sl->congestion.reason, CONGESTION_KEPT);
	ck_assert_uint_eq(sl->congestion_changes, 1);
	ck_assert_int_eq(sl->congestion_since.ns, changed.ns);
	sl = container_of(first->owner, struct session_lane, owner);
	ck_assert_str_eq(sl->congestion.control, "");
	log_capture_end();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_lanes");

	fixture_add(s, "joined", joined, false, 1);
	fixture_add(s, "join_refused", join_refused, false, 1);
	fixture_add(s, "join_fails", join_fails, false, 2);
	fixture_add(s, "join_claims", join_claims, false, 1);
	fixture_add(s, "claimed", claimed, false, 1);
	fixture_add(s, "announcement_is_lost", announcement_is_lost, false, 1);
	fixture_add(s, "lost_twice", lost_twice, false, 1);
	fixture_add(s, "offer_is_lost", offer_is_lost, false, 1);
	fixture_add(s, "not_claimed", not_claimed, false, 1);
	fixture_add(s, "not_claimed_in_time", not_claimed_in_time, false, 1);
	fixture_add(s, "join_twice", join_twice, false, 1);
	fixture_add(s, "dead_lane", dead_lane, false, 1);
	fixture_add(s, "queues", queues, false, 1);
	fixture_add(s, "aside", aside, false, 1);
	fixture_add(s, "faults", faults, false, 1);
	fixture_add(s, "address_is_lost", address_is_lost, false, 2);
	fixture_add(s, "counted", counted, false, 1);
	fixture_add(s, "client_joins", client_joins, true, 1);
	fixture_add(s, "joined_without_a_join", joined_without_a_join, true, 1);
	fixture_add(s, "join_from_a_server", join_from_a_server, true, 2);
	fixture_add(s, "logged", logged, false, 1);
	fixture_add(s, "congestion_changes", congestion_changes, false, 1);
	fixture_add(s, "dead_while_another_joins", dead_while_another_joins, true, 1);
	fixture_add(s, "wants_no_lane", wants_no_lane, true, 1);
	fixture_add(s, "client_cannot_carry", client_cannot_carry, true, 1);
	fixture_add(s, "wanted_at_once", wanted_at_once, true, 4);
	fixture_add(s, "a_path_is_silent", a_path_is_silent, true, 1);
	fixture_add(s, "client_claims", client_claims, true, 1);
	return s;
}

int main(void)
{
	return unit_run("session_lanes", suite());
}
