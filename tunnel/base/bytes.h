/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_BYTES_H
#define CULVERT_BASE_BYTES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The one checked reader and the one checked writer of bytes. Every parser and every encoder goes
 * through them; none does pointer arithmetic of its own. Integers are big-endian unless the name
 * says le. Both borrow the memory they are given. Not thread-safe; one owner each.
 *
 * What the path of a packet needs is inline: two of these calls a field would cost more than the
 * field.
 */

struct view { /* borrowed bytes */
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

/* All that follow: -EBADMSG when fewer bytes are left than asked for; nothing is consumed then. */

/* Borrows: the view lives as long as the reader's memory. */
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
/* A reader of the next `len` bytes, which this one then stands behind. */
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
 * All that follow: -ENOBUFS when it does not fit, -ERANGE when the value has more bits than the
 * field; nothing is written then.
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
 * Leaves room for a u16 length; the matching _fill writes how many bytes have come since.
 * _fill: -ERANGE when they are too many for the field. `mark` is what _reserve gave for this
 * writer.
 */
int writer_reserve_u16(struct writer *writer, size_t *ret_mark);
int writer_fill_u16(struct writer *writer, size_t mark);

#endif
