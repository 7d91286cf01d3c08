/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's and writer's calls that no packet waits for. The others are inline in the header. */
#include "base/bytes.h"

int reader_copy(struct reader *reader, void *ret_bytes, size_t len)
{
	struct view view;

	if (reader_view(reader, len, &view) < 0)
		return -EBADMSG;
	if (len > 0)
		memcpy(ret_bytes, view.data, len);
	return 0;
}

int reader_sub(struct reader *reader, size_t len, struct reader *ret_sub)
{
	struct view view;

	if (reader_view(reader, len, &view) < 0)
		return -EBADMSG;
	reader_init(ret_sub, view.data, view.len);
	return 0;
}

static void put_big_endian(uint8_t *out, size_t size, uint64_t value)
{
	for (size_t i = size; i > 0; i--) {
		out[i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

int writer_u32(struct writer *writer, uint64_t value)
{
	uint8_t bytes[4];

	if (value > UINT32_MAX)
		return -ERANGE;
	put_big_endian(bytes, sizeof(bytes), value);
	return writer_copy(writer, bytes, sizeof(bytes));
}

int writer_reserve_u16(struct writer *writer, size_t *ret_mark)
{
	size_t mark = writer->len;
	int r = writer_u16(writer, 0);

	if (r < 0)
		return r;
	*ret_mark = mark;
	return 0;
}

int writer_fill_u16(struct writer *writer, size_t mark)
{
	size_t come;

	if (mark > writer->len || writer->len - mark < 2)
		return -ERANGE;
	come = writer->len - mark - 2;
	if (come > UINT16_MAX)
		return -ERANGE;
	put_big_endian(writer->data + mark, 2, come);
	return 0;
}
