/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random flows of superpackets, and a lane that has only its way to TUN. The tests of cutting and
 * gathering share them. Each packet lies in memory of its exact size until its burst ends, so the
 * sanitizers notice an access outside it, or after it.
 */
#ifndef CULVERT_TESTS_UNIT_RANDOM_FLOWS_H
#define CULVERT_TESTS_UNIT_RANDOM_FLOWS_H

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "lane/lane_internal.h"
#include "lane/worker.h"
#include "superpacket_sample.h"
#include "unit.h"

enum {
	FIN = 0x01,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,

	PENDING_MAX = 64,
	BURST_MAX = 256,
	TUN_MAX = 8 << 20, /* bytes that one burst writes, at most */
};

/* ---- what is sent ---- */

struct sent { /* a frame's packet, in memory of its exact size */
	uint8_t *data;
	size_t len;
	struct vnet vnet;
};

struct test_flow {
	struct sample sample; /* of its next superpacket */
	uint16_t port;
	struct sent pending[PENDING_MAX];
	size_t count, next;
};

static struct random master;

static inline bool one_in(size_t n)
{
	return random_below(&master, n) == 0;
}

static inline void begin_flow(struct test_flow *flow, uint16_t port)
{
	static const uint16_t sizes[] = { 1, 7, 100, 536, 1447, 1448, 9001 };
	static const uint8_t flags[] = { ACK, ACK, ACK, ACK | PSH, ACK | ECE };

	flow->port = port;
	flow->sample = (struct sample){
		.v6 = one_in(2),
		.udp = one_in(6),
		.df = one_in(2),
		.words = one_in(6) ? 7 : 5,
		.tcp = (uint8_t)(one_in(2) ? 8 : 5 + random_below(&master, 11)),
		.flags = flags[random_below(&master, sizeof(flags))],
		.id = (uint16_t)(one_in(3) ? 0xfff0 : random_next(&master)),
		.number = (uint32_t)(one_in(3) ? 0xffffc000 : random_next(&master)),
		.segment = sizes[random_below(&master, ARRAY_SIZE(sizes))],
		.seed = random_next(&master), /* so that its headers agree */
	};
	flow->sample.chain = flow->sample.v6 && one_in(6) ? 1 : 0;
}

static inline void pend(
	struct test_flow *flow, const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct sent *sent = &flow->pending[flow->count++];

	*sent = (struct sent){ .data = malloc(len), .len = len, .vnet = *vnet };
	ck_assert_ptr_nonnull(sent->data);
	memcpy(sent->data, data, len);
}

static inline void make_next(struct made *made, struct test_flow *flow)
{
	struct sample sample = flow->sample;
	size_t segments = one_in(10) ? 40 : 1 + random_below(&master, 6), headers;

	sample.payload = (uint16_t)(segments * sample.segment > 50000
			? 50000
			: segments * sample.segment - random_below(&master, sample.segment));
	if (one_in(20))
		sample.payload = 0;
	if (one_in(8))
		sample.flags |= (const uint8_t[]){ PSH, FIN, URG, CWR }[random_below(&master, 4)];
	make(made, &sample);
	headers = made->vnet.header_len;
	random_fill(&master, made->data + headers, sample.payload);
	model_put16(made->data + made->vnet.csum_start, flow->port);
	flow->sample.number += sample.payload;
	flow->sample.id = (uint16_t)(sample.id +
		(sample.payload + sample.segment - 1) / sample.segment);
}

/* TCP's zero may be written the other way, as UDP's has to be: taken for the same. */
static inline void one_zero(uint8_t *data, size_t len)
{
	struct packet packet;

	if (packet_parse(data, len, &packet) == 0 && packet.protocol == IPPROTO_TCP &&
		!packet.fragment && len >= packet.transport + 20u &&
		model_get16(data + packet.transport + 16) == 0xffff)
		model_put16(data + packet.transport + 16, 0);
}

static inline void note(
	struct model_list *list, const uint8_t *data, size_t len, const struct vnet *vnet)
{
	if (vnet_is_plain(vnet)) {
		model_add(list, data, len);
		one_zero(list->at[list->count - 1].data, len);
	} else {
		ck_assert_ptr_null(model_segment(list, data, len, vnet));
	}
}

/* ---- the receiver ---- */

static struct lane *lane;
static struct sent burst[BURST_MAX]; /* whose memory lives until the burst's end */
static size_t burst_count, taken, written;

/* A lane of which only the way to TUN is there, and that is a file. */
static inline void set_up(void)
{
	lane = calloc(1, sizeof(*lane));
	ck_assert_ptr_nonnull(lane);
	lane->worker = calloc(1, sizeof(*lane->worker));
	ck_assert_ptr_nonnull(lane->worker);
	lane->tun_fd = memfd_create("tun", MFD_CLOEXEC);
	ck_assert_int_ge(lane->tun_fd, 0);
	lane->gro = true;
	burst_count = taken = written = 0;
}

static inline void tear_down(void)
{
	close(lane->tun_fd);
	free(lane->worker);
	free(lane);
}

/* True: taken, and the memory with it. */
static inline bool take(struct sent *sent)
{
	struct packet packet;

	if (packet_parse(sent->data, sent->len, &packet) < 0 ||
		vnet_check(&sent->vnet, &packet, sent->data, OFFLOAD_ALL) < 0)
		return false;
	burst[burst_count++] = *sent;
	taken++;
	lane_deliver(lane, &sent->vnet, &packet, sent->data);
	return true;
}

/* All that TUN was given: our own check takes it. `to`: as segments; NULL: whatever they are. */
static inline void read_tun(struct model_list *to)
{
	static uint8_t bytes[TUN_MAX];
	ssize_t n = pread(lane->tun_fd, bytes, sizeof(bytes), 0);
	struct reader reader;

	ck_assert_int_ge(n, 0);
	ck_assert_uint_lt((size_t)n, sizeof(bytes));
	reader_init(&reader, bytes, (size_t)n);
	while (reader_left(&reader) > 0) {
		struct view view;
		struct packet packet;
		struct vnet vnet, cleaned;
		size_t len;

		ck_assert_int_eq(vnet_decode(&reader, &vnet), 0);
		ck_assert_uint_ge(reader_left(&reader), 20);
		const uint8_t *data = reader.data + reader.at;
		len = data[0] / 16 == 4 ? model_get16(data + 2) : model_get16(data + 4) + 40u;
		ck_assert_int_eq(reader_view(&reader, len, &view), 0);
		ck_assert_int_eq(packet_parse(view.data, view.len, &packet), 0);
		cleaned = vnet;
		ck_assert_int_eq(vnet_check(&cleaned, &packet, view.data, OFFLOAD_ALL), 0);
		ck_assert_mem_eq(&cleaned, &vnet, sizeof(vnet));
		written++;
		if (to)
			note(to, view.data, view.len, &vnet);
	}
	ck_assert_int_eq(ftruncate(lane->tun_fd, 0), 0);
	ck_assert_int_eq(lseek(lane->tun_fd, 0, SEEK_SET), 0);
}

static inline void end_burst(struct model_list *to)
{
	lane_deliver_rest(lane);
	for (size_t i = 0; i < burst_count; i++)
		free(burst[i].data);
	burst_count = 0;
	read_tun(to);
	ck_assert_uint_eq(counter_read(&lane->counters.drops[DROP_IN_TUN]), 0);
}

#endif
