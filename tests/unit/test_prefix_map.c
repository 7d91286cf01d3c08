/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_map.h"

#include <errno.h>

#include "random.h"
#include "unit.h"

static struct prefix_map_entry entry(const char *text, uint32_t value)
{
	struct prefix_map_entry entry = { .value = value };

	ck_assert_msg(prefix_parse(text, &entry.prefix) == 0, "not a prefix: %s", text);
	return entry;
}

/* The value found for an address, or -1; asks all lookups and holds them against each other. */
static int64_t lookup(const struct prefix_map *map, const char *text)
{
	const struct prefix_map_entry *found;
	struct addr addr;

	ck_assert_int_eq(addr_parse(text, &addr), 0);
	found = prefix_map_find(map, &addr);
	ck_assert_int_eq(prefix_map_covers(map, addr.family, addr.bytes), found != NULL);
	ck_assert_int_eq(prefix_map_length(map, addr.family, addr.bytes),
		found != NULL ? found->prefix.len : -1);
	return found != NULL ? (int64_t)found->value : -1;
}

START_TEST(longest_prefix_wins)
{
	struct prefix_map_entry entries[] = {
		entry("10.1.2.0/24", 24),
		entry("10.0.0.0/8", 8),
		entry("10.1.0.0/16", 16),
		entry("10.1.2.3/32", 32),
		entry("192.168.0.0/16", 1),
		entry("2001:db8::/32", 600),
		entry("2001:db8:1::/48", 648),
		entry("2001:db8:1::/64", 664),
		entry("2001:db8:1::1", 6128),
	};
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(entries, sizeof(entries) / sizeof(entries[0]), &map), 0);
	ck_assert_uint_eq(prefix_map_count(map), 9);
	ck_assert_int_eq(lookup(map, "10.1.2.3"), 32);
	ck_assert_int_eq(lookup(map, "10.1.2.4"), 24);
	ck_assert_int_eq(lookup(map, "10.1.2.0"), 24);
	ck_assert_int_eq(lookup(map, "10.1.2.255"), 24);
	ck_assert_int_eq(lookup(map, "10.1.3.0"), 16);
	ck_assert_int_eq(lookup(map, "10.2.0.0"), 8);
	ck_assert_int_eq(lookup(map, "10.255.255.255"), 8);
	ck_assert_int_eq(lookup(map, "11.0.0.0"), -1);
	ck_assert_int_eq(lookup(map, "9.255.255.255"), -1);
	ck_assert_int_eq(lookup(map, "192.168.7.7"), 1);
	ck_assert_int_eq(lookup(map, "2001:db8:1::1"), 6128);
	ck_assert_int_eq(lookup(map, "2001:db8:1::2"), 664);
	ck_assert_int_eq(lookup(map, "2001:db8:1:1::"), 648);
	ck_assert_int_eq(lookup(map, "2001:db8:ffff::"), 600);
	ck_assert_int_eq(lookup(map, "2001:db9::"), -1);
	ck_assert_int_eq(lookup(map, "::"), -1);
	prefix_map_free(map);
}
END_TEST

START_TEST(families_do_not_mix)
{
	struct prefix_map_entry entries[] = { entry("0.0.0.0/0", 4), entry("::/0", 6) };
	struct addr none = { .family = AF_UNSPEC };
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(&entries[0], 1, &map), 0);
	ck_assert_int_eq(lookup(map, "255.1.2.3"), 4);
	ck_assert_int_eq(lookup(map, "::"), -1);
	ck_assert_ptr_null(prefix_map_find(map, &none));
	prefix_map_free(map);
	ck_assert_int_eq(prefix_map_new(&entries[1], 1, &map), 0);
	ck_assert_int_eq(lookup(map, "0.0.0.0"), -1);
	ck_assert_int_eq(lookup(map, "ffff::"), 6);
	prefix_map_free(map);
	ck_assert_int_eq(prefix_map_new(entries, 2, &map), 0);
	ck_assert_int_eq(lookup(map, "0.0.0.0"), 4);
	ck_assert_int_eq(lookup(map, "::"), 6);
	prefix_map_free(map);
}
END_TEST

START_TEST(empty_map_covers_nothing)
{
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(NULL, 0, &map), 0);
	ck_assert_uint_eq(prefix_map_count(map), 0);
	ck_assert_int_eq(lookup(map, "10.0.0.1"), -1);
	ck_assert_int_eq(lookup(map, "::1"), -1);
	prefix_map_free(map);
	prefix_map_free(NULL);
}
END_TEST

START_TEST(the_last_of_equals_wins)
{
	struct prefix_map_entry entries[] = {
		entry("10.0.0.0/8", 1),
		entry("10.0.0.0/9", 9),
		entry("10.0.0.0/8", 2),
		entry("10.0.0.0/8", 3),
	};
	struct prefix_map *map;

	ck_assert_int_eq(prefix_map_new(entries, 4, &map), 0);
	ck_assert_uint_eq(prefix_map_count(map), 2);
	ck_assert_int_eq(lookup(map, "10.200.0.1"), 3);
	ck_assert_int_eq(lookup(map, "10.0.0.1"), 9);
	prefix_map_free(map);
}
END_TEST

START_TEST(bad_entries_are_refused)
{
	struct prefix_map_entry host_bits = entry("10.0.0.1/8", 1), none = { .value = 1 };
	struct prefix_map_entry too_long = entry("10.0.0.0/8", 1);
	struct prefix_map *map = NULL;

	too_long.prefix.len = 33;
	ck_assert_int_eq(prefix_map_new(&host_bits, 1, &map), -EINVAL);
	ck_assert_int_eq(prefix_map_new(&none, 1, &map), -EINVAL);
	ck_assert_int_eq(prefix_map_new(&too_long, 1, &map), -EINVAL);
	ck_assert_ptr_null(map);
}
END_TEST

/* What the map must find, by looking at every entry. */
static const struct prefix_map_entry *slow_find(
	const struct prefix_map_entry *entries, size_t count, const struct addr *addr)
{
	const struct prefix_map_entry *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (prefix_contains_addr(&entries[i].prefix, addr) &&
			(best == NULL || entries[i].prefix.len >= best->prefix.len))
			best = &entries[i];
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
		struct prefix_map_entry entries[80];
		size_t count = random_below(&random, 81);
		struct prefix_map *map;

		for (size_t i = 0; i < count; i++)
			entries[i] = (struct prefix_map_entry){ .prefix = random_prefix(&random),
				.value = (uint32_t)i };
		ck_assert_int_eq(prefix_map_new(entries, count, &map), 0);
		for (int i = 0; i < 200; i++) {
			struct addr addr = random_addr(&random);
			const struct prefix_map_entry *expected = slow_find(entries, count, &addr);
			const struct prefix_map_entry *found = prefix_map_find(map, &addr);

			ck_assert_int_eq(found != NULL, expected != NULL);
			ck_assert_int_eq(
				prefix_map_covers(map, addr.family, addr.bytes), expected != NULL);
			if (expected != NULL)
				ck_assert_uint_eq(found->value, expected->value);
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
	unit_add(suite, "equals", the_last_of_equals_wins);
	unit_add(suite, "bad entries", bad_entries_are_refused);
	unit_add(suite, "random", agrees_with_a_search_of_everything);
	return suite;
}

int main(void)
{
	return unit_run("prefix_map", suite());
}
