/* SPDX-License-Identifier: Apache-2.0 */
/* What a session asks of netd, logs, and keeps from one connection to the next. session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include "tests/unit/log_capture.h"

static void netd_accepts_route(void)
{
	netd_next(REQUEST_ROUTE_ADD);
	netd_answer(&(struct request_reply){ .count = 1 }, NULL, 0);
}

static struct lane *open_with(
	const struct session_terms *agreed, const struct message_welcome *answer)
{
	const struct endpoint from = outer();
	struct lane *lane = fixture_lane();

	ck_assert_int_eq(session_open(fixture.session, lane, &lane_peer, &from, agreed, answer), 0);
	return lane;
}

/* The session of this test's beginning ends, and another one takes its place. */
static void replace_session(struct session *session)
{
	struct session *first = fixture.session;

	session_leave(first, GOODBYE_SHUTDOWN, "", true);
	fixture_expire(&first->reap);
	ck_assert_uint_eq(fixture.ended, 1);
	fixture.ended = 0;
	fixture.session = session;
}

/* ---- what netd is asked for ---- */

/* An interface with offloads exactly where some are used towards the peer. */
START_TEST(interface_offloads)
{
	struct session_terms agreed = terms();
	const struct message_welcome answer = welcome();

	agreed.offloads_send = (uint32_t)_i;
	open_with(&agreed, &answer);
	ck_assert_int_eq(netd_next(REQUEST_INTERFACE)->interface.offloads, _i != 0);
	netd_make(5, 1, fixture.fds);
}
END_TEST

/* The kernel refuses one family: the client is offered the other one only. */
START_TEST(one_family_is_refused)
{
	struct request_reply reply = { .interface = 5, .adopts = true };
	const struct addr none = { .family = AF_UNSPEC };
	struct session_terms agreed = terms();
	struct message_welcome answer = welcome();
	const struct message *message;
	bool lacks4 = _i == 0;
	struct lane *lane;

	agreed.local6 = answer.server6 = addr_of("fd00::1");
	agreed.remote6 = answer.client6 = addr_of("fd00::2");
	lane = open_with(&agreed, &answer);
	reply.adopted = netd_next(REQUEST_INTERFACE)->interface;
	if (lacks4)
		reply.adopted.local4 = reply.adopted.remote4 = none;
	else
		reply.adopted.local6 = reply.adopted.remote6 = none;
	fixture.fds[0] = netd_fd();
	netd_answer(&reply, fixture.fds, 1);
	message = fixture_expect(lane, MESSAGE_WELCOME);
	ck_assert_int_eq(addr_is_set(&message->welcome.client4), !lacks4);
	ck_assert_int_eq(addr_is_set(&message->welcome.server4), !lacks4);
	ck_assert_int_eq(addr_is_set(&message->welcome.client6), lacks4);
	ck_assert_int_eq(addr_is_set(&message->welcome.server6), lacks4);
	ck_assert_int_eq(addr_is_set(&fixture.session->terms.local4), !lacks4);
	ck_assert_int_eq(addr_is_set(&fixture.session->terms.remote6), lacks4);
}
END_TEST

/* The same at a client, which has no welcome to change. */
START_TEST(client_without_a_family)
{
	struct request_reply reply = { .interface = 5, .adopts = true };
	const struct addr none = { .family = AF_UNSPEC };
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };
	struct prefix range = prefix_of("fd00::/64");
	struct lane *lane = greet();

	ck_assert_int_eq(prefix_list_append(&fixture.settings->tunnel_addresses, &range, 1), 0);
	message.welcome.server6 = addr_of("fd00::1");
	message.welcome.client6 = addr_of("fd00::2");
	fixture_say(lane, &message);
	reply.adopted = netd_next(REQUEST_INTERFACE)->interface;
	if (_i == 0)
		reply.adopted.local4 = reply.adopted.remote4 = none;
	else
		reply.adopted.local6 = reply.adopted.remote6 = none;
	fixture.fds[0] = netd_fd();
	netd_answer(&reply, fixture.fds, 1);
	ck_state(SESSION_UP);
	ck_assert_int_eq(addr_is_set(&fixture.session->terms.local4), _i != 0);
	ck_assert_int_eq(addr_is_set(&fixture.session->terms.local6), _i == 0);
}
END_TEST

/* No route is asked for while there is no interface: that of the connection before was removed. */
START_TEST(no_route_without_an_interface)
{
	struct lane *lane = open_up(1);

	fixture_end_lane(lane, LANE_END_TUN);
	ck_state(SESSION_IDLE);
	lane = open_lane();
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	ck_assert_uint_eq(netd.asked_count, 1); /* for the interface */
	netd_make(6, 1, fixture.fds + 1);
	ck_assert_uint_eq(netd_next(REQUEST_ROUTE_ADD)->routes.interface, 6);
	ck_assert_uint_eq(netd.asked_count, 1);
}
END_TEST

/* The server's resolvers are for this host's own network namespace. */
START_TEST(resolvers_elsewhere)
{
	fixture.settings->use_dns = true;
	unit_text(fixture.settings->peers[0].netns, "blue");
	greet_up(1);
	ck_assert_uint_eq(netd_count_told(REQUEST_DNS, NULL), 0);
}
END_TEST

START_TEST(resolvers_are_lost)
{
	fixture.settings->use_dns = true;
	log_capture_begin(LOG_LEVEL_ERROR);
	fixture_end_lane(greet_up(1), LANE_END_CLOSED);
	ck_assert_uint_eq(log_count("resolvers"), 0);
	netd.tell_error = -ENOMEM;
	greet_up(1);
	ck_assert_uint_eq(log_count("cannot use the server's resolvers"), 1);
	log_capture_end();
	netd.tell_error = 0;
}
END_TEST

/* Each connection is reported once, and only when its own end-of-routes was heard. */
START_TEST(up_on_each_connection)
{
	struct lane *lane;

	for (unsigned round = 0; round < 2; round++) {
		lane = greet_up(1);
		say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
		if (round == 0)
			netd_accepts_route();
		ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), round);
		say_end_of_routes(lane);
		ck_assert_uint_eq(netd_count_told(REQUEST_UP, NULL), round + 1);
		fixture_end_lane(lane, LANE_END_CLOSED);
	}
}
END_TEST

/* The kernel's lack comes in pages: what an earlier page named stays, and a new first page forgets it. */
START_TEST(lack_in_pages)
{
	struct request_lack page = { .total = 2, .offset = 0, .count = 1 };
	const struct routes *routes = &fixture.session->routes;
	struct lane *lane = open_up(1);

	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	netd_accepts_route();
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.4.0.0/16");
	netd_accepts_route();
	page.prefix[0] = prefix_of("10.3.0.0/16");
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(routes_count_missing(routes), 1);
	page.offset = 1;
	page.prefix[0] = prefix_of("10.4.0.0/16");
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(routes_count_missing(routes), 2);
	page = (struct request_lack){ .total = 0 };
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(routes_count_missing(routes), 0);
}
END_TEST

/* A full tunnel whose default routes are gone holds all back: the log says so, after the last page. */
START_TEST(default_route_is_missing)
{
	struct request_lack page = { .total = 2, .offset = 0, .count = 1 };
	struct lane *lane;

	fixture.settings->full_tunnel = true;
	lane = greet_up(1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "0.0.0.0/0");
	netd_accepts_route();
	say_prefix(lane, MESSAGE_ANNOUNCE, "::/0");
	netd_accepts_route();
	say_end_of_routes(lane);
	log_capture_begin(LOG_LEVEL_NOTICE);
	page.prefix[0] = prefix_of("0.0.0.0/0");
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(log_count("held back"), 0);
	page.offset = 1;
	page.prefix[0] = prefix_of("::/0");
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(log_count("full tunnel: held back:"), 1);
	session_lacks(fixture.session, &page);
	ck_assert_uint_eq(log_count("held back"), 1);
	session_lacks(fixture.session, &(struct request_lack){ .total = 0 });
	ck_assert_uint_eq(log_count("nothing is held back any more"), 1);
	log_capture_end();
}
END_TEST

/* ---- routes that a session takes ---- */

/* A route to the peer's outer address would capture the connection, unless that is in another namespace. */
START_TEST(route_to_the_outer_address)
{
	struct prefix range = prefix_of("192.0.2.0/24");
	struct settings_peer *peer = &fixture.settings->peers[0];
	struct lane *lane;

	ck_assert_int_eq(prefix_list_append(&peer->accept_routes, &range, 1), 0);
	if (_i == 1)
		unit_text(peer->netns, "blue");
	lane = open_up(1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "192.0.2.0/24");
	if (_i == 1)
		netd_accepts_route();
	else
		ck_assert_uint_eq(
			fixture_expect(lane, MESSAGE_REFUSE)->prefixes.reason[0], ROUTE_OUTER);
	ck_assert_ptr_null(fixture_read(lane));
}
END_TEST

/* A peer without an entry may have a session, and no routes. */
START_TEST(unlisted)
{
	struct session *session;
	struct lane *lane;

	fixture.settings->unlisted = true;
	ck_assert_int_eq(session_new(&fixture.world, &fixture.name, NULL, &session), 0);
	replace_session(session);
	lane = open_up(1);
	say_prefix(lane, MESSAGE_ANNOUNCE, "10.3.0.0/16");
	ck_assert_uint_eq(
		fixture_expect(lane, MESSAGE_REFUSE)->prefixes.reason[0], ROUTE_NOT_ALLOWED);
}
END_TEST

/* ---- kept by netd for the next engine ---- */

static int adopt(const char *name, struct session **ret_session)
{
	struct request_reply reply = { .interface = 5, .ifname = "cv5", .adopts = true };

	ck_assert_int_eq(identity_set(&reply.adopted.peer, name, strlen(name)), 0);
	reply.adopted.mtu = 1400;
	reply.adopted.local4 = addr_of("10.9.0.1");
	reply.adopted.remote4 = addr_of("10.9.0.2");
	reply.adopted.outer = outer();
	fixture.fds[0] = netd_fd();
	return session_adopt(&fixture.world, &reply, fixture.fds, 1, ret_session);
}

/* It was up, which counts as a connection: it waits for its peer although the next attempt fails. */
START_TEST(adopted)
{
	struct session *session;
	struct lane *lane;

	fixture.settings->unlisted = _i == 1;
	ck_assert_int_eq(adopt(_i == 1 ? "nobody" : "peer-0", &session), 0);
	ck_assert_int_eq(session->peer == NULL, _i == 1);
	ck_assert_uint_eq(session->connections, 1);
	replace_session(session);
	lane = open_lane();
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
}
END_TEST

/* ---- what others hear ---- */

/* Other peers learn once that a session goes, although it waits for its lane and then for netd. */
START_TEST(changed_before_it_ends)
{
	struct lane *lane = open_up(1);
	struct liveness *liveness = &fixture.session->control->liveness;
	unsigned changed;

	liveness->events->dead(liveness);
	ck_state(SESSION_IDLE);
	changed = fixture.changed;
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	ck_state(SESSION_REMOVING);
	ck_assert_uint_eq(fixture.changed, changed + 1);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_assert_uint_eq(fixture.changed, changed + 1);
	ck_removed();
}
END_TEST

/* Names need the tunnel where all goes through it, or where the server has brought resolvers. */
START_TEST(hides_names)
{
	bool is_client = !session_is_server(fixture.session);

	ck_assert(!session_hides_names(fixture.session));
	if (!is_client)
		return;
	fixture.settings->full_tunnel = true;
	ck_assert(session_hides_names(fixture.session));
	fixture.settings->full_tunnel = false;
	fixture.settings->use_dns = true;
	greet_up(1);
	ck_assert(session_hides_names(fixture.session));
}
END_TEST

/* ---- lanes ---- */

/* A lane that was given up ends without its interface: that is of the connection since. */
START_TEST(end_of_a_lane_before)
{
	struct lane *old = open_up(1), *lane;

	session_disconnect(fixture.session, "it is tested");
	lane = open_lane();
	netd_make(5, 1, fixture.fds + 1);
	ck_state(SESSION_UP);
	fixture_end_lane(old, LANE_END_TUN);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert(session_interface_is_there(&fixture.session->interface));
	ck_assert_uint_eq(netd_count_told(REQUEST_INTERFACE_DELETE, NULL), 0);
}
END_TEST

/* The lane with the control role did not get to its end in time: that is the session's fault. */
START_TEST(deadline_with_control)
{
	struct lane *lane = open_up(1);

	lane->owner->fault(lane->owner, lane, GOODBYE_DEADLINE, "too slow");
	ck_state(SESSION_CLOSING);
	ck_assert_uint_eq(fixture.session->leave.code, GOODBYE_DEADLINE);
	ck_assert(fixture.session->final);
}
END_TEST

/* Only a lane in use whose own address is known and gone is lost. */
START_TEST(network_changes)
{
	struct lane *old = open_up(1), *lane;
	struct session_lane *control;

	old->local = addr_of("192.0.2.1");
	session_disconnect(fixture.session, "it is tested");
	lane = open_lane();
	netd_make(5, 1, fixture.fds + 1);
	control = fixture.session->control;
	fixture.addresses_are_here = false;
	log_capture_begin(LOG_LEVEL_INFO);
	session_network_changed(fixture.session);
	ck_state(SESSION_UP);
	ck_assert_ptr_eq(fixture.session->control, control);
	ck_assert(!lane->end_ordered && control->liveness.probing);
	ck_assert_uint_eq(log_count("lost lane"), 0);
	log_capture_end();
}
END_TEST

/* Before the session is up, the deadline of its opening decides. */
START_TEST(network_changes_early)
{
	struct lane *lane = open_lane();

	lane->local = addr_of("192.0.2.1");
	fixture.addresses_are_here = false;
	session_network_changed(fixture.session);
	ck_state(SESSION_OPENING);
	ck_assert(!lane->end_ordered);
}
END_TEST

/* ---- why it left ---- */

/* The first cause counts, whatever happens to a session that closes already. */
START_TEST(first_cause)
{
	struct lane *lane = open_up(1);

	session_leave(fixture.session, GOODBYE_LIMIT, _i == 0 ? "" : "full", false);
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "and once more", false);
	fixture_end_lane(lane, LANE_END_BROKEN);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.session->last_leave.code, GOODBYE_LIMIT);
	ck_assert_str_eq(fixture.session->last_leave.text, _i == 0 ? "" : "full");
}
END_TEST

/* What the lane's owner is told of its end, in the log and in status. */
START_TEST(end_of_a_lane)
{
	static const char *const texts[] = { "", "x", "reset by the peer" };
	struct lane *lane = open_up(1);
	char expected[64];

	snprintf(expected, sizeof(expected), "lane ended%s%s", _i == 0 ? "" : ": ", texts[_i]);
	log_capture_begin(LOG_LEVEL_NOTICE);
	lane->owner->ended(lane->owner, lane, LANE_END_BROKEN, texts[_i]);
	ck_state(SESSION_IDLE);
	ck_assert_str_eq(fixture.session->last_leave.text, expected);
	ck_assert_uint_eq(log_count(expected), 1);
	ck_assert_uint_eq(log_count("lost lane"), 0);
	log_capture_end();
}
END_TEST

/* ---- the log ---- */

/* Each change of the state has its cause, or the name of the event where there is none. */
START_TEST(causes)
{
	static const struct {
		const char *text, *left, *ended;
	} rows[] = {
		{ "", "up -> closing: leave", "closing -> removing: lane ended" },
		{ "x", "up -> closing: x", "closing -> removing: x" },
		{ "the cause", "up -> closing: the cause", "closing -> removing: the cause" },
	};
	struct lane *lane = open_up(1);

	log_capture_begin(LOG_LEVEL_INFO);
	session_leave(fixture.session, GOODBYE_SHUTDOWN, rows[_i].text, true);
	ck_assert_uint_eq(log_count(rows[_i].left), 1);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_assert_uint_eq(log_count(rows[_i].ended), 1);
	netd_answer(&(struct request_reply){ .error = 0 }, NULL, 0);
	ck_assert_uint_eq(log_count("removing -> ended: interface removed"), 1);
	log_capture_end();
	ck_gone();
}
END_TEST

/* What goes well is no reason for a line: a client that is away already, a change that was announced. */
START_TEST(no_complaints)
{
	struct prefix more = prefix_of("10.4.0.0/16");

	log_capture_begin(LOG_LEVEL_WARNING);
	session_disconnect(fixture.session, "it is tested");
	open_up(1);
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &more, 1), 0);
	session_announced_changed(fixture.session);
	ck_assert_uint_eq(log_count("peer-0"), 0);
	log_capture_end();
}
END_TEST

/* Users watch for a tunnel that comes up or goes, and for a connection that comes to nothing. */
START_TEST(notices)
{
	struct lane *lane;

	log_capture_begin(LOG_LEVEL_NOTICE);
	lane = open_lane();
	ck_assert_uint_eq(log_count("idle -> opening"), 0);
	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(log_count("opening -> up"), 1);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_assert_uint_eq(log_count("up -> idle"), 1);
	lane = open_lane();
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_assert_uint_eq(log_count("opening -> idle"), 1);
	lane = open_lane();
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	ck_assert_uint_eq(log_count("opening -> closing"), 1);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_REMOVING);
	ck_assert_uint_eq(log_count("closing -> removing"), 0);
	log_capture_end();
}
END_TEST

START_TEST(client_notices)
{
	struct lane *lane;

	log_capture_begin(LOG_LEVEL_NOTICE);
	lane = greet();
	ck_assert_uint_eq(log_count("idle -> greeting"), 0);
	hear_welcome(lane);
	ck_assert_uint_eq(log_count("greeting -> opening"), 0);
	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(log_count("opening -> up"), 1);
	fixture_end_lane(lane, LANE_END_CLOSED);
	fixture_end_lane(greet(), LANE_END_CLOSED);
	ck_assert_uint_eq(log_count("greeting -> idle"), 1);
	lane = greet();
	session_leave(fixture.session, GOODBYE_SHUTDOWN, "", true);
	ck_assert_uint_eq(log_count("greeting -> closing"), 1);
	log_capture_end();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_details");

	fixture_add(s, "interface_offloads", interface_offloads, false, 2);
	fixture_add(s, "one_family_is_refused", one_family_is_refused, false, 2);
	fixture_add(s, "client_without_a_family", client_without_a_family, true, 2);
	fixture_add(s, "no_route_without_an_interface", no_route_without_an_interface, false, 1);
	fixture_add(s, "resolvers_elsewhere", resolvers_elsewhere, true, 1);
	fixture_add(s, "resolvers_are_lost", resolvers_are_lost, true, 1);
	fixture_add(s, "up_on_each_connection", up_on_each_connection, true, 1);
	fixture_add(s, "lack_in_pages", lack_in_pages, false, 1);
	fixture_add(s, "default_route_is_missing", default_route_is_missing, true, 1);
	fixture_add(s, "route_to_the_outer_address", route_to_the_outer_address, false, 2);
	fixture_add(s, "unlisted", unlisted, false, 1);
	fixture_add(s, "adopted", adopted, false, 2);
	fixture_add(s, "changed_before_it_ends", changed_before_it_ends, false, 1);
	fixture_add(s, "hides_names", hides_names, false, 1);
	fixture_add(s, "client_hides_names", hides_names, true, 1);
	fixture_add(s, "end_of_a_lane_before", end_of_a_lane_before, false, 1);
	fixture_add(s, "deadline_with_control", deadline_with_control, false, 1);
	fixture_add(s, "network_changes", network_changes, false, 1);
	fixture_add(s, "network_changes_early", network_changes_early, false, 1);
	fixture_add(s, "first_cause", first_cause, false, 2);
	fixture_add(s, "end_of_a_lane", end_of_a_lane, false, 3);
	fixture_add(s, "causes", causes, false, 3);
	fixture_add(s, "no_complaints", no_complaints, false, 1);
	fixture_add(s, "notices", notices, false, 1);
	fixture_add(s, "client_notices", client_notices, true, 1);
	return s;
}

int main(void)
{
	return unit_run("session_details", suite());
}
