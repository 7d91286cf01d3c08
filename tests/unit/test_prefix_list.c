/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_list.h"

#include "parse.h"
#include "unit.h"

START_TEST(sorted_each_once)
{
	struct prefix_list list = { .items = NULL };
	struct prefix other = prefix_of("10.2.0.0/17");
	char text[ADDR_TEXT_MAX];

	prefix_list_sort(&list);
	ck_assert(!prefix_list_has(&list, &other));
	ck_assert_int_eq(prefix_list_append(&list, NULL, 0), 0);
	prefix_list_add(&list, "fd00::/8");
	prefix_list_add(&list, "10.2.0.0/16");
	prefix_list_add(&list, "10.1.0.0/16");
	prefix_list_add(&list, "10.2.0.0/16");
	prefix_list_add(&list, "10.0.0.0/8");
	prefix_list_sort(&list);
	ck_assert_uint_eq(list.count, 4);
	ck_assert_str_eq(prefix_format(&list.items[0], text), "10.0.0.0/8");
	ck_assert_str_eq(prefix_format(&list.items[2], text), "10.2.0.0/16");
	ck_assert_str_eq(prefix_format(&list.items[3], text), "fd00::/8");
	ck_assert(prefix_list_has(&list, &list.items[1]));
	ck_assert(!prefix_list_has(&list, &other));
	prefix_list_free(&list);
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("prefix_list");

	unit_add(s, "sorted_each_once", sorted_each_once);
	return s;
}

int main(void)
{
	return unit_run("prefix_list", suite());
}
