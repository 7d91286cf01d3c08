/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building, taking apart, encoding and decoding control messages for the tests of message.c and
 * message_field.c. One buffer serves all: what encode() or build() left in it is gone with the
 * next.
 */
#ifndef CULVERT_TESTS_UNIT_MESSAGE_TOOLS_H
#define CULVERT_TESTS_UNIT_MESSAGE_TOOLS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "message_samples.h"
#include "unit.h"
#include "wire/frame.h"
#include "wire/message.h"

static uint8_t buffer[FRAME_CONTROL_MAX + 16];

/* Decodes from a copy of exactly that size, so that reading past it is noticed. */
static inline int decode(const void *data, size_t len, struct message *message)
{
	struct problem problem = { .text = "" };
	uint8_t *copy = malloc(len + 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, data, len);
	r = message_decode(copy, len, message, &problem);
	ck_assert_int_eq(r < 0, problem.text[0] != '\0');
	free(copy);
	return r;
}

static inline struct message sample(enum message_type type)
{
	struct message message;

	ck_assert_int_eq(
		decode(message_samples[type - 1].data, message_samples[type - 1].len, &message), 0);
	return message;
}

static inline int encode(const struct message *message, size_t *ret_len)
{
	struct writer writer;
	int r;

	writer_init(&writer, buffer, sizeof(buffer));
	r = message_encode(&writer, message);
	ck_assert(r == 0 || writer.len == 0);
	*ret_len = writer.len;
	return r;
}

static inline int encode_only(const struct message *message)
{
	size_t len;

	return encode(message, &len);
}

/* A message under construction: fields are appended, build_done() writes the length. */
static inline struct writer build(uint16_t type)
{
	struct writer writer;

	writer_init(&writer, buffer, sizeof(buffer));
	ck_assert_int_eq(writer_u16(&writer, type), 0);
	ck_assert_int_eq(writer_u16(&writer, 0), 0);
	return writer;
}

static inline void build_field(
	struct writer *writer, uint16_t number, const void *value, size_t len)
{
	ck_assert_int_eq(writer_u16(writer, number), 0);
	ck_assert_int_eq(writer_u16(writer, len), 0);
	ck_assert_int_eq(writer_copy(writer, value, len), 0);
}

static inline int build_done(struct writer *writer, struct message *message)
{
	ck_assert_int_eq(writer_fill_u16(writer, 2), 0);
	return decode(buffer, writer->len, message);
}

/* One field of a sample, found by walking it. */
struct part {
	uint16_t number;
	struct view value;
	size_t at; /* of its header in the payload */
};

static inline size_t split(const struct message_sample *from, struct part *parts, size_t max)
{
	struct reader reader;
	size_t count = 0;
	uint16_t len;

	reader_init(&reader, from->data, from->len);
	reader.at = 4;
	while (reader_left(&reader) > 0) {
		ck_assert_uint_lt(count, max);
		parts[count].at = reader.at;
		ck_assert_int_eq(reader_u16(&reader, &parts[count].number), 0);
		ck_assert_int_eq(reader_u16(&reader, &len), 0);
		ck_assert_int_eq(reader_view(&reader, len, &parts[count].value), 0);
		count++;
	}
	return count;
}

enum { PARTS_MAX = 32 };

#endif
