/* SPDX-License-Identifier: Apache-2.0 */
/* What a session announces to its peer, and which addresses may pass. session_fixture.h simulates its world. */
#include "tests/unit/session_fixture.h"

#include "tests/unit/log_capture.h"

static bool is_theirs(const char *text)
{
	struct addr addr = addr_of(text);

	return filter_is_theirs(fixture.session->filter, addr.family, addr.bytes);
}

static bool is_ours(const char *text)
{
	struct addr addr = addr_of(text);

	return filter_is_ours(fixture.session->filter, addr.family, addr.bytes);
}

/* The peer announces it, and netd makes the route; without netd's answer the route is not in use. */
static void has_route(struct lane *lane, const char *text, bool made)
{
	struct message message = { .type = MESSAGE_ANNOUNCE, .prefixes.count = 1 };
	struct request_reply reply = { .count = 1 };

	message.prefixes.prefix[0] = prefix_of(text);
	fixture_say(lane, &message);
	netd_next(REQUEST_ROUTE_ADD);
	if (made)
		netd_answer(&reply, NULL, 0);
}

static void excludes(const char *first, const char *second)
{
	struct prefix_list list = { .items = NULL };
	struct prefix prefixes[] = { prefix_of(first), prefix_of(second) };

	ck_assert_int_eq(prefix_list_append(&list, prefixes, 2), 0);
	ck_assert_int_eq(filter_exclusions_new(&list, &fixture.exclusions), 0);
	prefix_list_free(&list);
}

/* The tunnel's addresses of both families, the routes in use, and what is announced: each on its side alone. */
START_TEST(sides)
{
	struct session_terms agreed = terms();
	const struct message_welcome answer = welcome();
	const struct endpoint from = outer();
	struct lane *lane = fixture_lane();

	agreed.local6 = addr_of("fd00::1");
	agreed.remote6 = addr_of("fd00::2");
	ck_assert_int_eq(
		session_open(fixture.session, lane, &lane_peer, &from, &agreed, &answer), 0);
	netd_make(5, 1, fixture.fds);
	has_route(lane, "10.3.0.0/16", true);
	has_route(lane, "10.4.0.0/16", false);
	session_update_reach(fixture.session);
	ck_assert(is_theirs("10.9.0.2") && is_theirs("fd00::2") && is_theirs("10.3.0.1"));
	ck_assert(!is_theirs("10.4.0.1") && !is_theirs("10.2.0.1"));
	ck_assert(!is_theirs("10.9.0.1") && !is_theirs("fd00::1"));
	ck_assert(is_ours("10.9.0.1") && is_ours("fd00::1") && is_ours("10.2.0.1"));
	ck_assert(!is_ours("10.9.0.2") && !is_ours("fd00::2") && !is_ours("10.3.0.1"));
}
END_TEST

/* At a server no announcement of ours covers an excluded address, at a client none of theirs. */
START_TEST(exclusions)
{
	bool is_client = !session_is_server(fixture.session);

	excludes("10.2.7.0/24", "10.3.7.0/24");
	has_route(is_client ? greet_up(1) : open_up(1), "10.3.0.0/16", true);
	ck_assert(is_ours("10.2.8.1") && is_theirs("10.3.8.1"));
	ck_assert(is_ours("10.2.7.1") == is_client);
	ck_assert(is_theirs("10.3.7.1") == !is_client);
}
END_TEST

START_TEST(check_destination)
{
	struct addr theirs = addr_of("10.9.0.2"), elsewhere = addr_of("203.0.113.1");
	struct packet packet = {
		.family = AF_INET, .source = theirs.bytes, .destination = elsewhere.bytes
	};

	fixture.settings->check_destination = true;
	open_up(1);
	ck_assert_int_eq(
		filter_judge_in(fixture.session->filter, &packet, NULL), FILTER_DESTINATION);
	fixture.settings->check_destination = false;
	session_update_reach(fixture.session);
	ck_assert_int_eq(filter_judge_in(fixture.session->filter, &packet, NULL), FILTER_PASS);
}
END_TEST

/*
 * Without a new filter the old one would go on to admit packets: the lane ends, and neither another lane nor the next
 * connection carries by the old filter.
 */
static void ck_ends_without_filter(int *error)
{
	const struct endpoint from = outer();
	struct lane *lane = open_up(2), *second = fixture_lane();
	struct message_join join = { .session_id = 7, .token = { 9, 8, 7 } };
	struct problem problem;

	memcpy(join.instance, instance, sizeof(instance));
	lane->has_new_reach = false;
	*error = -ENOMEM;
	log_capture_begin(LOG_LEVEL_ERROR);
	session_update_reach(fixture.session);
	ck_assert_uint_eq(log_count("cannot update its packet filter: Cannot allocate memory"), 1);
	log_capture_end();
	ck_assert(lane->end_ordered && !lane->has_new_reach);
	ck_assert_ptr_null(fixture.session->filter);
	ck_assert_int_eq(session_take_join(fixture.session, second, &from, &join, &problem), 0);
	ck_assert(!second->carries);
	fixture_end_lane(second, LANE_END_ORDERED);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
	lane = open_lane();
	log_capture_begin(LOG_LEVEL_ERROR);
	netd_make(5, 1, fixture.fds);
	ck_assert_uint_eq(
		log_count("cannot carry packets: out of memory for the packet filter"), 1);
	ck_assert_uint_eq(log_count("cannot carry packets"), 1);
	log_capture_end();
	ck_assert(!lane->carries);
	ck_assert_int_ne(fixture.session->state, SESSION_UP);
}

START_TEST(no_sources)
{
	ck_ends_without_filter(&fixture.sources_error);
}
END_TEST

START_TEST(no_exclusions)
{
	ck_ends_without_filter(&fixture.exclusions_error);
}
END_TEST

/* A lane that leaves needs no new filter, and does not fail for want of one. */
START_TEST(no_filter_for_a_leaving_lane)
{
	struct lane *lane = open_up(1);

	session_disconnect(fixture.session, "it is tested");
	lane->has_new_reach = false;
	log_capture_begin(LOG_LEVEL_ERROR);
	session_update_reach(fixture.session);
	ck_assert(!lane->has_new_reach);
	fixture.sources_error = -ENOMEM;
	session_update_reach(fixture.session);
	ck_assert_uint_eq(log_count("cannot update"), 0);
	log_capture_end();
	/* What failed once can be made again. */
	fixture.sources_error = 0;
	session_update_reach(fixture.session);
	ck_assert(is_ours("10.2.0.1"));
}
END_TEST

/* The peer's first packet to a destination that is not ours is shown until that destination is ours. */
START_TEST(strays)
{
	struct addr stray = addr_of("10.5.0.1"), found;
	struct prefix more = prefix_of("10.5.0.0/16");
	struct lane *lane = open_up(1);

	session_update_reach(fixture.session); /* none is noted */
	stray_note(&lane->counters.stray, AF_INET, stray.bytes);
	stray_note(&fixture.session->past.stray, AF_INET, stray.bytes);
	session_update_reach(fixture.session);
	ck_assert(stray_read(&lane->counters.stray, &found) && addr_equal(&found, &stray));
	ck_assert(stray_read(&fixture.session->past.stray, &found));
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &more, 1), 0);
	session_update_reach(fixture.session);
	ck_assert(!stray_read(&lane->counters.stray, &found));
	ck_assert(!stray_read(&fixture.session->past.stray, &found));
}
END_TEST

/* No peer accepts more than SETTINGS_ROUTES_MAX prefixes. What is left out is logged, what fits is not. */
START_TEST(longest_offer)
{
	struct prefix prefix = prefix_of("10.128.0.0/32");

	log_capture_begin(LOG_LEVEL_WARNING);
	while (fixture.announced.count < SETTINGS_ROUTES_MAX)
		ck_assert_int_eq(prefix_list_append(&fixture.announced, &prefix, 1), 0);
	ck_assert_int_eq(session_update_offer(fixture.session), 0);
	ck_assert_uint_eq(fixture.session->offer.count, SETTINGS_ROUTES_MAX);
	ck_assert_uint_eq(log_count("no peer accepts more"), 0);
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &prefix, 1), 0);
	ck_assert_int_eq(session_update_offer(fixture.session), 0);
	ck_assert_uint_eq(fixture.session->offer.count, SETTINGS_ROUTES_MAX);
	ck_assert_uint_eq(log_count("no peer accepts more"), 1);
	log_capture_end();
	fixture.offer_error = -ENOMEM;
	fixture.announced.count = 0;
	ck_assert_int_eq(session_update_offer(fixture.session), -ENOMEM);
	ck_assert_uint_eq(fixture.session->offer.count, SETTINGS_ROUTES_MAX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_offer");

	fixture_add(s, "sides", sides, false, 1);
	fixture_add(s, "exclusions_server", exclusions, false, 1);
	fixture_add(s, "exclusions_client", exclusions, true, 1);
	fixture_add(s, "check_destination", check_destination, false, 1);
	fixture_add(s, "no_sources", no_sources, false, 1);
	fixture_add(s, "no_exclusions", no_exclusions, false, 1);
	fixture_add(s, "no_filter_for_a_leaving_lane", no_filter_for_a_leaving_lane, false, 1);
	fixture_add(s, "strays", strays, false, 1);
	fixture_add(s, "longest_offer", longest_offer, false, 1);
	return s;
}

int main(void)
{
	return unit_run("session_offer", suite());
}
