/* SPDX-License-Identifier: Apache-2.0 */
/* Where each remote was reached: the latest first, a few of each, no remote at the cost of another. */
#include "client/kept_addresses.h"

#include "tests/unit/unit.h"

static struct endpoint endpoint(uint8_t last)
{
	return (struct endpoint){ .addr = addr_v4((uint8_t[]){ 192, 0, 2, last }), .port = 443 };
}

static void add(struct kept_addresses *kept, size_t remote, uint8_t last)
{
	struct endpoint added = endpoint(last);

	kept_addresses_add(kept, remote, &added);
}

static void expect(
	const struct kept_addresses *kept, size_t remote, const uint8_t *last, size_t count)
{
	struct endpoint out[KEPT_ADDRESSES_MAX];

	ck_assert_uint_eq(kept_addresses_get(kept, remote, out), count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(out[i].addr.bytes[3], last[i]);
}

START_TEST(the_latest_comes_first)
{
	struct kept_addresses kept = { 0 };

	expect(&kept, 0, NULL, 0);
	add(&kept, 0, 1);
	add(&kept, 0, 2);
	add(&kept, 0, 3);
	expect(&kept, 0, (uint8_t[]){ 3, 2, 1 }, 3);
	add(&kept, 0, 1);
	expect(&kept, 0, (uint8_t[]){ 1, 3, 2 }, 3);
	add(&kept, 0, 1);
	expect(&kept, 0, (uint8_t[]){ 1, 3, 2 }, 3);
}
END_TEST

START_TEST(the_oldest_goes)
{
	struct kept_addresses kept = { 0 };

	for (uint8_t last = 1; last <= KEPT_ADDRESSES_MAX + 1; last++)
		add(&kept, 0, last);
	expect(&kept, 0, (uint8_t[]){ 5, 4, 3, 2 }, KEPT_ADDRESSES_MAX);
	add(&kept, 0, 2); /* in the last place */
	expect(&kept, 0, (uint8_t[]){ 2, 5, 4, 3 }, KEPT_ADDRESSES_MAX);
}
END_TEST

START_TEST(remotes_and_ports_are_apart)
{
	struct kept_addresses kept = { 0 };
	struct endpoint other = endpoint(1);

	add(&kept, SETTINGS_REMOTES_MAX - 1, 1);
	expect(&kept, 0, NULL, 0);
	other.port = 8443;
	kept_addresses_add(&kept, SETTINGS_REMOTES_MAX - 1, &other);
	expect(&kept, SETTINGS_REMOTES_MAX - 1, (uint8_t[]){ 1, 1 }, 2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kept_addresses");

	unit_add(s, "the latest comes first", the_latest_comes_first);
	unit_add(s, "the oldest goes", the_oldest_goes);
	unit_add(s, "remotes and ports are apart", remotes_and_ports_are_apart);
	return s;
}

int main(void)
{
	return unit_run("kept_addresses", suite());
}
