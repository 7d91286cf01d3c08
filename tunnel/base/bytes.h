/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_BYTES_H
#define CULVERT_BASE_BYTES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The checked reader and the checked writer of bytes. Every parser and every encoder uses them, and
 * none does pointer arithmetic of its own. Integers are big-endian unless the name has "le". Both
 * borrow the memory that they are given. One owner each; not thread-safe.
 *
 * Calls on a packet's path are inline: two function calls a field would cost more than the field.
 */

/* Borrowed bytes. */
struct view {
	const uint8_t *data;
	size_t len;
};

struct reader {
	const uint8_t *data;
	size_t len;
	size_t at; /* invariant: at <= len */
};

static inline void reader_init(struct reader *reader, const void *data, size_t len)
{
	*reader = (struct reader){ .data = data, .len = len };
}

static inline size_t reader_left(const struct reader *reader)
{
	return reader->len - reader->at;
}

/*
 * The readers below return -EBADMSG if fewer bytes are left than they need, and then consume
 * nothing.
 */

/* The view borrows the reader's memory. */
static inline int reader_view(struct reader *reader, size_t len, struct view *ret_view)
{
	if (reader_left(reader) < len)
		return -EBADMSG;
	*ret_view = (struct view){ .data = reader->data + reader->at, .len = len };
	reader->at += len;
	return 0;
}

static inline int reader_u8(struct reader *reader, uint8_t *ret_value)
{
	if (reader_left(reader) < 1)
		return -EBADMSG;
	*ret_value = reader->data[reader->at++];
	return 0;
}

static inline int reader_u16(struct reader *reader, uint16_t *ret_value)
{
	struct view view;

	if (reader_view(reader, 2, &view) < 0)
		return -EBADMSG;
	*ret_value = (uint16_t)(view.data[0] << 8 | view.data[1]);
	return 0;
}

static inline int reader_u24(struct reader *reader, uint32_t *ret_value)
{
	struct view view;

	if (reader_view(reader, 3, &view) < 0)
		return -EBADMSG;
	*ret_value = (uint32_t)view.data[0] << 16 | (uint32_t)view.data[1] << 8 | view.data[2];
	return 0;
}

static inline int reader_u32(struct reader *reader, uint32_t *ret_value)
{
	struct view view;

	if (reader_view(reader, 4, &view) < 0)
		return -EBADMSG;
	*ret_value = (uint32_t)view.data[0] << 24 | (uint32_t)view.data[1] << 16 |
		(uint32_t)view.data[2] << 8 | view.data[3];
	return 0;
}

static inline int reader_le16(struct reader *reader, uint16_t *ret_value)
{
	struct view view;

	if (reader_view(reader, 2, &view) < 0)
		return -EBADMSG;
	*ret_value = (uint16_t)(view.data[1] << 8 | view.data[0]);
	return 0;
}

int reader_copy(struct reader *reader, void *ret_bytes, size_t len);
/* Makes a reader of the next `len` bytes and moves this reader past them. */
int reader_sub(struct reader *reader, size_t len, struct reader *ret_sub);

struct writer {
	uint8_t *data;
	size_t capacity;
	size_t len; /* invariant: len <= capacity */
};

static inline void writer_init(struct writer *writer, void *data, size_t capacity)
{
	*writer = (struct writer){ .data = data, .capacity = capacity };
}

static inline size_t writer_left(const struct writer *writer)
{
	return writer->capacity - writer->len;
}

/*
 * The writers below return -ENOBUFS if the value does not fit, and -ERANGE if it has more bits than
 * the field. They then write nothing.
 */

static inline int writer_copy(struct writer *writer, const void *bytes, size_t len)
{
	if (writer_left(writer) < len)
		return -ENOBUFS;
	if (len > 0)
		memcpy(writer->data + writer->len, bytes, len);
	writer->len += len;
	return 0;
}

static inline int writer_u8(struct writer *writer, uint64_t value)
{
	uint8_t bytes[1] = { (uint8_t)value };

	return value > UINT8_MAX ? -ERANGE : writer_copy(writer, bytes, sizeof(bytes));
}

static inline int writer_u16(struct writer *writer, uint64_t value)
{
	uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	return value > UINT16_MAX ? -ERANGE : writer_copy(writer, bytes, sizeof(bytes));
}

static inline int writer_u24(struct writer *writer, uint64_t value)
{
	uint8_t bytes[3] = { (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };

	return value > 0xffffff ? -ERANGE : writer_copy(writer, bytes, sizeof(bytes));
}

static inline int writer_le16(struct writer *writer, uint64_t value)
{
	uint8_t bytes[2] = { (uint8_t)value, (uint8_t)(value >> 8) };

	return value > UINT16_MAX ? -ERANGE : writer_copy(writer, bytes, sizeof(bytes));
}

int writer_u32(struct writer *writer, uint64_t value);

/*
 * writer_reserve_u16() leaves room for a length. writer_fill_u16() then writes there how many bytes
 * followed. `mark` comes from writer_reserve_u16() for the same writer. _fill: -ERANGE: the length
 * does not fit the field, or `mark` is not inside the writer.
 */
int writer_reserve_u16(struct writer *writer, size_t *ret_mark);
int writer_fill_u16(struct writer *writer, size_t mark);

#endif
