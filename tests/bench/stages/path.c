/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet's whole way through both ends, as in lane/lane_tun.c, lane_send.c and lane_receive.c,
 * without the kernel's part. The stage has TUN's packet, the other end is fed what goes to the
 * socket, and TUN's end is a header. Other stages do only the checks and counters of it. The
 * kernel's work comes on top, so the real share of the checks is smaller.
 */
#include <string.h>

#include "base/array.h"
#include "connection.h"
#include "lane/counters.h"
#include "lane/framer.h"
#include "lane/outflow.h"
#include "lane/filter.h"
#include "lane/worker.h"
#include "samples.h"
#include "stage.h"

enum { BURST_PACKETS = 64 };

static struct connection connection;
static struct sample_packet sample;
static struct filter *sender, *receiver;
static struct lane_counters sent, received;
static uint8_t stage_memory[WORKER_STAGE_SIZE], plain[WORKER_PLAIN_SIZE];

static struct filter *make_reach(const char *theirs, const char *ours)
{
	struct prefix prefixes[2];
	struct filter *filter = NULL;

	stage_require(prefix_parse(theirs, &prefixes[0]) == 0 &&
			prefix_parse(ours, &prefixes[1]) == 0 &&
			filter_new(&prefixes[0], 1, &prefixes[1], 1, &filter) == 0,
		"prefixes are taken");
	return filter;
}

static void prepare_checks(const struct stage *stage, size_t count)
{
	(void)count;
	sample = sample_packet((enum sample_kind)stage->kind);
	sender = make_reach("10.99.0.0/16", "10.98.0.0/16");
	receiver = make_reach("10.98.0.0/16", "10.99.0.0/16");
}

static bool passes_out(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct packet packet;

	return packet_parse(data, len, &packet) == 0 && !packet_is_local_noise(&packet) &&
		(vnet_offloads(vnet) & ~(uint32_t)OFFLOAD_ALL) == 0 &&
		filter_judge_out(sender, &packet, data) == FILTER_PASS &&
		vnet_is_outermost(vnet, &packet);
}

static bool passes_in(const uint8_t *data, size_t len, struct vnet *vnet)
{
	struct packet packet;

	return packet_parse(data, len, &packet) == 0 && !packet_is_local_noise(&packet) &&
		filter_judge_in(receiver, &packet, data) == FILTER_PASS &&
		vnet_check(vnet, &packet, data, OFFLOAD_ALL) == 0;
}

static void count_out(size_t len)
{
	counter_add(&sent.out_packets, 1);
	counter_add(&sent.out_bytes, len);
}

static void count_in(size_t len)
{
	counter_add(&received.in_packets, 1);
	counter_add(&received.in_bytes, len);
}

static void run_checks(size_t count)
{
	bool passed = true;

	for (size_t i = 0; i < count; i++) {
		struct vnet vnet = sample.vnet;

		passed &= passes_out(sample.data, sample.len, &vnet);
		count_out(sample.len);
		passed &= passes_in(sample.data, sample.len, &vnet);
		count_in(sample.len);
	}
	stage_require(passed, "the packet passes");
}

static void finish_checks(void)
{
	filter_unref(sender);
	filter_unref(receiver);
}

/* ---- the whole way ---- */

/*
 * Framing does not move a packet with an offload header, so the stage can send its packets again.
 */
static void prepare(const struct stage *stage, size_t count)
{
	size_t step = framer_native.headroom + sample_packet((enum sample_kind)stage->kind).len;

	prepare_checks(stage, count);
	connection_open(&connection, WORKER_OUTPUT_SIZE);
	for (size_t at = 0; at + step <= sizeof(stage_memory); at += step) {
		struct writer header;

		memcpy(stage_memory + at + framer_native.headroom, sample.data, sample.len);
		writer_init(&header, stage_memory + at + FRAME_HEADER, VNET_SIZE);
		stage_require(vnet_encode(&header, &sample.vnet) == 0, "TUN gives a header");
	}
}

/* Sends a burst like lane_tun.c. Returns the number of encrypted packets. */
static size_t send_burst(size_t count)
{
	struct writer staged;
	size_t packets = 0;

	writer_init(&staged, stage_memory, sizeof(stage_memory));
	while (packets < count && packets < BURST_PACKETS && staged.len < OUTFLOW_AHEAD_MOST &&
		staged.capacity - staged.len >= FRAME_MAX) {
		uint8_t *at = staged.data + staged.len + framer_native.headroom;
		struct reader header;
		struct vnet vnet;

		reader_init(&header, at - VNET_SIZE, VNET_SIZE);
		stage_require(vnet_decode(&header, &vnet) == 0 && passes_out(at, sample.len, &vnet),
			"the packet may leave");
		stage_require(framer_native.append(&staged, sample.len, &vnet) == 0,
			"the packet is framed");
		count_out(sample.len);
		packets++;
	}
	connection.output.len = 0;
	stage_require(
		tls_write(connection.client, staged.data, staged.len) == 0, "it is encrypted");
	counter_add(&sent.sent_bytes, connection.output.len);
	return packets;
}

static void take_frame(const struct frame *frame)
{
	uint8_t to_tun[VNET_SIZE];
	struct writer header;
	struct reader reader;
	struct view packet = { 0 };
	struct vnet vnet;

	reader_init(&reader, frame->payload.data, frame->payload.len);
	stage_require(vnet_decode(&reader, &vnet) == 0 &&
			reader_view(&reader, reader_left(&reader), &packet) == 0 &&
			passes_in(packet.data, packet.len, &vnet),
		"the packet may enter");
	writer_init(&header, to_tun, sizeof(to_tun));
	stage_require(vnet_encode(&header, &vnet) == 0, "TUN gets a header");
	count_in(packet.len);
}

/* Receives like lane_receive.c. Returns the number of packets. */
static size_t receive_burst(void)
{
	struct problem problem = { 0 };
	size_t len = 0, got, packets = 0;
	struct frame frame;

	counter_add(&received.received_bytes, connection.output.len);
	tls_feed(connection.server, connection.output.data, connection.output.len);
	while (tls_read(connection.server, plain + len, sizeof(plain) - len, &got, &problem) == 0) {
		struct reader stream;

		len += got;
		reader_init(&stream, plain, len);
		for (; framer_native.parse(&stream, &frame) == 0; packets++)
			take_frame(&frame);
		len = reader_left(&stream);
		memmove(plain, plain + stream.at, len);
	}
	return packets;
}

static void run(size_t count)
{
	while (count > 0) {
		size_t packets = send_burst(count);

		stage_require(receive_burst() == packets, "all that left arrives");
		count -= packets;
	}
}

static void finish(void)
{
	connection_close(&connection);
	finish_checks();
}

static const struct stage stages[] = {
	{ "checks-52", "an acknowledgement's checks and counters, at both ends", false,
		prepare_checks, run_checks, finish_checks, SAMPLE_ACK, 0 },
	{ "checks-1400", "the same of a packet of 1,400 bytes", false, prepare_checks, run_checks,
		finish_checks, SAMPLE_V4, 0 },
	{ "checks-super", "the same of a superpacket", false, prepare_checks, run_checks,
		finish_checks, SAMPLE_SUPER, 0 },
	{ "path-52", "an acknowledgement, in bursts of 64", true, prepare, run, finish, SAMPLE_ACK,
		0 },
	{ "path-1400", "a packet of 1,400 bytes, in bursts of 64", true, prepare, run, finish,
		SAMPLE_V4, 0 },
	{ "path-super", "a superpacket, in bursts of 2", true, prepare, run, finish, SAMPLE_SUPER,
		0 },
};

const struct stage_group path_stages = { stages, ARRAY_SIZE(stages) };
