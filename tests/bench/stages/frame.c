/* SPDX-License-Identifier: Apache-2.0 */
/* The native framer: packets and control messages into frames, and frames out of a stream. */
#include <string.h>

#include "base/array.h"
#include "lane/framer.h"
#include "samples.h"
#include "stage.h"

static uint8_t memory[FRAME_MAX];
static size_t packet_len;
static struct vnet vnet;

/*
 * Puts the packet where it is read to, with room for its headers before it. `size` other than 0:
 * without offload header, cut to that size.
 */
static void prepare_append(const struct stage *stage, size_t count)
{
	struct sample_packet packet = sample_packet((enum sample_kind)stage->kind);

	(void)count;
	packet_len = stage->size > 0 ? stage->size : packet.len;
	vnet = stage->size > 0 ? (struct vnet){ 0 } : packet.vnet;
	memcpy(memory + framer_native.headroom, packet.data, packet_len);
}

static void run_append(size_t count)
{
	struct writer staged;
	int r = 0;

	writer_init(&staged, memory, sizeof(memory));
	for (size_t i = 0; i < count; i++) {
		staged.len = 0;
		r |= framer_native.append(&staged, packet_len, &vnet);
	}
	stage_require(r == 0 && staged.len > packet_len, "a packet is framed");
}

static size_t frame_len;

static void prepare_parse(const struct stage *stage, size_t count)
{
	struct writer staged;

	prepare_append(stage, count);
	writer_init(&staged, memory, sizeof(memory));
	stage_require(framer_native.append(&staged, packet_len, &vnet) == 0, "a frame is made");
	frame_len = staged.len;
}

/* Takes a frame up to its packet, like lane/lane_receive.c. */
static void run_parse(size_t count)
{
	struct frame frame = { 0 };
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		struct reader stream, payload;

		reader_init(&stream, memory, frame_len);
		r |= framer_native.parse(&stream, &frame);
		if (frame.type != FRAME_OFFLOAD)
			continue;
		reader_init(&payload, frame.payload.data, frame.payload.len);
		r |= vnet_decode(&payload, &vnet);
	}
	stage_require(r == 0 && frame.payload.len >= packet_len, "a frame is taken apart");
}

static void run_control(size_t count)
{
	static const uint8_t message[16] = { 0, 8, 0, 12 };
	struct writer staged;
	int r = 0;

	writer_init(&staged, memory, sizeof(memory));
	for (size_t i = 0; i < count; i++) {
		staged.len = 0;
		r |= framer_native.append_control(&staged, message, sizeof(message));
	}
	stage_require(
		r == 0 && staged.len == FRAME_HEADER + sizeof(message), "a message is framed");
}

static void prepare_nothing(const struct stage *stage, size_t count)
{
	(void)stage;
	(void)count;
}

static const struct stage stages[] = {
	{ "frame-append-bare", "a packet of 1,400 bytes, which moves to its header", false,
		prepare_append, run_append, NULL, SAMPLE_V4, 1400 },
	{ "frame-append-offload", "a superpacket with its offload header", false, prepare_append,
		run_append, NULL, SAMPLE_SUPER, 0 },
	{ "frame-append-control", "a control message of 16 bytes", false, prepare_nothing,
		run_control, NULL, 0, 0 },
	{ "frame-parse-bare", "a frame with a packet of 1,400 bytes", false, prepare_parse,
		run_parse, NULL, SAMPLE_V4, 1400 },
	{ "frame-parse-offload", "a frame with a superpacket, and its offload header", false,
		prepare_parse, run_parse, NULL, SAMPLE_SUPER, 0 },
};

const struct stage_group frame_stages = { stages, ARRAY_SIZE(stages) };
