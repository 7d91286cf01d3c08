/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns several sessions. The sessions are played: what peers.c asks of them is written down. */
#include "engine/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/session.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/peer_names_fixture.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

enum { PEERS = 4, TURN_MS = 60 }; /* a turn is longer than a change waits */

struct played {
	struct session session;
	unsigned pushed, announced, yielded, left, lacked, judged, probed;
	char leave[MESSAGE_TEXT_MAX + 1];
};

static struct fixture {
	struct loop *loop;
	struct settings *settings;
	struct peers peers;
	struct played played[PEERS]; /* "peer-0" … */
	struct loop_timer end;
	struct prefix_list list;
	struct filter *filter;
	uint16_t goodbye; /* the code that is expected */
	bool unlink_when_left;
	useconds_t slow_us; /* how long session_announced_changed() takes */
	struct mono slow_start;
} fixture;

/* ---- the sessions' part ---- */

static struct played *of(const struct session *session)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (session == &fixture.played[i].session)
			return &fixture.played[i];
	}
	ck_abort_msg("a session that nobody made");
	return NULL;
}

int session_append_theirs(const struct session *session, struct prefix_list *list)
{
	struct prefix host;
	int r = 0;

	if (addr_is_set(&session->terms.remote4)) {
		host = prefix_host(&session->terms.remote4);
		r = prefix_list_append(list, &host, 1);
	}
	for (size_t i = 0; i < session->routes.count && r == 0; i++) {
		if (route_in_use(&session->routes.items[i]))
			r = prefix_list_append(list, &session->routes.items[i].prefix, 1);
	}
	return r;
}

void session_announced_changed(struct session *session)
{
	of(session)->announced++;
	fixture.slow_start = mono_now();
	if (fixture.slow_us > 0)
		usleep(fixture.slow_us);
}

void session_set_entry(struct session *session, const struct settings_peer *entry)
{
	session->peer = entry;
}

void session_push(struct session *session, const struct nameservers *nameservers)
{
	of(session)->pushed++;
	ck_assert_uint_eq(nameservers->server_count, 1);
}

void session_set_carrier(struct session *session, bool on)
{
	ck_assert(!on);
	of(session)->yielded++;
}

void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final)
{
	ck_assert_uint_eq(goodbye_code, fixture.goodbye);
	ck_assert(final);
	of(session)->left++;
	unit_text(of(session)->leave, text);
	if (fixture.unlink_when_left)
		peers_remove(&fixture.peers, session);
}

void session_lacks(struct session *session, const struct request_lack *page)
{
	ck_assert_uint_eq(page->interface, 12);
	of(session)->lacked++;
}

void session_judge_addresses(struct session *session)
{
	ck_assert_uint_eq(of(session)->probed, of(session)->judged);
	of(session)->judged++;
}

void session_network_changed(struct session *session)
{
	of(session)->probed++;
}

/* ---- the fixture ---- */

static struct session *at(size_t i)
{
	return &fixture.played[i].session;
}

static void setup(void)
{
	fixture = (struct fixture){ .goodbye = GOODBYE_SHUTDOWN };
	fixture.settings = server(PEERS);
	/* No more room than for those that count: ASan then sees a read behind the last one. */
	fixture.settings->peers = realloc(
		fixture.settings->peers, PEERS * sizeof(*fixture.settings->peers));
	ck_assert_ptr_nonnull(fixture.settings->peers);
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	peers_init(&fixture.peers, fixture.loop);
	for (size_t i = 0; i < PEERS; i++) {
		struct session *session = at(i);
		char text[32];

		session->peer = &fixture.settings->peers[i];
		session->interface.peer = session->peer;
		session->name = fixture.settings->peers[i].name;
		session->state = SESSION_UP;
		(void)snprintf(text, sizeof(text), "10.9.0.%zu", i + 2);
		session->terms.remote4 = addr_of(text);
		peers_add(&fixture.peers, session);
	}
}

static void configure(void)
{
	ck_assert_int_eq(peers_configure(&fixture.peers, fixture.settings), 0);
}

static void teardown(void)
{
	for (size_t i = 0; i < PEERS; i++) {
		free(at(i)->routes.items);
		free(at(i)->routes.order);
	}
	prefix_list_free(&fixture.list);
	filter_unref(fixture.filter);
	peers_free(&fixture.peers);
	loop_free(fixture.loop);
	settings_free(fixture.settings);
}

/* The peer of one session reaches that of another. */
static void reaches(size_t from, size_t to)
{
	struct name_list *reach = &fixture.settings->peers[from].reach;

	reach->items = realloc(reach->items, (reach->count + 1) * sizeof(*reach->items));
	ck_assert_ptr_nonnull(reach->items);
	reach->items[reach->count++] = fixture.settings->peers[to].name;
}

static void has_route(size_t i, const char *text, enum route_state state)
{
	struct routes *routes = &at(i)->routes;
	size_t place = routes->count;

	routes->items = realloc(routes->items, (place + 1) * sizeof(*routes->items));
	routes->order = realloc(routes->order, (place + 1) * sizeof(*routes->order));
	ck_assert(routes->items && routes->order);
	routes->items[place] = (struct route){
		.prefix = prefix_of(text), .state = state, .wanted = true
	};
	while (place > 0 &&
		prefix_compare(&routes->items[routes->order[place - 1]].prefix,
			&routes->items[routes->count].prefix) > 0) {
		routes->order[place] = routes->order[place - 1];
		place--;
	}
	routes->order[place] = (uint32_t)routes->count++;
}

static void is_away(size_t i)
{
	at(i)->interface.carrier = SESSION_INTERFACE_CARRIER_OFF;
}

static void lacks_family4(size_t i)
{
	at(i)->interface.tun.off4 = true;
}

static void has_interface(size_t i, uint32_t number)
{
	at(i)->interface.tun.queue_count = 1;
	at(i)->interface.tun.number = number;
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

static void turn(void)
{
	loop_timer_start(
		fixture.loop, &fixture.end, mono_add(mono_now(), DURATION_MS(TURN_MS)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

/* The list has exactly these prefixes, in order; "" for none. */
static void ck_list(int r, const char *expected)
{
	char text[1024] = "", one[ADDR_TEXT_MAX];

	ck_assert_int_eq(r, 0);
	for (size_t i = 0; i < fixture.list.count; i++) {
		size_t len = strlen(text);

		(void)snprintf(&text[len], sizeof(text) - len, "%s%s", i > 0 ? " " : "",
			prefix_format(&fixture.list.items[i], one));
	}
	ck_assert_str_eq(text, expected);
	prefix_list_free(&fixture.list);
}

static void ck_offer(size_t i, const char *expected)
{
	ck_list(peers_gather_offer(&fixture.peers, at(i), &fixture.list), expected);
}

static void ck_sources(size_t i, const char *expected)
{
	ck_list(peers_gather_sources(&fixture.peers, at(i), &fixture.list), expected);
}

/* Announcing 0.0.0.0/0, or ::/0, covers the address all the same. */
static bool is_covered(const char *text)
{
	struct addr one = addr_of(text);
	struct prefix all = prefix_of(one.family == AF_INET ? "0.0.0.0/0" : "::/0");

	filter_unref(fixture.filter);
	ck_assert_int_eq(filter_new(NULL, 0, &all, 1, &fixture.filter), 0);
	filter_set_exclusions(fixture.filter, NULL, fixture.peers.exclusions);
	return filter_is_ours(fixture.filter, one.family, one.bytes);
}

static void accepts(size_t i, const char *text)
{
	struct prefix one = prefix_of(text);

	ck_assert_int_eq(prefix_list_append(&fixture.settings->peers[i].accept_routes, &one, 1), 0);
}

static int command(int (*change)(struct peers *, const struct prefix *, size_t, struct problem *),
	const char *text)
{
	struct problem problem = { .text = "" };
	struct prefix one = prefix_of(text);

	return change(&fixture.peers, &one, 1, &problem);
}

/* How many sessions were told that something has changed, bit by bit; then forgotten. */
static unsigned told(void)
{
	unsigned bits = 0;

	for (size_t i = 0; i < PEERS; i++) {
		ck_assert_uint_le(fixture.played[i].announced, 1);
		bits |= fixture.played[i].announced << i;
		fixture.played[i].announced = 0;
	}
	return bits;
}

/* ---- the tests ---- */

START_TEST(registry)
{
	struct identity stranger = { .name = "stranger" };

	ck_assert_uint_eq(fixture.peers.session_count, PEERS);
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_ptr_eq(peers_find(&fixture.peers, &at(i)->name), at(i));
	ck_assert_ptr_null(peers_find(&fixture.peers, &stranger));
	peers_remove(&fixture.peers, at(1));
	ck_assert_uint_eq(fixture.peers.session_count, PEERS - 1);
	ck_assert_ptr_null(peers_find(&fixture.peers, &at(1)->name));
	ck_assert_ptr_eq(peers_find(&fixture.peers, &at(2)->name), at(2));
}
END_TEST

/* One direction to be told, either direction to pass; an unlisted peer does neither. */
START_TEST(who_is_told)
{
	reaches(0, 1);
	ck_assert(peers_hears_of(at(0), at(1)));
	ck_assert(!peers_hears_of(at(1), at(0)));
	ck_assert(!peers_hears_of(at(0), at(2)));
	ck_assert(peers_may_pass(at(0), at(1)) && peers_may_pass(at(1), at(0)));
	ck_assert(!peers_may_pass(at(0), at(2)) && !peers_may_pass(at(2), at(1)));
	is_away(1);
	ck_assert(!peers_hears_of(at(0), at(1)));
	ck_assert(peers_may_pass(at(0), at(1)));
	at(1)->peer = NULL;
	ck_assert(!peers_may_pass(at(0), at(1)) && !peers_may_pass(at(1), at(0)));
}
END_TEST

START_TEST(offer)
{
	announce(fixture.settings, "10.1.0.0/16");
	reaches(0, 1);
	reaches(0, 0); /* no peer is told of itself */
	configure();
	has_route(1, "10.3.0.0/16", ROUTE_INSTALLED);
	has_route(1, "10.2.0.0/16", ROUTE_INSTALLED);
	has_route(1, "10.4.0.0/16", ROUTE_ADDING);
	has_route(2, "10.5.0.0/16", ROUTE_INSTALLED);
	ck_offer(0, "10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.9.0.3/32");
	ck_offer(1, "10.1.0.0/16");
	ck_offer(2, "10.1.0.0/16");
	/* Sources go by either direction. */
	ck_sources(0, "10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.9.0.3/32");
	ck_sources(1, "10.1.0.0/16 10.9.0.2/32");
	ck_sources(2, "10.1.0.0/16");
	/* No connection: not told of it, and what it sent still passes. */
	is_away(1);
	ck_offer(0, "10.1.0.0/16");
	ck_sources(0, "10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.9.0.3/32");
}
END_TEST

/* An entry's own list replaces the common one, in the offer and in what may go to that peer. */
START_TEST(own_list)
{
	struct prefix own = prefix_of("0.0.0.0/0");

	announce(fixture.settings, "10.1.0.0/16");
	reaches(0, 1);
	ck_assert_int_eq(prefix_list_append(&fixture.settings->peers[0].announce, &own, 1), 0);
	fixture.settings->peers[0].has_announce = true;
	ck_assert_int_eq(settings_gather_own(fixture.settings), 0);
	configure();
	ck_offer(0, "0.0.0.0/0 10.9.0.3/32");
	ck_sources(0, "0.0.0.0/0 10.9.0.3/32");
	ck_offer(1, "10.1.0.0/16");
	ck_sources(1, "10.1.0.0/16 10.9.0.2/32");
	at(2)->peer = NULL;
	ck_offer(2, "10.1.0.0/16");
	/* Other peers are not in the wide prefix, although only one gets it. */
	ck_assert(!is_covered("10.9.0.3"));
	ck_assert(is_covered("203.0.113.1"));
}
END_TEST

/* A session that goes for good is nobody's any more; one that closes may come back. */
START_TEST(leaving)
{
	reaches(0, 1);
	configure();
	at(1)->state = SESSION_CLOSING;
	ck_offer(0, "10.9.0.3/32");
	at(1)->final = true;
	ck_offer(0, "");
	ck_sources(0, "");
	at(1)->final = false;
	at(1)->state = SESSION_REMOVING;
	ck_offer(0, "");
	at(1)->state = SESSION_IDLE;
	at(1)->final = true;
	ck_offer(0, "10.9.0.3/32");
}
END_TEST

START_TEST(own_prefixes)
{
	announce(fixture.settings, "10.1.0.0/16");
	reaches(0, 1);
	configure();
	has_route(0, "10.2.0.0/16", ROUTE_INSTALLED);
	has_route(0, "10.3.0.0/16", ROUTE_REFUSED);
	/* Ours: told, and both ends show the conflict. */
	has_route(0, "10.1.0.0/16", ROUTE_INSTALLED);
	has_route(1, "10.2.0.0/16", ROUTE_INSTALLED);
	has_route(1, "10.3.0.0/16", ROUTE_INSTALLED);
	ck_offer(0, "10.1.0.0/16 10.3.0.0/16 10.9.0.3/32");
	ck_sources(0, "10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.9.0.3/32");
}
END_TEST

START_TEST(family_that_is_off)
{
	struct prefix six = prefix_of("fd01::/64");

	announce(fixture.settings, "10.1.0.0/16");
	configure();
	ck_assert_int_eq(command(peers_announce, "fd01::/64"), 0);
	lacks_family4(0);
	ck_offer(0, "fd01::/64");
	at(0)->interface.tun.off6 = true;
	ck_offer(0, "");
	ck_offer(1, "10.1.0.0/16 fd01::/64");
	ck_assert(prefix_list_has(&fixture.peers.announced.all, &six));
}
END_TEST

/* Commands: sessions that are up hear of it at once, others when they come up; an error changes nothing. */
START_TEST(announced_at_run_time)
{
	configure();
	at(1)->state = SESSION_OPENING;
	at(2)->state = SESSION_IDLE;
	ck_assert_int_eq(command(peers_announce, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(told(), 0x9);
	ck_offer(1, "10.1.0.0/16");
	ck_assert_int_eq(command(peers_announce, "10.1.0.0/16"), -EEXIST);
	ck_assert_int_eq(command(peers_withdraw, "10.2.0.0/16"), -ENOENT);
	ck_assert_uint_eq(told(), 0);
	ck_assert_int_eq(command(peers_withdraw, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(told(), 0x9);
	ck_offer(1, "");
}
END_TEST

START_TEST(tracked)
{
	static struct request_tracked page;

	configure();
	log_capture_begin(LOG_LEVEL_INFO);
	peers_tracked(&fixture.peers, &page); /* an empty set, as after a reload */
	ck_assert_uint_eq(log_count("tracked prefixes"), 0);
	log_capture_end();
	(void)told();
	page = (struct request_tracked){
		.total = 2, .count = 1, .prefix = { prefix_of("10.1.0.0/16") }
	};
	log_capture_begin(LOG_LEVEL_INFO);
	peers_tracked(&fixture.peers, &page);
	ck_assert_uint_eq(told(), 0);
	page.offset = 1;
	page.prefix[0] = prefix_of("10.2.0.0/16");
	peers_tracked(&fixture.peers, &page);
	ck_assert_uint_eq(log_count("announcing 2 tracked prefixes"), 1);
	ck_assert_uint_eq(log_count("cannot announce"), 0);
	log_capture_end();
	ck_assert_uint_eq(told(), 0xf);
	ck_offer(0, "10.1.0.0/16 10.2.0.0/16");
}
END_TEST

/* Without a need there are no exclusions, and lanes look nothing up. */
START_TEST(nothing_excluded)
{
	announce(fixture.settings, "10.1.0.0/16");
	accepts(0, "10.2.0.0/16");
	configure();
	ck_assert_ptr_null(fixture.peers.exclusions);
	ck_assert(is_covered("10.2.0.1"));
}
END_TEST

/* Something wide is announced: what peers have, or may have, does not lie in it. */
START_TEST(excluded_by_an_announcement)
{
	accepts(0, "10.2.0.0/16");
	has_route(1, "10.3.0.0/16", ROUTE_INSTALLED);
	has_route(1, "10.4.0.0/16", ROUTE_ADDING);
	configure();
	ck_assert_int_eq(command(peers_announce, "10.2.128.0/17"), 0);
	ck_assert_ptr_nonnull(fixture.peers.exclusions);
	ck_assert(!is_covered("10.2.0.1") && !is_covered("10.3.0.1") && !is_covered("10.9.0.3"));
	ck_assert(!is_covered("fd00::3") && is_covered("fd01::3"));
	ck_assert(is_covered("10.4.0.1") && is_covered("192.0.2.1"));
	ck_assert_int_eq(command(peers_withdraw, "10.2.128.0/17"), 0);
	ck_assert_ptr_null(fixture.peers.exclusions);
	ck_assert_int_eq(command(peers_announce, "10.9.0.0/30"), 0); /* the pool */
	ck_assert_ptr_nonnull(fixture.peers.exclusions);
}
END_TEST

/* A peer that reaches others may hear a wide prefix of one of them. */
START_TEST(excluded_by_reach)
{
	fixture.settings->pool4 = (struct prefix){ .len = 0 };
	reaches(0, 1);
	accepts(2, "10.2.0.0/16");
	configure();
	ck_assert(fixture.peers.has_reach);
	ck_assert(!is_covered("10.2.0.1"));
	ck_assert(is_covered("10.9.0.3"));
}
END_TEST

/* One that is away, and may be reached: another one's wider prefix takes over. */
START_TEST(covered_by_another)
{
	accepts(1, "10.2.7.0/24");
	accepts(3, "10.2.8.0/24");
	accepts(1, "10.3.0.0/16");
	reaches(0, 1);
	reaches(0, 2);
	configure();
	peers_remove(&fixture.peers, at(1));
	has_route(2, "10.2.0.0/16", ROUTE_INSTALLED);
	has_route(2, "0.0.0.0/0", ROUTE_INSTALLED);
	ck_sources(0, "0.0.0.0/0 10.2.0.0/16 10.2.7.0/24 10.9.0.4/32");
	ck_sources(2, "10.9.0.2/32");
}
END_TEST

/* A wider prefix takes over only if its owner is there, may be reached, is another, and it is no prefix of the Internet. */
START_TEST(covered_by_nobody)
{
	accepts(1, "10.4.7.0/24");
	accepts(1, "10.5.7.0/24");
	accepts(1, "10.6.7.0/24");
	accepts(1, "32.7.0.0/16");
	reaches(0, 1);
	reaches(0, 2);
	reaches(2, 1);
	reaches(0, 0); /* as by "@all" */
	configure();
	peers_remove(&fixture.peers, at(1));
	has_route(0, "10.5.0.0/16", ROUTE_INSTALLED); /* its own */
	has_route(3, "10.4.0.0/16", ROUTE_INSTALLED); /* nobody reaches that one */
	has_route(2, "32.0.0.0/3", ROUTE_INSTALLED);
	ck_sources(0, "10.9.0.4/32 32.0.0.0/3");
	has_route(2, "10.6.0.0/16", ROUTE_INSTALLED);
	ck_sources(0, "10.6.0.0/16 10.6.7.0/24 10.9.0.4/32 32.0.0.0/3");
	at(2)->state = SESSION_REMOVING;
	ck_sources(0, "");
}
END_TEST

START_TEST(covered_prefixes_of_the_first_peer)
{
	accepts(0, "10.2.7.0/24");
	reaches(1, 0);
	reaches(1, 2);
	configure();
	peers_remove(&fixture.peers, at(0));
	has_route(2, "10.2.0.0/16", ROUTE_INSTALLED);
	ck_sources(1, "10.2.0.0/16 10.2.7.0/24 10.9.0.4/32");
}
END_TEST

START_TEST(excluded_at_a_client)
{
	struct prefix bypass = prefix_of("192.0.2.0/24");

	fixture.settings->role = SETTINGS_CLIENT;
	accepts(0, "10.2.0.0/16");
	configure();
	ck_assert_ptr_null(fixture.peers.exclusions);
	ck_assert_int_eq(prefix_list_append(&fixture.settings->bypass, &bypass, 1), 0);
	configure();
	ck_assert(!is_covered("192.0.2.1"));
	ck_assert(is_covered("10.2.0.1") && is_covered("10.9.0.3"));
}
END_TEST

/* Those that pass packets with the changed one hear of it, once for many changes, a moment later. */
START_TEST(spread)
{
	fixture.settings->pool4 = fixture.settings->pool6 = (struct prefix){ .len = 0 };
	configure();
	peers_spread(&fixture.peers, at(0));
	ck_assert(!fixture.peers.spread.running);
	reaches(0, 1);
	reaches(2, 0);
	peers_spread(&fixture.peers, at(0));
	peers_spread(&fixture.peers, at(0));
	ck_assert(fixture.peers.spread.running);
	ck_assert_uint_eq(told(), 0);
	turn();
	ck_assert_uint_eq(told(), 0x6);
	turn();
	ck_assert_uint_eq(told(), 0);
	/* A session that a change does not concern hears nothing of it. */
	peers_spread(&fixture.peers, at(1));
	turn();
	ck_assert_uint_eq(told(), 0x1);
	/* One that is not up hears of it when it comes up. */
	at(1)->state = SESSION_IDLE;
	peers_spread(&fixture.peers, at(0));
	turn();
	ck_assert_uint_eq(told(), 0x4);
}
END_TEST

/* What took long is not done again at once: a twentieth of the time, and a second at most. */
START_TEST(a_long_spread_delays_the_next)
{
	struct mono start;

	fixture.settings->pool4 = fixture.settings->pool6 = (struct prefix){ .len = 0 };
	configure();
	reaches(0, 1);
	fixture.slow_us = 10000;
	peers_spread(&fixture.peers, at(0));
	turn();
	ck_assert_uint_eq(told(), 0x2);
	start = fixture.slow_start;
	peers_spread(&fixture.peers, at(0));
	ck_assert_int_ge(mono_since(fixture.peers.spread.due, start).ns, DURATION_MS(20 * 10).ns);
	turn();
	ck_assert_uint_eq(told(), 0);
	usleep(200000);
	fixture.slow_us = 200000;
	turn();
	ck_assert_uint_eq(told(), 0x2);
	peers_spread(&fixture.peers, at(0));
	ck_assert_int_le(mono_since(fixture.peers.spread.due, mono_now()).ns, DURATION_MS(1000).ns);
	ck_assert_int_gt(
		mono_since(fixture.peers.spread.due, fixture.slow_start).ns, DURATION_MS(1100).ns);
}
END_TEST

/* Where addresses are excluded, a change concerns all sessions, and the exclusions are made again. */
START_TEST(spread_to_all)
{
	reaches(0, 1);
	configure();
	ck_assert(is_covered("10.3.0.1"));
	has_route(2, "10.3.0.0/16", ROUTE_INSTALLED);
	peers_spread(&fixture.peers, at(2));
	turn();
	ck_assert_uint_eq(told(), 0xb);
	ck_assert(!is_covered("10.3.0.1"));
	has_route(2, "10.0.0.0/8", ROUTE_INSTALLED);
	peers_spread(&fixture.peers, at(2));
	peers_free(&fixture.peers); /* while a change waits */
	turn();
	ck_assert_uint_eq(told(), 0);
	peers_init(&fixture.peers, fixture.loop);
}
END_TEST

/* Filters without the new exclusions would admit packets to the peer whose prefix is missing in them. */
START_TEST(exclusions_that_cannot_be_made)
{
	struct filter_exclusions *exclusions = NULL;
	struct prefix *broken;

	configure();
	ck_assert_int_eq(peers_exclusions(&fixture.peers, &exclusions), 0);
	ck_assert_ptr_null(exclusions);
	fixture.peers.has_reach = true;
	has_route(2, "10.3.0.0/16", ROUTE_INSTALLED);
	broken = &at(2)->routes.items[0].prefix;
	broken->addr = addr_of("10.3.0.1"); /* has host bits: it makes the exclusions fail */
	ck_assert_int_eq(command(peers_announce, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(told(), 0xf);
	ck_assert_int_lt(peers_exclusions(&fixture.peers, &exclusions), 0);
	ck_assert_ptr_null(exclusions);
	/* A change concerns all sessions, as it does with exclusions. */
	fixture.settings->peers[0].reach.count = 0;
	peers_spread(&fixture.peers, at(1));
	turn();
	ck_assert_uint_eq(told(), 0xd);
	broken->addr = addr_of("10.3.0.0");
	ck_assert_int_eq(peers_exclusions(&fixture.peers, &exclusions), 0);
	ck_assert_ptr_nonnull(exclusions);
	ck_assert_ptr_eq(exclusions, fixture.peers.exclusions);
	ck_assert(!is_covered("10.3.0.1"));
}
END_TEST

START_TEST(yielding)
{
	struct prefix offered[] = { prefix_of("10.8.0.0/16"), prefix_of("10.3.0.0/16") };

	configure();
	for (size_t i = 0; i < PEERS; i++) {
		has_route(i, i == 3 ? "10.4.0.0/16" : "10.3.0.0/16", ROUTE_INSTALLED);
		at(i)->state = SESSION_IDLE;
	}
	at(2)->state = SESSION_UP;
	peers_yield_routes(&fixture.peers, at(0), offered, ARRAY_SIZE(offered));
	ck_assert_uint_eq(fixture.played[0].yielded, 0); /* the one that is offered */
	ck_assert_uint_eq(fixture.played[1].yielded, 1);
	ck_assert_uint_eq(fixture.played[2].yielded, 0); /* connected */
	ck_assert_uint_eq(fixture.played[3].yielded, 0); /* has other routes */
}
END_TEST

/* Routes of different network namespaces are not in each other's way. */
START_TEST(yielding_within_a_namespace)
{
	struct prefix offered[] = { prefix_of("10.3.0.0/16") };

	unit_text(fixture.settings->peers[1].netns, "blue");
	unit_text(fixture.settings->peers[0].netns, "blue");
	configure();
	for (size_t i = 0; i < PEERS; i++) {
		has_route(i, "10.3.0.0/16", ROUTE_INSTALLED);
		at(i)->state = SESSION_IDLE;
	}
	peers_yield_routes(&fixture.peers, at(0), offered, ARRAY_SIZE(offered));
	ck_assert_uint_eq(fixture.played[1].yielded, 1);
	ck_assert_uint_eq(fixture.played[2].yielded + fixture.played[3].yielded, 0);
}
END_TEST

START_TEST(host_events)
{
	struct request_lack lack = { .interface = 12 };

	has_interface(1, 12);
	has_interface(2, 13);
	at(3)->interface.tun.number = 12; /* of an interface that it has no more */
	peers_lack(&fixture.peers, &lack);
	peers_network_changed(&fixture.peers);
	for (size_t i = 0; i < PEERS; i++) {
		ck_assert_uint_eq(fixture.played[i].lacked, i == 1);
		ck_assert_uint_eq(fixture.played[i].judged, 1);
		ck_assert_uint_eq(fixture.played[i].probed, 1);
	}
}
END_TEST

/* A route that another session has by the same prefix stays as it is. */
START_TEST(judged_of_one_interface)
{
	struct request_judged judged = { .interface = 12, .prefix = prefix_of("10.3.0.0/16") };

	has_interface(1, 12);
	has_interface(2, 13);
	has_route(2, "10.3.0.0/16", ROUTE_INSTALLED);
	at(2)->routes.items[0].wanted = true;
	peers_judged(&fixture.peers, &judged);
	ck_assert_uint_eq(at(2)->routes.items[0].state, ROUTE_INSTALLED);
}
END_TEST

/* A session may be gone from the list when it has left. */
START_TEST(all_leave)
{
	fixture.unlink_when_left = true;
	peers_leave(&fixture.peers, GOODBYE_SHUTDOWN, "the end");
	for (size_t i = 0; i < PEERS; i++) {
		ck_assert_uint_eq(fixture.played[i].left, 1);
		ck_assert_str_eq(fixture.played[i].leave, "the end");
	}
	ck_assert_uint_eq(fixture.peers.session_count, 0);
	peers_leave(&fixture.peers, GOODBYE_SHUTDOWN, "the end");
	ck_assert_uint_eq(fixture.played[0].left, 1);
}
END_TEST

/* The settings have only two peers left, and one more prefix. */
static void change_settings(bool unlisted)
{
	struct settings *next = server(2);

	next->unlisted = unlisted;
	next->announce.items = calloc(1, sizeof(*next->announce.items));
	ck_assert_ptr_nonnull(next->announce.items);
	next->announce.items[0].prefix = prefix_of("10.2.0.0/24");
	next->announce.count = 1;
	next->dns.server[0] = addr_of("10.2.0.53");
	next->dns.server_count = 1;
	settings_exchange(fixture.settings, next);
	peers_follow(&fixture.peers, next);
	settings_free(next);
}

START_TEST(changed_settings)
{
	configure();
	ck_offer(0, "");
	fixture.goodbye = GOODBYE_REMOVED;
	change_settings(false);
	for (size_t i = 0; i < PEERS; i++) {
		ck_assert_uint_eq(fixture.played[i].left, i < 2 ? 0 : 1);
		ck_assert_ptr_eq(at(i)->peer, i < 2 ? &fixture.settings->peers[i] : NULL);
	}
	ck_assert_str_eq(fixture.played[2].leave,
		"the server's configuration has no entry in peers for it any more");
	ck_assert_uint_eq(fixture.played[0].announced, 1);
	ck_assert_uint_eq(fixture.played[0].pushed, 1);
	ck_offer(0, "10.2.0.0/24");
}
END_TEST

/* The names decide again, not only the name that the session has. */
START_TEST(changed_identities)
{
	static const char *const texts[] = { "cn:peer zero", "uri:x:two" };
	struct peer_names *names = names_of("peer-0");
	struct problem problem = { 0 };

	names_add(names, PEER_NAME_CN, "peer zero");
	names_add(names, PEER_NAME_URI, "x:two");
	configure();
	for (size_t i = 0; i < PEERS; i++)
		at(i)->lane_peer.names = peer_names_ref(i == 0 ? names : NULL);
	for (size_t i = 0; i < 2; i++)
		fixture.settings->peers[i].identity = strdup(texts[i]);
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	fixture.goodbye = GOODBYE_BAD_IDENTITY;
	peers_follow(&fixture.peers, fixture.settings);
	ck_assert_uint_eq(fixture.played[0].left, 1);
	ck_assert_ptr_nonnull(strstr(fixture.played[0].leave,
		"meets two entries in peers, peer-0 and peer-1, and must meet one"));
	ck_assert_uint_eq(fixture.played[1].left, 0);
	/* It is peer-1 alone now: another name, under which it comes back. */
	settings_index_free(fixture.settings);
	fixture.settings->peers[0].identity[3] = '-';
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	fixture.goodbye = GOODBYE_DEAD_PEER;
	peers_follow(&fixture.peers, fixture.settings);
	ck_assert_uint_eq(fixture.played[0].left, 2);
	/* And then nobody's. */
	settings_index_free(fixture.settings);
	fixture.settings->peers[1].identity[4] = '-';
	ck_assert_int_eq(settings_index(fixture.settings, &problem), 0);
	fixture.goodbye = GOODBYE_REMOVED;
	peers_follow(&fixture.peers, fixture.settings);
	ck_assert_uint_eq(fixture.played[0].left, 3);
	ck_assert_ptr_nonnull(strstr(fixture.played[0].leave, "has the name of the entry peer-0"));
	at(0)->lane_peer.names = NULL;
	peer_names_unref(names);
	peer_names_unref(names);
}
END_TEST

/* Where every valid certificate is admitted, nobody has to go. */
START_TEST(changed_settings_of_an_open_house)
{
	configure();
	change_settings(true);
	ck_assert_uint_eq(fixture.played[2].left, 0);
	ck_assert_ptr_null(at(2)->peer);
	ck_assert_uint_eq(fixture.played[2].announced, 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { registry, who_is_told, offer, own_list, leaving,
		own_prefixes, family_that_is_off, announced_at_run_time, tracked, nothing_excluded,
		excluded_by_an_announcement, excluded_by_reach, covered_by_another,
		covered_by_nobody, covered_prefixes_of_the_first_peer, excluded_at_a_client, spread,
		a_long_spread_delays_the_next, spread_to_all, exclusions_that_cannot_be_made,
		yielding, yielding_within_a_namespace, host_events, judged_of_one_interface,
		all_leave, changed_settings, changed_identities,
		changed_settings_of_an_open_house };

	return unit_suite("peers", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("peers", suite());
}
