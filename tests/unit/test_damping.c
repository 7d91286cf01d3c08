/* SPDX-License-Identifier: Apache-2.0 */
/* engine/damping: how long a prefix waits that comes and goes, and how many such prefixes are known. */
#include "engine/damping.h"

#include <stdlib.h>

#include "base/array.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static struct mono at_ms(int64_t ms)
{
	return mono_add((struct mono){ .ns = 5000000000 }, DURATION_MS(ms));
}

static int64_t hold_ms(const struct damping *damping)
{
	return duration_ms(mono_since(damping_due(damping), damping->added));
}

START_TEST(the_first_time_is_free)
{
	struct damping damping = { .hold = { 0 } };

	ck_assert(!mono_before(at_ms(0), damping_due(&damping)));
	damping_add(&damping, at_ms(0));
	ck_assert_int_eq(damping_due(&damping).ns, at_ms(DAMPING_FIRST_MS).ns);
}
END_TEST

START_TEST(doubles_to_a_limit)
{
	static const int64_t holds[] = { 1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000,
		64000 };
	struct damping damping = { .hold = { 0 } };

	damping_add(&damping, at_ms(0));
	for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
		ck_assert_int_eq(hold_ms(&damping), holds[i]);
		damping_add(&damping, damping_due(&damping));
	}
}
END_TEST

START_TEST(quiet_is_forgiven)
{
	struct damping damping = { .hold = { 0 } }, before;

	damping_add(&damping, at_ms(0));
	damping_add(&damping, at_ms(1999));
	ck_assert_int_eq(hold_ms(&damping), 2000);
	before = damping;
	damping_add(&damping, at_ms(1999 + 3999));
	ck_assert_int_eq(hold_ms(&damping), 4000);
	damping = before;
	damping_add(&damping, at_ms(1999 + 4000));
	ck_assert_int_eq(hold_ms(&damping), 1000);
}
END_TEST

START_TEST(not_the_peers_doing)
{
	struct damping damping = { .hold = { 0 } };

	damping_add(&damping, at_ms(0));
	damping_add(&damping, at_ms(1000));
	damping_forgive(&damping);
	ck_assert(!mono_before(at_ms(1001), damping_due(&damping)));
	damping_add(&damping, at_ms(1001));
	ck_assert_int_eq(hold_ms(&damping), 1000);
}
END_TEST

static struct prefix net(unsigned number)
{
	struct prefix prefix = prefix_of("10.0.0.0/24");

	prefix.addr.bytes[1] = (uint8_t)(number / 256);
	prefix.addr.bytes[2] = (uint8_t)number;
	return prefix;
}

static void keep(struct damping_list *list, unsigned number, int64_t ms, size_t most)
{
	struct damping damping = { .hold = { 0 } };
	struct prefix prefix = net(number);

	damping_add(&damping, at_ms(ms));
	damping_list_keep(list, &prefix, &damping, most, at_ms(ms));
}

static bool take(struct damping_list *list, unsigned number)
{
	struct prefix prefix = net(number);

	return damping_list_take(list, &prefix).hold.ns != 0;
}

START_TEST(each_comes_back_with_its_own)
{
	struct damping_list list = { .items = NULL };

	for (unsigned i = 0; i < 100; i++)
		keep(&list, i * 37 % 100, (int64_t)(i * 37 % 100), 100);
	ck_assert_uint_eq(list.count, 100);
	ck_assert(!take(&list, 100));
	for (unsigned i = 0; i < 100; i++) {
		struct prefix prefix = net(i);
		struct damping damping = damping_list_take(&list, &prefix);

		ck_assert_int_eq(damping.added.ns, at_ms(i).ns);
		ck_assert_int_eq(hold_ms(&damping), 1000);
		ck_assert(!take(&list, i));
	}
	ck_assert_uint_eq(list.count, 0);
	ck_assert_ptr_null(list.items); /* an empty list has no memory */
}
END_TEST

START_TEST(kept_again_it_is_there_once)
{
	struct damping_list list = { .items = NULL };

	keep(&list, 1, 0, 2);
	keep(&list, 2, 0, 2);
	keep(&list, 1, 100, 3);
	ck_assert_uint_eq(list.count, 2);
	ck_assert_int_eq(damping_list_take(&list, &(struct prefix){ net(1).addr, 24 }).added.ns,
		at_ms(100).ns);
	damping_list_free(&list);
}
END_TEST

START_TEST(the_list_is_bounded)
{
	struct damping_list list = { .items = NULL };

	for (unsigned first = 0; first < 4; first++) {
		for (unsigned i = 0; i < 4; i++)
			keep(&list, i, i == first ? 0 : 100 - i, 4);
		keep(&list, 4, 100, 4);
		ck_assert_uint_eq(list.count, 4);
		for (unsigned i = 0; i < 5; i++)
			ck_assert_int_eq(take(&list, i), i != first);
		damping_list_free(&list);
	}
	keep(&list, 0, 0, 0); /* max_routes = 0 */
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

/* When the list is full, those that are over go first, and only then. */
START_TEST(what_is_over_is_forgotten)
{
	struct damping_list list = { .items = NULL };
	struct damping old = { .hold = { 0 } };
	struct prefix prefix = net(9);

	keep(&list, 0, 0, 3);
	keep(&list, 1, 1000, 3);
	keep(&list, 2, 0, 3);
	keep(&list, 3, 2000, 3);
	ck_assert_uint_eq(list.count, 2);
	ck_assert(take(&list, 1));
	ck_assert(take(&list, 3));
	damping_add(&old, at_ms(0));
	damping_list_keep(&list, &prefix, &old, 3, at_ms(2000));
	ck_assert_uint_eq(list.count, 0);
	damping_list_free(&list);
}
END_TEST

static bool no_memory;

/* In the place of the C library's. */
void *reallocarray(void *memory, size_t count, size_t size)
{
	return no_memory ? NULL : realloc(memory, count * size);
}

START_TEST(without_memory_it_is_not_kept)
{
	struct damping_list list = { .items = NULL };

	no_memory = true;
	keep(&list, 1, 0, 10);
	ck_assert_uint_eq(list.count, 0);
	no_memory = false;
	keep(&list, 1, 0, 10);
	ck_assert(take(&list, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damping");

	unit_add(suite, "the first time", the_first_time_is_free);
	unit_add(suite, "doubles", doubles_to_a_limit);
	unit_add(suite, "quiet", quiet_is_forgiven);
	unit_add(suite, "forgiven", not_the_peers_doing);
	unit_add(suite, "each", each_comes_back_with_its_own);
	unit_add(suite, "once", kept_again_it_is_there_once);
	unit_add(suite, "bounded", the_list_is_bounded);
	unit_add(suite, "over", what_is_over_is_forgotten);
	unit_add(suite, "memory", without_memory_it_is_not_kept);
	return unit_run("damping", suite);
}
