/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/framer.h"

#include <errno.h>

#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static const struct framer *const framer = &framer_native;

/* A stage as a lane has it. */
struct stage {
	struct writer writer;
	uint8_t *data;
};

static void stage_open(struct stage *stage, size_t capacity)
{
	stage->data = malloc(capacity);
	ck_assert_ptr_nonnull(stage->data);
	writer_init(&stage->writer, stage->data, capacity);
}

/* Puts a packet behind the headroom, as reading from TUN does, and frames it. */
static int stage_packet(
	struct stage *stage, const uint8_t *packet, size_t len, const struct vnet *vnet)
{
	memcpy(stage->data + stage->writer.len + framer->headroom, packet, len);
	return framer->append(&stage->writer, len, vnet);
}

static const struct vnet plain = { 0 };
static const struct vnet superpacket = {
	.flags = VNET_NEEDS_CSUM,
	.gso_type = VNET_GSO_TCPV4,
	.header_len = 40,
	.gso_size = 1448,
	.csum_start = 20,
	.csum_offset = 16,
};

START_TEST(bare_packet)
{
	/* docs/protocol.md: type 1, length of 3 bytes, the packet. */
	const uint8_t packet[20] = { 0x45, 1, 2, 3 };
	const uint8_t header[] = { 1, 0, 0, 20 };
	struct stage stage;

	stage_open(&stage, 100);
	ck_assert_int_eq(stage_packet(&stage, packet, sizeof(packet), &plain), 0);
	ck_assert_uint_eq(stage.writer.len, 24);
	ck_assert_mem_eq(stage.data, header, 4);
	ck_assert_mem_eq(stage.data + 4, packet, sizeof(packet));
	free(stage.data);
}
END_TEST

START_TEST(offloaded_packet)
{
	/* Type 2, length, struct virtio_net_hdr in little-endian, the packet. */
	const uint8_t packet[30] = { 0x45, 9, 8, 7 };
	const uint8_t header[] = { 2, 0, 0, 40, VNET_NEEDS_CSUM, VNET_GSO_TCPV4, 40, 0, 0xa8, 0x05,
		20, 0, 16, 0 };
	struct stage stage;

	stage_open(&stage, 100);
	ck_assert_int_eq(stage_packet(&stage, packet, sizeof(packet), &superpacket), 0);
	ck_assert_uint_eq(stage.writer.len, sizeof(header) + sizeof(packet));
	ck_assert_mem_eq(stage.data, header, sizeof(header));
	ck_assert_mem_eq(stage.data + sizeof(header), packet, sizeof(packet));
	free(stage.data);
}
END_TEST

/* What only the sender's kernel knows is not worth a header. */
START_TEST(data_valid_goes_bare)
{
	const struct vnet valid = { .flags = VNET_DATA_VALID };
	const uint8_t packet[20] = { 0x45 };
	struct stage stage;

	stage_open(&stage, 100);
	ck_assert_int_eq(stage_packet(&stage, packet, sizeof(packet), &valid), 0);
	ck_assert_uint_eq(stage.data[0], FRAME_PACKET);
	free(stage.data);
}
END_TEST

START_TEST(limits)
{
	size_t capacity = framer->headroom + FRAME_PACKET_MAX + 1;
	uint8_t *packet = calloc(1, FRAME_PACKET_MAX + 1);
	struct stage stage;

	ck_assert_uint_eq(framer->packet_max, FRAME_PACKET_MAX);
	stage_open(&stage, capacity);
	ck_assert_int_eq(stage_packet(&stage, packet, FRAME_PACKET_MAX + 1, &plain), -EMSGSIZE);
	ck_assert_int_eq(
		stage_packet(&stage, packet, FRAME_PACKET_MAX + 1, &superpacket), -EMSGSIZE);
	ck_assert_uint_eq(stage.writer.len, 0);
	ck_assert_int_eq(stage_packet(&stage, packet, FRAME_PACKET_MAX, &superpacket), 0);
	ck_assert_uint_eq(stage.writer.len, FRAME_MAX);
	stage.writer.len = 0;
	ck_assert_int_eq(stage_packet(&stage, packet, FRAME_PACKET_MAX, &plain), 0);
	ck_assert_uint_eq(stage.writer.len, FRAME_HEADER + FRAME_PACKET_MAX);
	free(packet);
	free(stage.data);
}
END_TEST

START_TEST(control)
{
	uint8_t *message = calloc(1, FRAME_CONTROL_MAX + 1);
	const uint8_t header[] = { 3, 0, 0x40, 0 };
	struct stage stage;

	message[0] = 0x77;
	stage_open(&stage, FRAME_HEADER + FRAME_CONTROL_MAX + 8);
	ck_assert_int_eq(
		framer->append_control(&stage.writer, message, FRAME_CONTROL_MAX + 1), -EMSGSIZE);
	ck_assert_int_eq(framer->append_control(&stage.writer, message, FRAME_CONTROL_MAX), 0);
	ck_assert_uint_eq(stage.writer.len, FRAME_HEADER + FRAME_CONTROL_MAX);
	ck_assert_mem_eq(stage.data, header, 4);
	ck_assert_uint_eq(stage.data[4], 0x77);
	/* Eight bytes are left: no room for a header and five. Nothing is half written. */
	ck_assert_int_eq(framer->append_control(&stage.writer, message, 5), -ENOBUFS);
	ck_assert_uint_eq(stage.writer.len, FRAME_HEADER + FRAME_CONTROL_MAX);
	ck_assert_int_eq(framer->append_control(&stage.writer, message, 4), 0);
	free(message);
	free(stage.data);
}
END_TEST

enum { MIXED = 40 };

struct sent {
	enum frame_type type;
	uint8_t bytes[600];
	size_t len;
};

/* Packets with and without offloads and control messages, in a random order. */
static void stage_mixed(struct stage *stage, struct sent *sent)
{
	struct random random = { 3 };

	for (int i = 0; i < MIXED; i++) {
		struct sent *one = &sent[i];
		int r;

		one->len = 20 + random_below(&random, 580);
		random_fill(&random, one->bytes, one->len);
		one->type = (enum frame_type)(1 + random_below(&random, 3));
		if (one->type == FRAME_CONTROL)
			r = framer->append_control(&stage->writer, one->bytes, one->len);
		else
			r = stage_packet(stage, one->bytes, one->len,
				one->type == FRAME_PACKET ? &plain : &superpacket);
		ck_assert_int_eq(r, 0);
	}
}

static void check_frame(const struct frame *frame, const struct sent *sent)
{
	size_t skip = sent->type == FRAME_OFFLOAD ? FRAME_VNET : 0;

	ck_assert_int_eq(frame->type, sent->type);
	ck_assert_uint_eq(frame->payload.len, sent->len + skip);
	ck_assert_mem_eq(frame->payload.data + skip, sent->bytes, sent->len);
}

START_TEST(there_and_back)
{
	struct sent *sent = calloc(MIXED, sizeof(*sent));
	struct stage stage;
	struct reader stream;
	struct frame frame;

	stage_open(&stage, 64 << 10);
	stage_mixed(&stage, sent);
	reader_init(&stream, stage.data, stage.writer.len);
	for (int i = 0; i < MIXED; i++) {
		ck_assert_int_eq(framer->parse(&stream, &frame), 0);
		check_frame(&frame, &sent[i]);
		if (frame.type == FRAME_OFFLOAD) {
			struct reader payload;
			struct vnet vnet;

			reader_init(&payload, frame.payload.data, frame.payload.len);
			ck_assert_int_eq(vnet_decode(&payload, &vnet), 0);
			ck_assert_mem_eq(&vnet, &superpacket, sizeof(vnet));
		}
	}
	ck_assert_uint_eq(reader_left(&stream), 0);
	ck_assert_int_eq(framer->parse(&stream, &frame), -EAGAIN);
	free(sent);
	free(stage.data);
}
END_TEST

/* The stream arrives byte by byte: each frame is there with its last byte and not before. */
START_TEST(every_boundary)
{
	struct sent *sent = calloc(MIXED, sizeof(*sent));
	struct stage stage;
	size_t start = 0;
	int frames = 0;

	stage_open(&stage, 64 << 10);
	stage_mixed(&stage, sent);
	for (size_t end = 0; end <= stage.writer.len; end++) {
		struct reader stream;
		struct frame frame;
		int r;

		reader_init(&stream, stage.data + start, end - start);
		r = framer->parse(&stream, &frame);
		if (r == -EAGAIN) {
			ck_assert_uint_eq(stream.at, 0);
			continue;
		}
		ck_assert_int_eq(r, 0);
		ck_assert_uint_eq(reader_left(&stream), 0);
		check_frame(&frame, &sent[frames++]);
		start = end;
	}
	ck_assert_int_eq(frames, MIXED);
	free(sent);
	free(stage.data);
}
END_TEST

START_TEST(broken_streams)
{
	static const struct {
		uint8_t bytes[4];
		int error;
	} cases[] = {
		{ { 0, 0, 0, 20 }, -EPROTONOSUPPORT },
		{ { 4, 0, 0, 20 }, -EPROTONOSUPPORT },
		{ { 255, 0, 0, 20 }, -EPROTONOSUPPORT },
		{ { FRAME_PACKET, 0, 0, 0 }, -EMSGSIZE },
		{ { FRAME_PACKET, 1, 0, 0 }, -EMSGSIZE },
		{ { FRAME_OFFLOAD, 0, 0, 10 }, -EMSGSIZE },
		{ { FRAME_CONTROL, 0, 0x40, 1 }, -EMSGSIZE },
		{ { FRAME_CONTROL, 0, 0, 0 }, -EMSGSIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reader stream;
		struct frame frame;

		reader_init(&stream, cases[i].bytes, 4);
		ck_assert_msg(framer->parse(&stream, &frame) == cases[i].error, "case %zu", i);
		ck_assert_uint_eq(stream.at, 0);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("framer");

	unit_add(s, "bare_packet", bare_packet);
	unit_add(s, "offloaded_packet", offloaded_packet);
	unit_add(s, "data_valid_goes_bare", data_valid_goes_bare);
	unit_add(s, "limits", limits);
	unit_add(s, "control", control);
	unit_add(s, "there_and_back", there_and_back);
	unit_add(s, "every_boundary", every_boundary);
	unit_add(s, "broken_streams", broken_streams);
	return s;
}

int main(void)
{
	return unit_run("framer", suite());
}
