/* SPDX-License-Identifier: Apache-2.0 */
/* What came behind a hello is kept in order, within a bound, and given back once. */
#include "daemon/held_messages.h"

#include <errno.h>
#include <stdlib.h>

#include "unit.h"

static struct held_messages held;

static void add(uint8_t first, size_t len)
{
	uint8_t data[16384] = { first };

	ck_assert_int_eq(held_messages_add(&held, data, len), 0);
}

static void expect(uint8_t first, size_t len)
{
	struct held_message *message = held_messages_take(&held);

	ck_assert_ptr_nonnull(message);
	ck_assert_uint_eq(message->len, len);
	ck_assert_uint_eq(message->data[0], first);
	free(message);
}

START_TEST(they_come_back_in_order)
{
	struct held_messages other;

	held_messages_init(&held);
	for (uint8_t i = 1; i < 100; i++)
		add(i, i);
	expect(1, 1);
	add(100, 4);
	held_messages_move(&other, &held);
	ck_assert_ptr_null(held_messages_take(&held));
	add(7, 7); /* usable again */
	expect(7, 7);
	held_messages_move(&held, &other);
	for (uint8_t i = 2; i < 100; i++)
		expect(i, i);
	expect(100, 4);
	ck_assert_ptr_null(held_messages_take(&held));
	ck_assert_uint_eq(held.bytes, 0);
}
END_TEST

/* Also empty messages, whose headers are all the memory there is. */
START_TEST(a_peer_has_a_bound)
{
	const size_t lens[] = { 0, 4, 1000, 16384 };
	uint8_t data[16384] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t count = 0;
		int r;

		held_messages_init(&held);
		while ((r = held_messages_add(&held, data, lens[i])) == 0)
			count++;
		ck_assert_int_eq(r, -ENOBUFS);
		ck_assert_uint_eq(
			count, HELD_MESSAGES_BYTES_MAX / (sizeof(struct held_message) + lens[i]));
		held_messages_clear(&held);
		ck_assert_uint_eq(held.bytes, 0);
		add(1, 1);
		held_messages_clear(&held);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("held_messages");

	unit_add(suite, "order", they_come_back_in_order);
	unit_add(suite, "bound", a_peer_has_a_bound);
	return suite;
}

int main(void)
{
	return unit_run("held_messages", suite());
}
