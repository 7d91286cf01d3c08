/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/field.h"

#include <errno.h>
#include <string.h>

/* ---- scalars ---- */

void field_put_number(struct field_writer *out, size_t size, uint64_t value)
{
	int r = size == 1   ? writer_u8(&out->writer, value)
		: size == 2 ? writer_u16(&out->writer, value)
			    : writer_u32(&out->writer, value);

	if (out->error == 0)
		out->error = r;
}

void field_put_bytes(struct field_writer *out, const void *bytes, size_t len)
{
	int r = writer_copy(&out->writer, bytes, len);

	if (out->error == 0)
		out->error = r;
}

void field_get_bytes(struct field_reader *in, void *bytes, size_t len)
{
	if (in->error == 0)
		in->error = reader_copy(&in->reader, bytes, len);
}

uint8_t field_get_u8(struct field_reader *in)
{
	uint8_t value = 0;

	if (in->error == 0)
		in->error = reader_u8(&in->reader, &value);
	return value;
}

uint16_t field_get_u16(struct field_reader *in)
{
	uint16_t value = 0;

	if (in->error == 0)
		in->error = reader_u16(&in->reader, &value);
	return value;
}

uint32_t field_get_u32(struct field_reader *in)
{
	uint32_t value = 0;

	if (in->error == 0)
		in->error = reader_u32(&in->reader, &value);
	return value;
}

bool field_get_bool(struct field_reader *in)
{
	uint8_t value = field_get_u8(in);

	if (in->error == 0 && value > 1)
		in->error = -EINVAL;
	return value == 1;
}

uint16_t field_get_count(struct field_reader *in, uint16_t max)
{
	uint16_t count = field_get_u16(in);

	if (in->error == 0 && count > max)
		in->error = -EINVAL;
	return in->error == 0 ? count : 0;
}

/* ---- texts ---- */

void field_put_text(struct field_writer *out, const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	int r = len == size ? -EINVAL : 0;

	field_put_number(out, 2, len);
	if (r == 0)
		r = writer_copy(&out->writer, text, len);
	if (out->error == 0)
		out->error = r;
}

void field_get_text(struct field_reader *in, char *text, size_t size)
{
	uint16_t len = field_get_count(in, (uint16_t)(size - 1));

	if (in->error == 0)
		in->error = reader_copy(&in->reader, text, len);
	if (in->error == 0 && memchr(text, 0, len))
		in->error = -EINVAL;
	text[len] = '\0';
}

/* ---- addresses ---- */

void field_put_family(struct field_writer *out, uint8_t family)
{
	field_put_number(out, 1, family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0);
}

uint8_t field_get_family(struct field_reader *in)
{
	uint8_t family = field_get_u8(in);

	if (in->error == 0 && family != 0 && family != 4 && family != 6)
		in->error = -EINVAL;
	return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

void field_put_addr(struct field_writer *out, const struct addr *addr)
{
	field_put_family(out, addr->family);
	field_put_bytes(out, addr->bytes, addr_size(addr));
}

void field_get_addr(struct field_reader *in, struct addr *addr)
{
	*addr = (struct addr){ .family = field_get_family(in) };
	field_get_bytes(in, addr->bytes, addr_size(addr));
}
