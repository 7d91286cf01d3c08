/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a ClientHello is there: whole, in parts, over many records, and what is none. */
#include "wire/client_hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static uint8_t bytes[40000];
static size_t total;

/* A ClientHello with a body of `body` bytes in records of at most `part`. */
static void make(size_t body, size_t part)
{
	static uint8_t message[40000];
	size_t whole = body + 4;

	memset(message, 0x5a, sizeof(message));
	message[0] = 1;
	message[1] = (uint8_t)(body >> 16);
	message[2] = (uint8_t)(body >> 8);
	message[3] = (uint8_t)body;
	total = 0;
	for (size_t at = 0; at < whole; at += part) {
		size_t record = whole - at < part ? whole - at : part;
		const uint8_t header[5] = { 22, 3, 1, (uint8_t)(record >> 8), (uint8_t)record };

		memcpy(&bytes[total], header, sizeof(header));
		memcpy(&bytes[total + 5], &message[at], record);
		total += 5 + record;
	}
}

/* From a copy of just that size, so that reading past it is seen. */
static int look(size_t len, size_t *ret_need)
{
	uint8_t *copy = malloc(len + !len);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, len);
	r = client_hello_look(copy, len, ret_need);
	free(copy);
	return r;
}

START_TEST(each_part_needs_more)
{
	const size_t parts[] = { 4, 5, 100, 16384 };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t need = 0;

		make(517, parts[i]);
		for (size_t len = 0; len < total; len++) {
			ck_assert_int_eq(look(len, &need), -EAGAIN);
			ck_assert_uint_gt(need, len);
			ck_assert_uint_le(need, total);
		}
		ck_assert_int_eq(look(total, &need), 0);
	}
}
END_TEST

START_TEST(what_is_too_long_is_known_at_once)
{
	size_t need = 0;

	make(CLIENT_HELLO_MAX - 9, 16384);
	ck_assert_int_eq(look(9, &need), -EAGAIN);
	ck_assert_uint_eq(need, CLIENT_HELLO_MAX);
	make(CLIENT_HELLO_MAX - 8, 16384);
	ck_assert_int_eq(look(9, &need), -EMSGSIZE);
	make(8000, 4); /* here the records make it too long */
	ck_assert_int_eq(look(total, &need), -EMSGSIZE);
}
END_TEST

START_TEST(what_is_no_hello_does_not_wait)
{
	static const struct {
		uint8_t bytes[9];
		int answer;
	} samples[] = {
		{ "GET / HT", 0 },
		{ { 0x80, 0x2e, 1, 3, 1, 0, 0, 0, 0 }, -EBADMSG },
		{ { 21, 3, 3, 0, 2, 1, 0, 0, 0 }, -EBADMSG },
		{ { 23, 3, 3, 0x40, 0, 1, 0, 0, 0 }, -EBADMSG },
		{ { 22, 2, 3, 0, 90, 1, 0, 0, 86 }, -EBADMSG },
		{ { 22, 3, 3, 0, 90, 2, 0, 0, 86 }, -EBADMSG },
		{ { 22, 3, 3, 0, 0, 1, 0, 0, 86 }, -EBADMSG },
		{ { 22, 3, 3, 0, 3, 1, 0, 0, 86 }, -EBADMSG },
		{ { 22, 3, 3, 0x40, 1, 1, 0, 0, 86 }, -EBADMSG },
		{ { 5, 3, 3, 0xff, 0xff, 1, 0, 0, 86 }, -EBADMSG },
	};
	size_t need = 0;

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		memcpy(bytes, samples[i].bytes, 9);
		ck_assert_int_eq(look(9, &need), samples[i].answer);
	}
}
END_TEST

START_TEST(garbage_is_judged_within_its_bounds)
{
	const int rounds = unit_rounds(200000);

	for (int i = 0; i < rounds; i++) {
		size_t len = (size_t)random() % 64, need = 0;

		for (size_t at = 0; at < len; at++)
			bytes[at] = (uint8_t)random();
		if (i % 2 && len > 5)
			memcpy(bytes, (const uint8_t[]){ 22, 3, 1, 0, 8, 1 }, 6);
		int r = look(len, &need);

		ck_assert(r == 0 || r == -EAGAIN || r == -EBADMSG || r == -EMSGSIZE);
		if (r == -EAGAIN)
			ck_assert(need > len && need <= CLIENT_HELLO_MAX);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("client_hello");

	unit_add(suite, "parts", each_part_needs_more);
	unit_add(suite, "too long", what_is_too_long_is_known_at_once);
	unit_add(suite, "no hello", what_is_no_hello_does_not_wait);
	unit_add(suite, "garbage", garbage_is_judged_within_its_bounds);
	return suite;
}

int main(void)
{
	return unit_run("client_hello", suite());
}
