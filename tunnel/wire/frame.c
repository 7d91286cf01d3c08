/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include <stdbool.h>

#include "base/array.h"

struct limits {
	uint32_t min;
	uint32_t max; /* 0: no such type */
};

static const struct limits limits[] = {
	[FRAME_PACKET] = { FRAME_PACKET_MIN, FRAME_PACKET_MAX },
	[FRAME_OFFLOAD] = { FRAME_VNET + FRAME_PACKET_MIN, FRAME_VNET + FRAME_PACKET_MAX },
	[FRAME_CONTROL] = { FRAME_CONTROL_MIN, FRAME_CONTROL_MAX },
};

static bool type_is_known(unsigned type)
{
	return type < ARRAY_SIZE(limits) && limits[type].max > 0;
}

int frame_encode_header(struct writer *writer, enum frame_type type, size_t length)
{
	uint8_t header[FRAME_HEADER] = { (uint8_t)type, (uint8_t)(length >> 16),
		(uint8_t)(length >> 8), (uint8_t)length };

	if (!type_is_known(type) || length < limits[type].min || length > limits[type].max)
		return -ERANGE;
	return writer_copy(writer, header, sizeof(header));
}

/*
 * Judges a header that is not whole. Its bytes may already prove an error: the missing bytes as
 * zeros give the least possible length, as ones the greatest.
 */
static int judge_partial(struct reader stream)
{
	uint32_t least = 0, most = 0;
	uint8_t type;

	if (reader_u8(&stream, &type) < 0)
		return -EAGAIN;
	if (!type_is_known(type))
		return -EPROTONOSUPPORT;
	for (int i = 0; i < FRAME_HEADER - 1; i++) {
		uint8_t byte;
		bool present = reader_u8(&stream, &byte) == 0;

		least = least << 8 | (present ? byte : 0);
		most = most << 8 | (present ? byte : 0xff);
	}
	if (least > limits[type].max || most < limits[type].min)
		return -EMSGSIZE;
	return -EAGAIN;
}

int frame_decode(struct reader *stream, struct frame *ret_frame)
{
	struct reader ahead = *stream;
	struct view payload;
	uint32_t length;
	uint8_t type;

	if (reader_u8(&ahead, &type) < 0 || reader_u24(&ahead, &length) < 0)
		return judge_partial(*stream);
	if (!type_is_known(type))
		return -EPROTONOSUPPORT;
	if (length < limits[type].min || length > limits[type].max)
		return -EMSGSIZE;
	if (reader_view(&ahead, length, &payload) < 0)
		return -EAGAIN;
	*stream = ahead;
	*ret_frame = (struct frame){ .type = (enum frame_type)type, .payload = payload };
	return 0;
}
