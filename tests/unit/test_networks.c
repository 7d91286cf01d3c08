/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection is closed when all slots are taken: one of the fullest network, whatever strangers do. */
#include "daemon/networks.h"

#include <stdio.h>

#include "parse.h"
#include "unit.h"

enum { PLACES = 256 };

static struct networks networks;
static struct network places[PLACES]; /* oldest first */
static bool honest[PLACES];
static unsigned taken;

static void start(uint64_t seed)
{
	networks_init(&networks, seed);
	taken = 0;
}

static void give_way(void)
{
	unsigned victim = 0;

	for (unsigned i = 1; i < taken; i++) {
		if (networks_is_fuller(&networks, &places[i], &places[victim]))
			victim = i;
	}
	networks_leave(&networks, &places[victim]);
	taken--;
	for (unsigned i = victim; i < taken; i++) {
		places[i] = places[i + 1];
		honest[i] = honest[i + 1];
	}
}

static void come(const char *from, bool is_honest)
{
	struct addr of = addr_of(from);

	if (taken == PLACES)
		give_way();
	honest[taken] = is_honest;
	networks_enter(&networks, &of, &places[taken++]);
}

static unsigned honest_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < taken; i++)
		count += honest[i];
	return count;
}

static void write_address(char text[ADDR_TEXT_MAX], int kind, int i)
{
	switch (kind) {
	case 0: /* four hosts */
		snprintf(text, ADDR_TEXT_MAX, "192.0.2.%d", i % 4);
		return;
	case 1: /* many hosts in four /64 of one /48 */
		snprintf(text, ADDR_TEXT_MAX, "2001:db8:1:%d::%x", i % 4, i);
		return;
	case 2: /* many /64 in one /48 */
		snprintf(text, ADDR_TEXT_MAX, "2001:db8:1:%x::1", i);
		return;
	default: /* four /48 */
		snprintf(text, ADDR_TEXT_MAX, "2001:db8:%d:%x::1", i % 4, i);
		return;
	}
}

/* 5,000 connections of strangers, and clients among them. */
static void flood(int kind, uint64_t seed)
{
	char text[ADDR_TEXT_MAX];

	start(seed);
	for (int i = 0; i < 5000; i++) {
		write_address(text, kind, i);
		come(text, false);
		if (i % 1000 != 500)
			continue;
		snprintf(text, sizeof(text), "203.0.113.%d", i / 1000);
		come(text, true);
		snprintf(text, sizeof(text), "2001:db8:7%d::1", i / 1000);
		come(text, true);
	}
	ck_assert_uint_eq(honest_count(), 10);
}

START_TEST(strangers_take_places_from_themselves)
{
	const uint64_t seeds = (uint64_t)unit_rounds(20);

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		for (int kind = 0; kind < 4; kind++)
			flood(kind, seed);
	}
}
END_TEST

/* In a network that honest ones share, the narrower network decides. */
START_TEST(the_narrower_network_decides_within_the_wider)
{
	static const char *const same_48[] = { "2001:db8:1:100::1", "2001:db8:1:1ff::1" };

	for (size_t i = 0; i < 2; i++) {
		start(7);
		come("2001:db8:1:200::1", true);
		for (int n = 0; n < 1000; n++)
			come(same_48[i], false);
		ck_assert_uint_eq(honest_count(), 1);
	}
	start(7);
	come("2001:db8:1:101::1", true); /* the same /56 */
	for (int n = 0; n < 1000; n++)
		come("2001:db8:1:100::1", false);
	ck_assert_uint_eq(honest_count(), 1);
}
END_TEST

/* Nothing tells them apart: the oldest goes, so that a newcomer always has a chance. */
START_TEST(the_oldest_of_one_host_gives_way)
{
	start(7);
	for (int n = 0; n < 1000; n++) {
		come("192.0.2.1", n == 900);
		ck_assert_uint_eq(honest_count(), n >= 900);
	}
}
END_TEST

START_TEST(all_counters_come_back_to_nothing)
{
	start(7);
	for (int n = 0; n < 1000; n++)
		come(n % 2 ? "192.0.2.1" : "2001:db8::1", false);
	while (taken > 0)
		networks_leave(&networks, &places[--taken]);
	for (unsigned level = 0; level < NETWORKS_LEVELS; level++) {
		for (unsigned i = 0; i < NETWORKS_COUNTERS; i++)
			ck_assert_uint_eq(networks.count[level][i], 0);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("networks");

	unit_add(suite, "flood", strangers_take_places_from_themselves);
	unit_add(suite, "nested", the_narrower_network_decides_within_the_wider);
	unit_add(suite, "one host", the_oldest_of_one_host_gives_way);
	unit_add(suite, "counters", all_counters_come_back_to_nothing);
	return suite;
}

int main(void)
{
	return unit_run("networks", suite());
}
