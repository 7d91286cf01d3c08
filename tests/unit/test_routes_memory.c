/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's routes where there is no memory for one more: the peer is told, and what is there stays. */
#include "tests/unit/routes_fixture.h"

#include <errno.h>
#include <stdlib.h>

static int left = -1; /* calls that get memory; negative: all */

/* In the place of the C library's. */
void *reallocarray(void *memory, size_t count, size_t size)
{
	if (left == 0)
		return NULL;
	if (left > 0)
		left--;
	ck_assert_uint_le(count, SIZE_MAX / size);
	return realloc(memory, count * size);
}

static void begin_with_interface(void)
{
	left = -1;
	begin(20);
	routes_set_interface(&fixture.routes, IFINDEX);
}

START_TEST(no_memory_for_a_route)
{
	begin_with_interface();
	left = _i;
	announce("10.1.0.0/16");
	ck_refusal(0, 0, "10.1.0.0/16", ROUTE_FAILED);
	announce("203.0.113.0/24"); /* its own verdict, but nothing to keep it in */
	ck_refusal(1, 0, "203.0.113.0/24", ROUTE_NOT_ALLOWED);
	ck_assert_uint_eq(fixture.routes.count, 0);
	ck_assert_int_eq(fixture.asked, 0);
	left = -1;
	announce("10.1.0.0/16");
	answer(ROUTE_ACCEPTED);
	ck_state("10.1.0.0/16", ROUTE_INSTALLED);
	routes_free(&fixture.routes);
}
END_TEST

START_TEST(no_memory_for_one_more)
{
	struct prefix prefix = prefix_of("10.1.0.0/16");
	int known = 0;

	begin_with_interface();
	while (fixture.routes.count == 0 || fixture.routes.count < fixture.routes.capacity) {
		prefix.addr.bytes[1] = (uint8_t)(known++);
		ck_assert_int_eq(routes_adopt(&fixture.routes, &prefix, 1), 0);
	}
	prefix.addr.bytes[1] = (uint8_t)known;
	left = _i;
	ck_assert_int_eq(routes_adopt(&fixture.routes, &prefix, 1), -ENOMEM);
	ck_assert_uint_eq(fixture.routes.count, (size_t)known);
	for (int i = 0; i < known; i++)
		ck_assert_int_eq(fixture.routes.items[i].state, ROUTE_INSTALLED);
	left = -1;
	ck_assert_int_eq(routes_adopt(&fixture.routes, &prefix, 1), 0);
	ck_assert_uint_eq(fixture.routes.count, (size_t)known + 1);
	routes_free(&fixture.routes);
}
END_TEST

static void ck_refused(const struct prefix *prefix, uint8_t verdict)
{
	ck_assert_uint_eq(routes_refusal(&fixture.routes, prefix), verdict);
}

/* The new one is not kept; the peer's last word on one that is known counts. */
START_TEST(no_memory_for_a_refusal)
{
	struct message_prefixes *list = list_of("10.7.0.0/16 10.8.0.0/16");
	struct prefix ours[] = { prefix_of("10.7.0.0/16"), prefix_of("10.8.0.0/16") };
	const struct prefix_list told = { ours, 2 };

	begin_with_interface();
	left = 0;
	list->reason[0] = list->reason[1] = ROUTE_LIMIT;
	routes_refused(&fixture.routes, list, &told);
	ck_refused(&ours[0], ROUTE_ACCEPTED);
	left = -1;
	list->count = 1;
	list->prefix[0] = ours[1];
	routes_refused(&fixture.routes, list, &told);
	ck_refused(&ours[1], ROUTE_LIMIT);
	left = 0;
	fixture.routes.refusal_capacity = fixture.routes.refusal_count; /* as if it were full */
	list->count = 2;
	list->prefix[0] = ours[0];
	list->reason[1] = ROUTE_TAKEN;
	routes_refused(&fixture.routes, list, &told);
	ck_refused(&ours[0], ROUTE_ACCEPTED);
	ck_refused(&ours[1], ROUTE_TAKEN);
	routes_free(&fixture.routes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("routes_memory");

	/* For one of its two arrays, or for neither. */
	unit_add_loop(s, "no_memory_for_a_route", no_memory_for_a_route, 0, 2);
	unit_add_loop(s, "no_memory_for_one_more", no_memory_for_one_more, 0, 2);
	unit_add(s, "no_memory_for_a_refusal", no_memory_for_a_refusal);
	return s;
}

int main(void)
{
	return unit_run("routes_memory", suite());
}
