/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_map.h"

#include <errno.h>

#include "parse.h"
#include "random.h"
#include "unit.h"

/* The length of the longest prefix that contains an address, or -1; asks both lookups. */
static int lookup(const struct prefix_map *map, const char *text)
{
	struct addr addr;
	int len;

	addr = addr_of(text);
	len = prefix_map_length(map, addr.family, addr.bytes);
	ck_assert_int_eq(prefix_map_covers(map, addr.family, addr.bytes), len >= 0);
	return len;
}

START_TEST(longest_prefix_wins)
{
	struct prefix prefixes[] = {
		prefix_of("10.1.2.0/24"),
		prefix_of("10.0.0.0/8"),
		prefix_of("10.1.0.0/16"),
		prefix_of("10.1.2.3/32"),
		prefix_of("192.168.0.0/16"),
		prefix_of("2001:db8::/32"),
		prefix_of("2001:db8:1::/48"),
		prefix_of("2001:db8:1::/64"),
		prefix_of("2001:db8:1::1"),
	};
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(prefixes, ARRAY_SIZE(prefixes), &map), 0);
	ck_assert_int_eq(lookup(map, "10.1.2.3"), 32);
	ck_assert_int_eq(lookup(map, "10.1.2.4"), 24);
	ck_assert_int_eq(lookup(map, "10.1.2.0"), 24);
	ck_assert_int_eq(lookup(map, "10.1.2.255"), 24);
	ck_assert_int_eq(lookup(map, "10.1.3.0"), 16);
	ck_assert_int_eq(lookup(map, "10.2.0.0"), 8);
	ck_assert_int_eq(lookup(map, "10.255.255.255"), 8);
	ck_assert_int_eq(lookup(map, "11.0.0.0"), -1);
	ck_assert_int_eq(lookup(map, "9.255.255.255"), -1);
	ck_assert_int_eq(lookup(map, "192.168.7.7"), 16);
	ck_assert_int_eq(lookup(map, "2001:db8:1::1"), 128);
	ck_assert_int_eq(lookup(map, "2001:db8:1::2"), 64);
	ck_assert_int_eq(lookup(map, "2001:db8:1:1::"), 48);
	ck_assert_int_eq(lookup(map, "2001:db8:ffff::"), 32);
	ck_assert_int_eq(lookup(map, "2001:db9::"), -1);
	ck_assert_int_eq(lookup(map, "::"), -1);
	prefix_map_free(map);
}
END_TEST

START_TEST(families_do_not_mix)
{
	struct prefix prefixes[] = { prefix_of("0.0.0.0/0"), prefix_of("::/0") };
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(&prefixes[0], 1, &map), 0);
	ck_assert_int_eq(lookup(map, "255.1.2.3"), 0);
	ck_assert_int_eq(lookup(map, "::"), -1);
	prefix_map_free(map);
	ck_assert_int_eq(prefix_map_new(&prefixes[1], 1, &map), 0);
	ck_assert_int_eq(lookup(map, "0.0.0.0"), -1);
	ck_assert_int_eq(lookup(map, "ffff::"), 0);
	prefix_map_free(map);
	ck_assert_int_eq(prefix_map_new(prefixes, 2, &map), 0);
	ck_assert_int_eq(lookup(map, "0.0.0.0"), 0);
	ck_assert_int_eq(lookup(map, "::"), 0);
	prefix_map_free(map);
}
END_TEST

START_TEST(empty_map_covers_nothing)
{
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(NULL, 0, &map), 0);
	ck_assert_int_eq(lookup(map, "10.0.0.1"), -1);
	ck_assert_int_eq(lookup(map, "::1"), -1);
	prefix_map_free(map);
	prefix_map_free(NULL);
}
END_TEST

START_TEST(equals_are_there_once)
{
	struct prefix prefixes[] = {
		prefix_of("10.0.0.0/8"),
		prefix_of("10.0.0.0/9"),
		prefix_of("10.0.0.0/8"),
		prefix_of("10.0.0.0/8"),
	};
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(prefixes, 4, &map), 0);
	ck_assert_int_eq(lookup(map, "10.200.0.1"), 8);
	ck_assert_int_eq(lookup(map, "10.0.0.1"), 9);
	ck_assert_int_eq(lookup(map, "11.0.0.1"), -1);
	prefix_map_free(map);
}
END_TEST

START_TEST(bad_prefixes_are_refused)
{
	struct prefix host_bits = prefix_of("10.0.0.1/8"), none = { .len = 0 };
	struct prefix too_long = prefix_of("10.0.0.0/8");
	struct prefix_map *map = NULL;

	too_long.len = 33;
	ck_assert_int_eq(prefix_map_new(&host_bits, 1, &map), -EINVAL);
	ck_assert_int_eq(prefix_map_new(&none, 1, &map), -EINVAL);
	ck_assert_int_eq(prefix_map_new(&too_long, 1, &map), -EINVAL);
	ck_assert_ptr_null(map);
}
END_TEST

/* What the map must find, by looking at every prefix. */
static int slow_length(const struct prefix *prefixes, size_t count, const struct addr *addr)
{
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		if (prefix_contains_addr(&prefixes[i], addr) && prefixes[i].len > best)
			best = prefixes[i].len;
	}
	return best;
}

/* Few distinct bits, so that prefixes nest and addresses hit. */
static struct addr random_addr(struct random *random)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0x80, 0xff };
	struct addr addr = { .family = random_below(random, 2) == 0 ? AF_INET : AF_INET6 };

	for (size_t i = 0; i < addr_size(&addr); i++)
		addr.bytes[i] = bytes[random_below(random, sizeof(bytes))];
	return addr;
}

static struct prefix random_prefix(struct random *random)
{
	struct addr addr = random_addr(random);
	struct prefix prefix = { .addr = addr,
		.len = (uint8_t)random_below(random, addr_size(&addr) * 8 + 1) };

	for (size_t bit = prefix.len; bit < addr_size(&addr) * 8; bit++)
		prefix.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
	return prefix;
}

START_TEST(agrees_with_a_search_of_everything)
{
	struct random random = { 20 };

	for (int round = 0; round < 200; round++) {
		struct prefix prefixes[80];
		size_t count = random_below(&random, 81);
		struct prefix_map *map;

		for (size_t i = 0; i < count; i++)
			prefixes[i] = random_prefix(&random);
		ck_assert_int_eq(prefix_map_new(prefixes, count, &map), 0);
		for (int i = 0; i < 200; i++) {
			struct addr addr = random_addr(&random);
			int expected = slow_length(prefixes, count, &addr);

			ck_assert_int_eq(prefix_map_length(map, addr.family, addr.bytes), expected);
			ck_assert_int_eq(
				prefix_map_covers(map, addr.family, addr.bytes), expected >= 0);
		}
		prefix_map_free(map);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("prefix_map");

	unit_add(suite, "longest", longest_prefix_wins);
	unit_add(suite, "families", families_do_not_mix);
	unit_add(suite, "empty", empty_map_covers_nothing);
	unit_add(suite, "equals", equals_are_there_once);
	unit_add(suite, "bad prefixes", bad_prefixes_are_refused);
	unit_add(suite, "random", agrees_with_a_search_of_everything);
	return suite;
}

int main(void)
{
	return unit_run("prefix_map", suite());
}
