/* SPDX-License-Identifier: Apache-2.0 */
/* The order and the times of a round, in a world that is played: no clock but the test's own. */
#include "client/race.h"

#include <string.h>

#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

static struct settings *settings;
static struct race race;
static struct mono now;
static const struct race_entry *entry;
static size_t remote;
static struct mono due;

static struct endpoint at(const char *text)
{
	struct endpoint endpoint;

	ck_assert_int_eq(endpoint_parse(text, 443, &endpoint), 0);
	return endpoint;
}

static void has_remote(uint8_t priority)
{
	settings->remotes[settings->remote_count++].priority = priority;
}

static void setup(void)
{
	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
	now = (struct mono){ DURATION_S(1000).ns };
}

static void teardown(void)
{
	settings_free(settings);
}

static void adds(size_t of, const char *first, const char *second, const char *third)
{
	const char *const texts[] = { first, second, third };
	struct endpoint endpoints[3];
	size_t count = 0;

	while (count < 3 && texts[count]) {
		endpoints[count] = at(texts[count]);
		count++;
	}
	race_add(&race, of, endpoints, count);
}

static enum race_step next(size_t flying, size_t asking)
{
	return race_next(&race, now, flying, asking, &entry, &remote, &due);
}

static void passes(int ms)
{
	now = mono_add(now, DURATION_MS(ms));
}

static void ck_asks(size_t flying, size_t asking, size_t expected)
{
	ck_assert_int_eq(next(flying, asking), RACE_ASK);
	ck_assert_uint_eq(remote, expected);
}

static void ck_starts(size_t flying, size_t asking, const char *expected)
{
	char text[ENDPOINT_TEXT_MAX];

	ck_assert_int_eq(next(flying, asking), RACE_START);
	ck_assert_str_eq(endpoint_format(&entry->endpoint, text), expected);
}

static void ck_waits(size_t flying, size_t asking, int ms)
{
	ck_assert_int_eq(next(flying, asking), RACE_WAIT);
	if (ms < 0)
		ck_assert_int_eq(due.ns, 0);
	else
		ck_assert_int_eq(mono_since(due, now).ns, DURATION_MS(ms).ns);
}

/* RFC 8305: families in turn, 250 ms apart; a failure is followed at once. */
START_TEST(families_in_turn)
{
	has_remote(1);
	race_begin(&race, settings, SIZE_MAX, 0);
	ck_asks(0, 0, 0);
	ck_waits(0, 1, -1);
	adds(0, "[2001:db8::1]", "[2001:db8::2]", "192.0.2.1");
	ck_starts(0, 0, "[2001:db8::1]:443");
	ck_waits(1, 0, 250);
	passes(100);
	ck_waits(1, 0, 150);
	passes(150);
	ck_starts(1, 0, "192.0.2.1:443");
	passes(10);
	race_failed(&race);
	ck_starts(1, 0, "[2001:db8::2]:443");
	ck_waits(2, 0, -1);
	ck_assert(!race_has_more(&race));
	ck_assert_int_eq(next(0, 0), RACE_OVER);
}
END_TEST

START_TEST(remotes_of_one_priority)
{
	has_remote(1);
	has_remote(1);
	race_begin(&race, settings, SIZE_MAX, 0);
	ck_asks(0, 0, 0);
	ck_waits(0, 1, 250); /* a name that is slow */
	passes(250);
	ck_asks(0, 1, 1);
	adds(1, "192.0.2.2", NULL, NULL);
	ck_starts(0, 1, "192.0.2.2:443");
	adds(0, "192.0.2.1", NULL, NULL);
	ck_waits(1, 0, 250);
	passes(250);
	ck_starts(1, 0, "192.0.2.1:443");
	ck_waits(2, 0, -1);
}
END_TEST

/* The next priority: 3 s after the better one began, or as soon as that has failed. */
START_TEST(next_priority)
{
	has_remote(2);
	has_remote(1);
	race_begin(&race, settings, SIZE_MAX, 0);
	ck_asks(0, 0, 1);
	adds(1, "192.0.2.1", NULL, NULL);
	ck_starts(0, 0, "192.0.2.1:443");
	ck_waits(1, 0, 3000);
	passes(2999);
	ck_waits(1, 0, 1);
	ck_assert(race_has_more(&race));
	passes(1);
	ck_asks(1, 0, 0);
	race_begin(&race, settings, SIZE_MAX, 0);
	ck_asks(0, 0, 1);
	adds(1, "192.0.2.1", NULL, NULL);
	ck_starts(0, 0, "192.0.2.1:443");
	race_failed(&race);
	ck_asks(0, 0, 0);
}
END_TEST

/* The time that was waited for the first priority before the round counts. */
START_TEST(head_start)
{
	has_remote(1);
	has_remote(2);
	has_remote(3);
	race_begin(&race, settings, SIZE_MAX, 0);
	race.head_start = DURATION_S(2);
	ck_asks(0, 0, 0);
	adds(0, "192.0.2.1", NULL, NULL);
	ck_starts(0, 0, "192.0.2.1:443");
	ck_waits(1, 0, 1000);
	passes(1000);
	ck_asks(1, 0, 1);
	adds(1, "192.0.2.2", NULL, NULL);
	ck_starts(1, 0, "192.0.2.2:443");
	ck_waits(2, 0, 3000);
}
END_TEST

/* The remote with the session comes first among its like, and not before a better one. */
START_TEST(last_remote)
{
	static const uint8_t priorities[] = { 1, 2, 2, 2 };
	static const size_t expected[] = { 0, 3, 1, 2 };

	for (size_t i = 0; i < 4; i++)
		has_remote(priorities[i]);
	race_begin(&race, settings, 3, 0);
	for (size_t i = 0; i < 4; i++)
		ck_asks(0, 0, expected[i]);
	ck_assert_int_eq(next(0, 0), RACE_OVER);
}
END_TEST

/* Each of three comes first about as often as another, and priorities hold. */
START_TEST(random_order)
{
	unsigned firsts[4] = { 0 };

	has_remote(2);
	for (int i = 0; i < 3; i++)
		has_remote(1);
	settings->remotes_order = SETTINGS_ORDER_RANDOM;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		race_begin(&race, settings, SIZE_MAX, seed * UINT64_C(0x9e3779b97f4a7c15));
		firsts[race.order[0]]++;
		ck_assert_uint_eq(race.order[3], 0);
	}
	ck_assert_uint_eq(firsts[0], 0);
	for (size_t i = 1; i < 4; i++)
		ck_assert(firsts[i] > 800 && firsts[i] < 1200);
}
END_TEST

START_TEST(known_comes_first)
{
	struct endpoint known = at("192.0.2.9");

	has_remote(1);
	race_begin(&race, settings, SIZE_MAX, 0);
	race_add_known(&race, 0, &known);
	ck_starts(0, 0, "192.0.2.9:443");
	ck_assert(entry->known);
	ck_waits(1, 0, 250);
	passes(250);
	ck_asks(1, 0, 0);
	adds(0, "192.0.2.9", "192.0.2.1", NULL); /* the first is under way already */
	ck_starts(1, 0, "192.0.2.1:443");
	ck_assert(!entry->known);
	ck_waits(2, 0, -1);
}
END_TEST

/* One address of a proxy leads to each remote. */
START_TEST(behind_a_proxy)
{
	has_remote(1);
	has_remote(1);
	settings->proxy.kind = PROXY_HTTP;
	race_begin(&race, settings, SIZE_MAX, 0);
	adds(0, "192.0.2.1", NULL, NULL);
	adds(1, "192.0.2.1", "192.0.2.1", NULL);
	ck_assert_uint_eq(race.count, 2);
	settings->proxy.kind = PROXY_NONE;
	race_begin(&race, settings, SIZE_MAX, 0);
	adds(0, "192.0.2.1", NULL, NULL);
	adds(1, "192.0.2.1", NULL, NULL);
	ck_assert_uint_eq(race.count, 1);
}
END_TEST

START_TEST(as_many_as_there_can_be)
{
	struct endpoint endpoints[RESOLVER_ADDRESSES_MAX];

	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++)
		has_remote(1);
	race_begin(&race, settings, SIZE_MAX, 0);
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX + 1; i++) {
		for (size_t k = 0; k < RESOLVER_ADDRESSES_MAX; k++) {
			endpoints[k] = at("192.0.2.1");
			endpoints[k].port = (uint16_t)(1 + i * RESOLVER_ADDRESSES_MAX + k);
		}
		race_add(&race, i % SETTINGS_REMOTES_MAX, endpoints, RESOLVER_ADDRESSES_MAX);
	}
	ck_assert_uint_eq(race.count, RACE_ENTRIES_MAX);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { families_in_turn, remotes_of_one_priority, next_priority,
		head_start, last_remote, random_order, known_comes_first, behind_a_proxy,
		as_many_as_there_can_be };

	return unit_suite("race", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("race", suite());
}
