/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer's changes may cost: their budget, and the damping of prefixes that come and go. */
#include "tests/unit/routes_fixture.h"

#include "base/array.h"

/* netd takes all that it is asked. Returns how many routes it added. */
static int answer_all(void)
{
	int added = fixture.installed;

	while (fixture.call)
		answer(ROUTE_ACCEPTED);
	return fixture.installed - added;
}

static void begin_still(uint32_t limit)
{
	begin(limit);
	fixture.time_stands = true;
	routes_set_interface(&fixture.routes, IFINDEX);
}

static void withdraw_one(const char *text)
{
	routes_withdrawn(&fixture.routes, list_of(text));
	answer_all();
}

START_TEST(what_comes_back_waits)
{
	begin_still(10);
	announce("10.1.0.0/16");
	ck_assert_int_eq(answer_all(), 1);
	for (int64_t hold = 1000; hold <= 8000; hold *= 2) {
		withdraw_one("10.1.0.0/16");
		announce("10.1.0.0/16");
		ck_assert_int_eq(answer_all(), 0);
		ck_state("10.1.0.0/16", ROUTE_ABSENT);
		ck_assert(!routes_complete(&fixture.routes));
		pass_ms(hold - 1);
		ck_assert_int_eq(answer_all(), 0);
		pass_ms(1);
		ck_assert_int_eq(answer_all(), 1);
		ck_state("10.1.0.0/16", ROUTE_INSTALLED);
		ck_assert_uint_eq(fixture.routes.past.count, 0); /* only of those that are gone */
	}
	/* Another prefix does not wait. */
	announce("10.2.0.0/16");
	ck_assert_int_eq(answer_all(), 1);
	routes_free(&fixture.routes);
}
END_TEST

/* However often it changes its mind meanwhile: what counts is what it says last. */
START_TEST(only_the_last_word_counts)
{
	begin_still(10);
	announce("10.1.0.0/16");
	answer_all();
	fixture.asked = 0;
	for (int i = 0; i < 1000; i++) {
		withdraw_one("10.1.0.0/16");
		announce("10.1.0.0/16");
	}
	ck_assert_int_eq(fixture.asked, 1); /* to delete it */
	withdraw_one("10.1.0.0/16");
	pass_ms(DAMPING_LAST_MS);
	ck_assert_int_eq(answer_all(), 0);
	ck_assert_uint_eq(fixture.routes.count, 0);
	ck_assert(!fixture.routes.later.running);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(no_message_puts_it_off)
{
	begin_still(10);
	announce("10.1.0.0/16");
	answer_all();
	withdraw_one("10.1.0.0/16");
	announce("10.1.0.0/16");
	for (int i = 0; i < 10; i++) {
		pass_ms(100);
		announce("10.1.0.0/16");
	}
	ck_assert_int_eq(answer_all(), 1);
	routes_free(&fixture.routes);
}
END_TEST

/* The sooner of two does not wait for the later. */
START_TEST(each_waits_for_itself)
{
	begin_still(10);
	announce("10.1.0.0/16");
	answer_all();
	withdraw_one("10.1.0.0/16");
	announce("10.1.0.0/16");
	pass_ms(1000);
	answer_all();
	withdraw_one("10.1.0.0/16");
	announce("10.1.0.0/16 10.2.0.0/16"); /* due in 2 s, and now */
	ck_assert_int_eq(answer_all(), 1);
	withdraw_one("10.2.0.0/16");
	announce("10.2.0.0/16"); /* due in 1 s */
	pass_ms(1000);
	ck_assert_int_eq(answer_all(), 1);
	ck_state("10.2.0.0/16", ROUTE_INSTALLED);
	pass_ms(1000);
	ck_assert_int_eq(answer_all(), 1);
	routes_free(&fixture.routes);
}
END_TEST

static void announce_range(int first, int count)
{
	static struct message_prefixes list;
	const struct prefix_list none = { 0 };

	list.count = (uint16_t)count;
	for (int i = 0; i < count; i++) {
		list.prefix[i] = prefix_of("10.0.0.0/24");
		list.prefix[i].addr.bytes[1] = (uint8_t)((first + i) / 256);
		list.prefix[i].addr.bytes[2] = (uint8_t)(first + i);
	}
	routes_announced(&fixture.routes, &list, &none);
}

static void withdraw_range(int first, int count)
{
	static struct message_prefixes list;

	list.count = (uint16_t)count;
	for (int i = 0; i < count; i++) {
		list.prefix[i] = prefix_of("10.0.0.0/24");
		list.prefix[i].addr.bytes[1] = (uint8_t)((first + i) / 256);
		list.prefix[i].addr.bytes[2] = (uint8_t)(first + i);
	}
	routes_withdrawn(&fixture.routes, &list);
}

/* Twice max_routes at once: all of them, and all of them exchanged for others but half. */
START_TEST(the_budget)
{
	enum { LIMIT = 100 };

	begin_still(LIMIT);
	announce_range(0, LIMIT);
	ck_assert_int_eq(answer_all(), LIMIT);
	withdraw_range(0, 40);
	answer_all();
	announce_range(LIMIT, 40);
	ck_assert_int_eq(answer_all(), 40);
	withdraw_range(40, 15);
	answer_all();
	announce_range(2 * LIMIT, 15);
	ck_assert_int_eq(answer_all(), 5); /* 100 + 40 + 40 + 15 + 5 */
	/* 50 a second, in batches. */
	pass_ms(ROUTES_BATCH_MS - 1);
	ck_assert_int_eq(answer_all(), 0);
	announce_range(2 * LIMIT, 15);
	ck_assert_int_eq(answer_all(), 0);
	pass_ms(1);
	ck_assert_int_eq(answer_all(), 9 + 1);
	/* Repeating what is there costs nothing. */
	pass_ms(1000);
	for (int i = 0; i < 1000; i++)
		announce_range(2 * LIMIT, 15);
	ck_assert_int_eq(answer_all(), 0);
	withdraw_range(2 * LIMIT, 15);
	answer_all();
	announce_range(300, 15);
	ck_assert_int_eq(answer_all(), 15);
	routes_free(&fixture.routes);
}
END_TEST

/* More than one request holds. */
START_TEST(many_withdrawals)
{
	enum { LIMIT = 600 };

	begin_still(LIMIT);
	for (int i = 0; i < LIMIT; i += 200)
		announce_range(i, 200);
	ck_assert_int_eq(answer_all(), LIMIT);
	for (int i = 0; i < LIMIT; i += 200)
		withdraw_range(i, 200);
	while (fixture.call) {
		ck_assert_uint_le(fixture.request.routes.count, REQUEST_PREFIX_MAX);
		answer(ROUTE_ACCEPTED);
	}
	ck_assert_uint_eq(fixture.routes.count, 0);
	routes_free(&fixture.routes);
}
END_TEST

/* Those that may come at nearly the same time come together. */
START_TEST(they_come_together)
{
	begin_still(10);
	announce("10.1.0.0/16");
	answer_all();
	withdraw_one("10.1.0.0/16");
	pass_ms(100);
	announce("10.2.0.0/16");
	answer_all();
	withdraw_one("10.2.0.0/16");
	pass_ms(890);
	fixture.asked = 0;
	announce("10.1.0.0/16 10.2.0.0/16"); /* due in 10 and 110 ms */
	ck_assert_int_eq(mono_since(fixture.routes.later.due, fixture.now).ns,
		DURATION_MS(ROUTES_BATCH_MS).ns);
	pass_ms(ROUTES_BATCH_MS);
	ck_assert_int_eq(answer_all(), 2);
	ck_assert_int_eq(fixture.asked, 1);
	routes_free(&fixture.routes);
}
END_TEST

/* Withdrawals never wait; they are paid for by the additions behind them. */
START_TEST(withdrawals_do_not_wait)
{
	enum { LIMIT = 10 };

	begin_still(LIMIT);
	announce_range(0, LIMIT);
	answer_all();
	withdraw_range(0, LIMIT);
	answer_all();
	announce_range(LIMIT, LIMIT);
	ck_assert_int_eq(answer_all(), 0);
	pass_ms(ROUTES_BATCH_MS);
	ck_assert_int_eq(answer_all(), LIMIT);
	fixture.removed = 0;
	withdraw_range(LIMIT, LIMIT);
	answer_all();
	ck_assert_int_eq(fixture.removed, LIMIT);
	ck_assert_uint_eq(fixture.routes.count, 0);
	announce_range(2 * LIMIT, LIMIT);
	pass_ms(ROUTES_BATCH_MS - 1);
	ck_assert_int_eq(answer_all(), 0);
	pass_ms(1);
	/* 10 for 200 ms pay the withdrawals. */
	ck_assert_int_eq(answer_all(), 0);
	pass_ms(ROUTES_BATCH_MS);
	ck_assert_int_eq(answer_all(), LIMIT);
	routes_free(&fixture.routes);
}
END_TEST

/* A peer with ever new prefixes changes 50 routes a second, and is remembered in bounded memory. */
START_TEST(a_stream_of_changes)
{
	enum { LIMIT = 50, SECONDS = 60 };
	int added = 0;

	begin_still(LIMIT);
	for (int ms = 0, next = 0; ms < SECONDS * 1000; ms += 20, next = (next + 50) % 50000) {
		withdraw_range((next + 49950) % 50000, 50);
		announce_range(next, 50);
		added += answer_all();
		pass_ms(20);
		added += answer_all();
		ck_assert_uint_le(fixture.routes.past.count, 2 * LIMIT);
	}
	/* Each is also deleted. */
	ck_assert_int_le(added, (2 * LIMIT + 50 * SECONDS) / 2 + LIMIT);
	ck_assert_int_ge(added, 50 * SECONDS / 4);
	routes_free(&fixture.routes);
}
END_TEST

/* Other sessions give way when routes come, not with each message about them. */
START_TEST(others_are_told_once)
{
	begin_still(10);
	routes_begin(&fixture.routes);
	announce("10.1.0.0/16 203.0.113.0/24");
	ck_assert_int_eq(fixture.taken, 1);
	answer_all();
	for (int i = 0; i < 100; i++) {
		announce("10.1.0.0/16");
		withdraw_one("10.1.0.0/16");
	}
	ck_assert_int_eq(fixture.taken, 1);
	announce("10.1.0.0/16");
	pass_ms(1000);
	answer_all();
	ck_assert_int_eq(fixture.taken, 2);
	/* A new connection repeats them. */
	routes_begin(&fixture.routes);
	for (int i = 0; i < 100; i++)
		announce("10.1.0.0/16");
	ck_assert_int_eq(fixture.taken, 3);
	routes_free(&fixture.routes);
}
END_TEST

/* The loss of the interface is this host's doing. */
START_TEST(a_lost_interface_damps_nothing)
{
	begin_still(10);
	announce("10.1.0.0/16");
	answer_all();
	routes_set_interface(&fixture.routes, 0);
	routes_set_interface(&fixture.routes, IFINDEX);
	ck_assert_int_eq(answer_all(), 1);
	routes_free(&fixture.routes);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_comes_back_waits, only_the_last_word_counts,
		no_message_puts_it_off, each_waits_for_itself, the_budget, many_withdrawals,
		they_come_together, withdrawals_do_not_wait, a_stream_of_changes,
		others_are_told_once, a_lost_interface_damps_nothing };
	Suite *suite = suite_create("routes_budget");

	unit_add_case(suite, "routes_budget", NULL, NULL, tests, ARRAY_SIZE(tests));
	return unit_run("routes_budget", suite);
}
