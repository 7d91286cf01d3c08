/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "unit.h"

/* docs/protocol.md's table of frames. */
static const struct {
	enum frame_type type;
	size_t min, max;
} limits[] = {
	{ FRAME_PACKET, 20, 65535 },
	{ FRAME_OFFLOAD, 30, 65545 },
	{ FRAME_CONTROL, 4, 16384 },
};

enum { TYPES = ARRAY_SIZE(limits) };

static uint8_t payload[1 << 17];

static int decode(const void *data, size_t len, struct frame *frame, size_t *consumed)
{
	struct reader reader;
	int r;

	reader_init(&reader, data, len);
	r = frame_decode(&reader, frame);
	*consumed = reader.at;
	return r;
}

START_TEST(header_bytes_are_as_documented)
{
	static const uint8_t expected[] = { 2, 0x01, 0x00, 0x09 };
	uint8_t out[FRAME_HEADER];
	struct writer writer;

	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(frame_encode_header(&writer, FRAME_OFFLOAD, 65545), 0);
	ck_assert_mem_eq(out, expected, sizeof(expected));
	writer_init(&writer, out, FRAME_HEADER - 1);
	ck_assert_int_eq(frame_encode_header(&writer, FRAME_PACKET, 100), -ENOBUFS);
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

START_TEST(lengths_are_limited_by_type)
{
	size_t lengths[] = { 0, limits[_i].min - 1, limits[_i].min, limits[_i].max,
		limits[_i].max + 1, 0xffffff };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t len = lengths[i], consumed;
		bool good = len >= limits[_i].min && len <= limits[_i].max;
		uint8_t *stream = calloc(1, FRAME_HEADER + sizeof(payload));
		struct frame frame = { .payload = { .len = 77 } };
		struct writer writer;
		uint8_t out[FRAME_HEADER];

		ck_assert_ptr_nonnull(stream);
		writer_init(&writer, out, sizeof(out));
		ck_assert_int_eq(
			frame_encode_header(&writer, limits[_i].type, len), good ? 0 : -ERANGE);
		stream[0] = (uint8_t)limits[_i].type;
		stream[1] = (uint8_t)(len >> 16);
		stream[2] = (uint8_t)(len >> 8);
		stream[3] = (uint8_t)len;
		ck_assert_int_eq(decode(stream, FRAME_HEADER + sizeof(payload), &frame, &consumed),
			good ? 0 : -EMSGSIZE);
		ck_assert_uint_eq(consumed, good ? FRAME_HEADER + len : 0);
		ck_assert_uint_eq(frame.payload.len, good ? len : 77);
		if (good) {
			ck_assert_mem_eq(out, stream, FRAME_HEADER);
			ck_assert_int_eq(frame.type, limits[_i].type);
			ck_assert_ptr_eq(frame.payload.data, stream + FRAME_HEADER);
		}
		free(stream);
	}
	ck_assert_int_eq(
		frame_encode_header(&(struct writer){ 0 }, limits[_i].type, SIZE_MAX), -ERANGE);
}
END_TEST

START_TEST(unknown_types_are_refused_at_the_first_byte)
{
	for (unsigned type = 0; type < 256; type++) {
		uint8_t stream[FRAME_HEADER + 40] = { (uint8_t)type, 0, 0, 40 };
		bool known = type >= 1 && type <= 3;
		struct frame frame;
		struct writer writer;
		uint8_t out[FRAME_HEADER];
		size_t consumed;

		ck_assert_int_eq(decode(stream, sizeof(stream), &frame, &consumed),
			known ? 0 : -EPROTONOSUPPORT);
		ck_assert_int_eq(
			decode(stream, 1, &frame, &consumed), known ? -EAGAIN : -EPROTONOSUPPORT);
		ck_assert_uint_eq(consumed, 0);
		writer_init(&writer, out, sizeof(out));
		ck_assert_int_eq(frame_encode_header(&writer, (enum frame_type)type, 40),
			known ? 0 : -ERANGE);
	}
}
END_TEST

START_TEST(lengths_that_cannot_be_right_are_refused_early)
{
	static const struct {
		uint8_t stream[FRAME_HEADER];
		size_t proven; /* bytes after which the error is told; before: -EAGAIN */
	} cases[] = {
		{ { FRAME_PACKET, 0xff, 0xff, 0xff }, 2 },
		{ { FRAME_PACKET, 0x01, 0x00, 0x00 }, 2 },
		{ { FRAME_PACKET, 0x00, 0x00, 0x13 }, 4 },
		{ { FRAME_PACKET, 0x00, 0x00, 0x00 }, 4 },
		{ { FRAME_OFFLOAD, 0x02, 0x00, 0x00 }, 2 },
		{ { FRAME_OFFLOAD, 0x01, 0x01, 0x00 }, 3 },
		{ { FRAME_OFFLOAD, 0x01, 0x00, 0x0a }, 4 },
		{ { FRAME_CONTROL, 0x01, 0x00, 0x00 }, 2 },
		{ { FRAME_CONTROL, 0x00, 0x41, 0x00 }, 3 },
		{ { FRAME_CONTROL, 0x00, 0x40, 0x01 }, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t there = 0; there <= FRAME_HEADER; there++) {
			struct frame frame;
			size_t consumed;
			int r = decode(cases[i].stream, there, &frame, &consumed);

			ck_assert_msg(r == (there >= cases[i].proven ? -EMSGSIZE : -EAGAIN),
				"case %zu with %zu bytes: %d", i, there, r);
			ck_assert_uint_eq(consumed, 0);
		}
	}
}
END_TEST

/* A stream of one frame of each type. */
static size_t make_stream(uint8_t *out, size_t capacity)
{
	static const size_t sizes[TYPES] = { 20, 33, 17 };
	struct writer writer;

	writer_init(&writer, out, capacity);
	for (size_t i = 0; i < TYPES; i++) {
		ck_assert_int_eq(frame_encode_header(&writer, limits[i].type, sizes[i]), 0);
		ck_assert_int_eq(writer_copy(&writer, payload + i, sizes[i]), 0);
	}
	return writer.len;
}

START_TEST(a_stream_may_be_split_anywhere)
{
	static const size_t sizes[TYPES] = { 20, 33, 17 };
	uint8_t stream[256];
	struct random random = { 7 };
	size_t len;

	random_fill(&random, payload, sizeof(payload));
	len = make_stream(stream, sizeof(stream));
	for (size_t split = 0; split <= len; split++) {
		size_t at = 0, seen = 0;
		size_t ends[2] = { split, len };

		for (size_t part = 0; part < 2; part++) {
			struct frame frame;
			size_t consumed;
			/* An exact copy, so that reading past what has arrived is noticed. */
			uint8_t *copy = malloc(ends[part] - at + 1);

			ck_assert_ptr_nonnull(copy);
			memcpy(copy, stream + at, ends[part] - at);
			for (size_t start = 0;; start += consumed, seen++) {
				int r = decode(
					copy + start, ends[part] - at - start, &frame, &consumed);

				if (r != 0) {
					ck_assert_int_eq(r, -EAGAIN);
					ck_assert_uint_eq(consumed, 0);
					at += start;
					break;
				}
				ck_assert_uint_lt(seen, TYPES);
				ck_assert_int_eq(frame.type, limits[seen].type);
				ck_assert_uint_eq(frame.payload.len, sizes[seen]);
				ck_assert_mem_eq(frame.payload.data, payload + seen, sizes[seen]);
			}
			free(copy);
		}
		ck_assert_uint_eq(seen, TYPES);
		ck_assert_uint_eq(at, len);
	}
}
END_TEST

START_TEST(random_bytes_never_lead_astray)
{
	const int rounds = unit_rounds(200000);
	struct random random = { 42 };

	for (int i = 0; i < rounds; i++) {
		uint8_t bytes[64];
		size_t len = random_below(&random, sizeof(bytes) + 1), consumed;
		struct frame frame;
		int r;

		random_fill(&random, bytes, len);
		if (len > 1 && random_below(&random, 2) == 0) {
			bytes[0] = (uint8_t)(1 + random_below(&random, 3));
			bytes[1] = 0;
		}
		r = decode(bytes, len, &frame, &consumed);
		if (r == 0) {
			ck_assert_uint_eq(consumed, FRAME_HEADER + frame.payload.len);
			ck_assert_uint_le(consumed, len);
		} else {
			ck_assert(r == -EAGAIN || r == -EPROTONOSUPPORT || r == -EMSGSIZE);
			ck_assert_uint_eq(consumed, 0);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("frame");

	unit_add(suite, "header", header_bytes_are_as_documented);
	unit_add_loop(suite, "limits", lengths_are_limited_by_type, 0, TYPES);
	unit_add(suite, "types", unknown_types_are_refused_at_the_first_byte);
	unit_add(suite, "early", lengths_that_cannot_be_right_are_refused_early);
	unit_add(suite, "split", a_stream_may_be_split_anywhere);
	unit_add(suite, "random", random_bytes_never_lead_astray);
	return suite;
}

int main(void)
{
	return unit_run("frame", suite());
}
