/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/framer.h"

#include <errno.h>
#include <string.h>

/*
 * Culvert's own framing (docs/protocol.md). Header and offload header fill the headroom exactly. A
 * packet without an offload header moves down by that header's size; such packets are small.
 * Superpackets never move.
 */

enum { NATIVE_HEADROOM = FRAME_HEADER + FRAME_VNET };

static int append_bare(struct writer *staged, size_t packet_len)
{
	uint8_t *frame = staged->data + staged->len;
	struct writer header;

	memmove(frame + FRAME_HEADER, frame + NATIVE_HEADROOM, packet_len);
	writer_init(&header, frame, FRAME_HEADER);
	int r = frame_encode_header(&header, FRAME_PACKET, packet_len);
	if (r == 0)
		staged->len += FRAME_HEADER + packet_len;
	return r;
}

static int native_append(struct writer *staged, size_t packet_len, const struct vnet *vnet)
{
	if (packet_len > FRAME_PACKET_MAX)
		return -EMSGSIZE;
	if (staged->capacity - staged->len < NATIVE_HEADROOM + packet_len)
		return -ENOBUFS;
	if (vnet_is_plain(vnet))
		return append_bare(staged, packet_len);
	struct writer header;
	writer_init(&header, staged->data + staged->len, NATIVE_HEADROOM);
	int r = frame_encode_header(&header, FRAME_OFFLOAD, FRAME_VNET + packet_len);
	if (r == 0)
		r = vnet_encode(&header, vnet);
	if (r == 0)
		staged->len += NATIVE_HEADROOM + packet_len;
	return r;
}

static int native_append_control(struct writer *staged, const void *message, size_t len)
{
	if (len > FRAME_CONTROL_MAX)
		return -EMSGSIZE;
	if (staged->capacity - staged->len < FRAME_HEADER + len)
		return -ENOBUFS;
	int r = frame_encode_header(staged, FRAME_CONTROL, len);
	return r < 0 ? r : writer_copy(staged, message, len);
}

const struct framer framer_native = {
	.name = "native",
	.packet_max = FRAME_PACKET_MAX,
	.packet_per_record = false,
	.headroom = NATIVE_HEADROOM,
	.append = native_append,
	.append_control = native_append_control,
	.parse = frame_decode,
};
