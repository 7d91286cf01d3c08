/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_REQUEST_FIELD_H
#define CULVERT_WIRE_REQUEST_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/field.h"

/*
 * The bodies of requests as rows. Each row of request.c's tables is one member, in the order of the
 * bytes. Encoder and decoder walk the same rows, so they cannot differ. Only request.c includes it.
 */

enum request_field_kind {
	REQUEST_FIELD_NUMBER, /* unsigned, big-endian, as wide as the member: 1, 2 or 4 bytes */
	REQUEST_FIELD_BOOL,   /* one byte, 0 or 1 */
	REQUEST_FIELD_BYTES,  /* exactly `size` of them */
	REQUEST_FIELD_TEXT, /* char[size]: length (u16), then at most size - 1 bytes, none of them NUL */
	REQUEST_FIELD_FAMILY, /* uint8_t: AF_INET, AF_INET6 or AF_UNSPEC */
	REQUEST_FIELD_ADDR,   /* struct addr */
	REQUEST_FIELD_PREFIX, /* struct prefix */
	REQUEST_FIELD_GROUP,  /* a struct with rows of its own */
};

struct request_field {
	enum request_field_kind kind;
	size_t offset; /* of the member, or of a list's first item */
	size_t size;   /* of the member, or of one item */
	/* A list: its length (u16) comes first, then the items. `limit` 0: not a list. */
	uint16_t limit;
	size_t count_offset, count_size; /* of the member with the list's length: 1, 2 or 8 bytes */
	bool gate;                       /* a NUMBER or BOOL: the value 0 omits all later rows */
	/* GROUP: the offsets of these rows are relative to the group. */
	const struct request_field *rows;
	size_t row_count;
};

/*
 * Writes the members of `body`, to which the offsets refer. Errors go to the writer: -EINVAL for a
 * list past its limit or an unterminated text, -ENOBUFS if there is no room.
 */
void request_field_put(
	struct field_writer *out, const struct request_field *rows, size_t count, const void *body);

/*
 * Reads the members into a zeroed body. Errors go to the reader: -EINVAL for a value that is not
 * allowed, -EBADMSG at the end of the data.
 */
void request_field_get(
	struct field_reader *in, const struct request_field *rows, size_t count, void *body);

#endif
