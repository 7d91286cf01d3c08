/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include "unit.h"

static const uint8_t sample[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 };

START_TEST(reads_big_endian)
{
	struct reader reader;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;

	reader_init(&reader, sample, sizeof(sample));
	ck_assert_int_eq(reader_u8(&reader, &u8), 0);
	ck_assert_uint_eq(u8, 0x01);
	ck_assert_int_eq(reader_u16(&reader, &u16), 0);
	ck_assert_uint_eq(u16, 0x0203);
	ck_assert_int_eq(reader_u24(&reader, &u32), 0);
	ck_assert_uint_eq(u32, 0x040506);
	ck_assert_uint_eq(reader_left(&reader), 3);
	reader_init(&reader, sample, sizeof(sample));
	ck_assert_int_eq(reader_u32(&reader, &u32), 0);
	ck_assert_uint_eq(u32, 0x01020304);
	reader_init(&reader, sample, sizeof(sample));
	ck_assert_int_eq(reader_le16(&reader, &u16), 0);
	ck_assert_uint_eq(u16, 0x0201);
}
END_TEST

/* Each of the reading calls, on a reader with `left` bytes: its result. */
static int read_one(int call, struct reader *reader, uint64_t *ret_value)
{
	uint8_t u8 = 0xee, copy[8] = { 0xee };
	uint16_t u16 = 0xeeee;
	uint32_t u32 = 0xeeeeeeee;
	struct view view = { .len = 0xee };
	struct reader sub = { .len = 0xee };
	int r;

	switch (call) {
	case 0:
		r = reader_u8(reader, &u8);
		*ret_value = u8;
		return r;
	case 1:
		r = reader_u16(reader, &u16);
		*ret_value = u16;
		return r;
	case 2:
		r = reader_u24(reader, &u32);
		*ret_value = u32;
		return r;
	case 3:
		r = reader_u32(reader, &u32);
		*ret_value = u32;
		return r;
	case 4:
		r = reader_le16(reader, &u16);
		*ret_value = u16;
		return r;
	case 5:
		r = reader_copy(reader, copy, 5);
		*ret_value = copy[0];
		return r;
	case 6:
		r = reader_view(reader, 6, &view);
		*ret_value = view.len;
		return r;
	default:
		r = reader_sub(reader, 7, &sub);
		*ret_value = sub.len;
		return r;
	}
}

START_TEST(too_short_consumes_and_sets_nothing)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 2, 5, 6, 7 };
	static const uint64_t untouched[] = { 0xee, 0xeeee, 0xeeeeeeee, 0xeeeeeeee, 0xeeee, 0xee,
		0xee, 0xee };
	size_t size = sizes[_i];

	for (size_t left = 0; left <= size; left++) {
		struct reader reader;
		uint64_t value;
		int r;

		reader_init(&reader, sample, left);
		r = read_one(_i, &reader, &value);
		ck_assert_int_eq(r, left < size ? -EBADMSG : 0);
		ck_assert_uint_eq(reader_left(&reader), left < size ? left : 0);
		if (left < size)
			ck_assert_uint_eq(value, untouched[_i]);
	}
}
END_TEST

START_TEST(views_and_subs_borrow)
{
	struct reader reader, sub;
	struct view view;
	uint8_t byte;

	reader_init(&reader, sample, sizeof(sample));
	ck_assert_int_eq(reader_view(&reader, 2, &view), 0);
	ck_assert_ptr_eq(view.data, sample);
	ck_assert_int_eq(reader_sub(&reader, 3, &sub), 0);
	ck_assert_uint_eq(reader_left(&sub), 3);
	ck_assert_int_eq(reader_u8(&sub, &byte), 0);
	ck_assert_uint_eq(byte, 3);
	ck_assert_int_eq(reader_u8(&reader, &byte), 0);
	ck_assert_uint_eq(byte, 6);
	ck_assert_int_eq(reader_view(&reader, SIZE_MAX, &view), -EBADMSG);
	ck_assert_int_eq(reader_copy(&reader, NULL, 0), 0);
}
END_TEST

START_TEST(writes_big_endian)
{
	static const uint8_t expected[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
		0x0a, 0x22, 0x21, 'a', 'b' };
	uint8_t out[sizeof(expected)];
	struct writer writer;

	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(writer_u8(&writer, 0x01), 0);
	ck_assert_int_eq(writer_u16(&writer, 0x0203), 0);
	ck_assert_int_eq(writer_u24(&writer, 0x040506), 0);
	ck_assert_int_eq(writer_u32(&writer, 0x0708090a), 0);
	ck_assert_int_eq(writer_le16(&writer, 0x2122), 0);
	ck_assert_int_eq(writer_copy(&writer, "ab", 2), 0);
	ck_assert_uint_eq(writer.len, sizeof(expected));
	ck_assert_uint_eq(writer_left(&writer), 0);
	ck_assert_mem_eq(out, expected, sizeof(expected));
}
END_TEST

static int write_one(int call, struct writer *writer, uint64_t value)
{
	switch (call) {
	case 0:
		return writer_u8(writer, value);
	case 1:
		return writer_u16(writer, value);
	case 2:
		return writer_u24(writer, value);
	case 3:
		return writer_u32(writer, value);
	default:
		return writer_le16(writer, value);
	}
}

START_TEST(what_does_not_fit_is_not_written)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 2 };
	size_t size = sizes[_i];
	uint8_t out[9];
	struct writer writer;

	for (size_t capacity = 0; capacity < size; capacity++) {
		writer_init(&writer, out, capacity);
		ck_assert_int_eq(write_one(_i, &writer, 1), -ENOBUFS);
		ck_assert_uint_eq(writer.len, 0);
	}
	writer_init(&writer, out, size);
	uint64_t past = 1ull << (8 * size);

	ck_assert_int_eq(write_one(_i, &writer, past), -ERANGE);
	ck_assert_int_eq(write_one(_i, &writer, UINT64_MAX), -ERANGE);
	ck_assert_uint_eq(writer.len, 0);
	ck_assert_int_eq(write_one(_i, &writer, past - 1), 0);
	for (size_t i = 0; i < size; i++)
		ck_assert_uint_eq(out[i], 0xff);
}
END_TEST

START_TEST(copies_respect_the_capacity)
{
	uint8_t out[4];
	struct writer writer;
	volatile size_t huge =
		SIZE_MAX; /* volatile: compilers warn of such a size where they see it */

	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(writer_copy(&writer, "abcde", 5), -ENOBUFS);
	ck_assert_int_eq(writer_copy(&writer, "abc", 3), 0);
	ck_assert_int_eq(writer_copy(&writer, "de", 2), -ENOBUFS);
	ck_assert_int_eq(writer_copy(&writer, sample, huge), -ENOBUFS);
	ck_assert_int_eq(writer_copy(&writer, NULL, 0), 0);
	ck_assert_uint_eq(writer.len, 3);
}
END_TEST

START_TEST(reserved_lengths_are_filled)
{
	static const uint8_t expected[] = { 0xaa, 0x00, 0x04, 0x00, 0x02, 'x', 'y' };
	uint8_t out[7];
	struct writer writer;
	size_t outer, inner;

	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(writer_u8(&writer, 0xaa), 0);
	ck_assert_int_eq(writer_reserve_u16(&writer, &outer), 0);
	ck_assert_int_eq(writer_reserve_u16(&writer, &inner), 0);
	ck_assert_int_eq(writer_copy(&writer, "xy", 2), 0);
	ck_assert_int_eq(writer_fill_u16(&writer, inner), 0);
	ck_assert_int_eq(writer_fill_u16(&writer, outer), 0);
	ck_assert_mem_eq(out, expected, sizeof(expected));
	ck_assert_int_eq(writer_reserve_u16(&writer, &outer), -ENOBUFS);
}
END_TEST

START_TEST(a_length_past_its_field_is_refused)
{
	static uint8_t out[2 + 65536];
	static const uint8_t zeros[65536];
	struct writer writer;
	size_t mark;

	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(writer_reserve_u16(&writer, &mark), 0);
	ck_assert_int_eq(writer_copy(&writer, zeros, 65535), 0);
	ck_assert_int_eq(writer_fill_u16(&writer, mark), 0);
	ck_assert_uint_eq(out[0], 0xff);
	ck_assert_uint_eq(out[1], 0xff);
	ck_assert_int_eq(writer_copy(&writer, zeros, 1), 0);
	ck_assert_int_eq(writer_fill_u16(&writer, mark), -ERANGE);
	/* A mark that _reserve cannot have given does not reach outside either. */
	ck_assert_int_eq(writer_fill_u16(&writer, writer.len - 1), -ERANGE);
	ck_assert_int_eq(writer_fill_u16(&writer, SIZE_MAX), -ERANGE);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("bytes");

	unit_add(suite, "reading", reads_big_endian);
	unit_add_loop(suite, "short reads", too_short_consumes_and_sets_nothing, 0, 8);
	unit_add(suite, "views", views_and_subs_borrow);
	unit_add(suite, "writing", writes_big_endian);
	unit_add_loop(suite, "short writes", what_does_not_fit_is_not_written, 0, 5);
	unit_add(suite, "copies", copies_respect_the_capacity);
	unit_add(suite, "reserved lengths", reserved_lengths_are_filled);
	unit_add(suite, "long lengths", a_length_past_its_field_is_refused);
	return suite;
}

int main(void)
{
	return unit_run("bytes", suite());
}
