/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/request_field.h"

#include <errno.h>
#include <string.h>

/* ---- members in memory ---- */

static const void *member(const void *body, size_t offset)
{
	return (const uint8_t *)body + offset;
}

static void *member_of(void *body, size_t offset)
{
	return (uint8_t *)body + offset;
}

/* ---- one value ---- */

static void put_value(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_writer *out, const struct request_field *field, const void *at)
{
	const struct prefix *prefix = at;

	switch (field->kind) {
	case REQUEST_FIELD_NUMBER:
		field_put_number(out, field->size, field_load(at, field->size));
		break;
	case REQUEST_FIELD_BOOL:
		field_put_number(out, 1, *(const bool *)at);
		break;
	case REQUEST_FIELD_BYTES:
		field_put_bytes(out, at, field->size);
		break;
	case REQUEST_FIELD_TEXT:
		field_put_text(out, at, field->size);
		break;
	case REQUEST_FIELD_FAMILY:
		field_put_family(out, *(const uint8_t *)at);
		break;
	case REQUEST_FIELD_ADDR:
		field_put_addr(out, at);
		break;
	case REQUEST_FIELD_PREFIX:
		field_put_addr(out, &prefix->addr);
		field_put_number(out, 1, prefix->len);
		break;
	case REQUEST_FIELD_GROUP:
		request_field_put(out, field->rows, field->row_count, at);
		break;
	}
}

static uint64_t get_number(struct field_reader *in, size_t size)
{
	return size == 1 ? field_get_u8(in) : size == 2 ? field_get_u16(in) : field_get_u32(in);
}

static void get_value(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_reader *in, const struct request_field *field, void *at)
{
	struct prefix *prefix = at;

	switch (field->kind) {
	case REQUEST_FIELD_NUMBER:
		field_store(at, field->size, get_number(in, field->size));
		break;
	case REQUEST_FIELD_BOOL:
		*(bool *)at = field_get_bool(in);
		break;
	case REQUEST_FIELD_BYTES:
		field_get_bytes(in, at, field->size);
		break;
	case REQUEST_FIELD_TEXT:
		field_get_text(in, at, field->size);
		break;
	case REQUEST_FIELD_FAMILY:
		*(uint8_t *)at = field_get_family(in);
		break;
	case REQUEST_FIELD_ADDR:
		field_get_addr(in, at);
		break;
	case REQUEST_FIELD_PREFIX:
		field_get_addr(in, &prefix->addr);
		prefix->len = field_get_u8(in);
		break;
	case REQUEST_FIELD_GROUP:
		request_field_get(in, field->rows, field->row_count, at);
		break;
	}
}

/* ---- lists ---- */

static void put_list(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_writer *out, const struct request_field *field, const void *body)
{
	uint64_t count = field_load(member(body, field->count_offset), field->count_size);

	if (count > field->limit) {
		if (out->error == 0)
			out->error = -EINVAL;
		return;
	}
	field_put_number(out, 2, count);
	for (size_t i = 0; i < count; i++)
		put_value(out, field, member(body, field->offset + i * field->size));
}

static void get_list(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_reader *in, const struct request_field *field, void *body)
{
	uint16_t count = field_get_count(in, field->limit);

	field_store(member_of(body, field->count_offset), field->count_size, count);
	for (size_t i = 0; i < count; i++)
		get_value(in, field, member_of(body, field->offset + i * field->size));
}

/* ---- all rows ---- */

void request_field_put(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_writer *out, const struct request_field *rows, size_t count, const void *body)
{
	for (size_t i = 0; i < count; i++) {
		const struct request_field *field = &rows[i];
		const void *at = member(body, field->offset);

		if (field->limit > 0)
			put_list(out, field, body);
		else
			put_value(out, field, at);
		if (field->gate && field_load(at, field->size) == 0)
			break;
	}
}

void request_field_get(/* NOLINT(misc-no-recursion): as deep as the tables are */
	struct field_reader *in, const struct request_field *rows, size_t count, void *body)
{
	for (size_t i = 0; i < count; i++) {
		const struct request_field *field = &rows[i];
		void *at = member_of(body, field->offset);

		if (field->limit > 0)
			get_list(in, field, body);
		else
			get_value(in, field, at);
		if (field->gate && field_load(at, field->size) == 0)
			break;
	}
}
