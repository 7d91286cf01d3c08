/* SPDX-License-Identifier: Apache-2.0 */
/* base/array: an array grows by one element at a time, and stays as it is when memory runs out. */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

START_TEST(grows)
{
	size_t capacity = 0, before = 0, moves = 0;
	unsigned *items = NULL;

	for (unsigned i = 0; i < 1000; i++) {
		items = array_grow(items, i, &capacity, sizeof(*items));
		ck_assert_ptr_nonnull(items);
		ck_assert_uint_gt(capacity, i);
		moves += capacity != before;
		before = capacity;
		items[i] = i;
	}
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_uint_eq(items[i], i);
	ck_assert_uint_le(moves, 10);
	free(items);
}
END_TEST

START_TEST(out_of_memory)
{
	size_t capacity = SIZE_MAX / 16;

	ck_assert_ptr_null(array_grow(NULL, capacity, &capacity, 64));
	ck_assert_uint_eq(capacity, SIZE_MAX / 16);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { grows, out_of_memory };
	Suite *suite = suite_create("array");

	unit_add_case(suite, "array", NULL, NULL, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("array", suite);
}
