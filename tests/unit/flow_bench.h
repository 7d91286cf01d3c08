/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of lane/flow_queue.c share: a queue on a real worker whose thread has no lanes, so
 * that the test may take its place, and packets that tell which flow they are of. Time is the test's.
 *
 * Which flows share a place of the queue's table is decided by a key that nobody knows; bench_flows()
 * finds some that do not, by how they are served.
 */
#ifndef CULVERT_TESTS_UNIT_FLOW_BENCH_H
#define CULVERT_TESTS_UNIT_FLOW_BENCH_H

#include "lane/flow_queue.h"

#include <sys/socket.h>

#include "lane/framer.h"
#include "lane/worker.h"
#include "tests/unit/inner_packet.h"
#include "tests/unit/unit.h"
#include "wire/packet.h"

enum {
	BENCH_UDP_MIN = 20 + 8 + 4, /* with a number */
	BENCH_PART_MAX = 1514,      /* unless a test sets another: RFC 8290's own quantum */
};

static struct flow_bench {
	struct loop *loop;
	struct mailbox reports;
	struct worker *worker;
	struct lane_counters counters;
	struct flow_queue *queue;
	struct mono now;
	size_t part_max;
	uint32_t undone;            /* offloads that are not for the taker */
	struct inner_packet packet; /* to put */
	/* What was taken last; its flow and number are those of bench_udp(). */
	enum flow_taken kind;
	struct inner_packet taken;
	struct vnet vnet;
	bool last;
	unsigned flow;
	uint32_t number;
} bench;

static const struct vnet bench_bare = { 0 };

static inline void bench_no_report(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	(void)mail;
	ck_abort_msg("a worker without lanes has nothing to report");
}

static inline void bench_no_order(struct worker *worker, struct mail *mail)
{
	(void)worker;
	(void)mail;
	ck_abort_msg("a worker without lanes gets no order");
}

static inline void bench_set_up(void)
{
	ck_assert_int_eq(loop_new(&bench.loop), 0);
	ck_assert_int_eq(mailbox_open(&bench.reports, bench.loop, bench_no_report), 0);
	ck_assert_int_eq(worker_start(0, &bench.reports, bench_no_order, &bench.worker), 0);
	ck_assert_int_eq(flow_queue_new(bench.worker, &bench.counters, &bench.queue), 0);
	bench.now.ns = INT64_C(1000000000000);
	bench.part_max = BENCH_PART_MAX;
}

static inline size_t bench_kept(void)
{
	return atomic_load(&bench.worker->kept);
}

/* Whatever a test left in it, the queue gives everything back. */
static inline void bench_tear_down(void)
{
	flow_queue_free(bench.queue);
	ck_assert_uint_eq(bench_kept(), 0);
	ck_assert_uint_eq(counter_read(&bench.counters.queue_bytes), 0);
	ck_assert_uint_eq(bench.worker->queue_count, 0);
	worker_stop(bench.worker);
	mailbox_close(&bench.reports);
	loop_free(bench.loop);
}

static inline void bench_pass_us(int64_t us)
{
	bench.now.ns += us * 1000;
}

static inline uint64_t bench_drops(enum drop_reason reason)
{
	return counter_read(&bench.counters.drops[reason]);
}

static inline void bench_put_to(struct flow_queue *queue, const struct vnet *vnet)
{
	const struct inner_packet *inner = &bench.packet;
	struct flow_packet *slot = worker_borrow_packet(bench.worker, inner->len);
	struct packet packet;

	ck_assert_ptr_nonnull(slot);
	slot->whole = (struct superpacket){
		.data = slot->memory + WORKER_SLOT_HEADROOM,
		.len = inner->len,
		.vnet = *vnet,
	};
	memcpy(slot->whole.data, inner->data, inner->len);
	ck_assert_int_eq(packet_parse(slot->whole.data, inner->len, &packet), 0);
	flow_queue_put(queue, bench.now, slot, &packet);
}

/* Puts bench.packet. */
static inline void bench_put(const struct vnet *vnet)
{
	bench_put_to(bench.queue, vnet);
	ck_assert((counter_read(&bench.counters.queue_bytes) == 0) ==
		flow_queue_is_empty(bench.queue));
}

/* Bytes 20 and 21 are the source port: the flow. The number is the payload's beginning. */
static inline void bench_make_udp(unsigned flow, uint32_t number, size_t len)
{
	struct inner_packet *inner = &bench.packet;

	ck_assert_uint_ge(len, BENCH_UDP_MIN);
	inner_v4(inner, IPPROTO_UDP);
	inner_udp(inner, len - 28);
	inner_finish(inner);
	inner->data[20] = (uint8_t)(flow >> 8);
	inner->data[21] = (uint8_t)flow;
	memcpy(inner->data + 28, &number, sizeof(number));
}

/* RFC 1071: all bits are set when an IPv4 header's checksum is right. */
static inline uint32_t bench_header_sum(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void bench_set_checksum(void)
{
	uint32_t sum;

	bench.packet.data[10] = bench.packet.data[11] = 0;
	sum = ~bench_header_sum(bench.packet.data, 20);
	bench.packet.data[10] = (uint8_t)(sum >> 8);
	bench.packet.data[11] = (uint8_t)sum;
}

static inline void bench_put_udp(unsigned flow, uint32_t number, size_t len)
{
	bench_make_udp(flow, number, len);
	bench_put(&bench_bare);
}

static inline void bench_note_taken(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct packet packet;

	memcpy(bench.taken.data, data, len);
	bench.taken.len = len;
	bench.vnet = *vnet;
	ck_assert_int_eq(packet_parse(data, len, &packet), 0);
	bench.flow = len >= packet.transport + 2u
		? (unsigned)(data[packet.transport] << 8 | data[packet.transport + 1])
		: 0;
	bench.number = 0;
	if (len >= BENCH_UDP_MIN)
		memcpy(&bench.number, data + 28, sizeof(bench.number));
}

/* A whole packet is where its frame can be written around it. */
static inline void bench_take_slot(struct flow_packet *slot)
{
	size_t front;

	ck_assert_ptr_nonnull(slot);
	front = (size_t)(slot->whole.data - slot->memory);
	ck_assert_uint_ge(front, framer_native.headroom);
	ck_assert_uint_le(front + slot->whole.len, slot->size);
	bench_note_taken(slot->whole.data, slot->whole.len, &slot->whole.vnet);
	worker_return_packet(bench.worker, slot);
}

static inline enum flow_taken bench_take_from(struct flow_queue *queue)
{
	static uint8_t room[FRAME_PACKET_MAX];
	struct flow_take take = {
		.now = bench.now,
		.part_max = bench.part_max,
		.offloads = OFFLOAD_ALL & ~bench.undone,
	};

	writer_init(&take.part, room, sizeof(room));
	bench.kind = flow_queue_take(queue, &take);
	bench.last = bench.kind == FLOW_WHOLE || take.ret_last;
	if (bench.kind == FLOW_WHOLE)
		bench_take_slot(take.ret_slot);
	else if (bench.kind == FLOW_PART)
		bench_note_taken(room, take.part.len, &take.ret_vnet);
	return bench.kind;
}

static inline enum flow_taken bench_take(void)
{
	return bench_take_from(bench.queue);
}

static inline void bench_drain(void)
{
	while (bench_take() != FLOW_NONE)
		;
	ck_assert(flow_queue_is_empty(bench.queue));
}

/* Exactly this packet of bench_put_udp() is the next. */
static inline void bench_expect(unsigned flow, uint32_t number, size_t len)
{
	ck_assert_int_eq(bench_take(), FLOW_WHOLE);
	ck_assert_uint_eq(bench.flow, flow);
	ck_assert_uint_eq(bench.number, number);
	bench_make_udp(flow, number, len);
	ck_assert_uint_eq(bench.taken.len, len);
	ck_assert_mem_eq(bench.taken.data, bench.packet.data, len);
}

/* Of a packet's 64 KB, what is used. */
static inline void bench_copy(struct inner_packet *to, const struct inner_packet *from)
{
	memcpy(to->data, from->data, from->len);
	to->len = from->len;
}

/*
 * True: both are of one flow, as the queue sees it. They are of 1,500 bytes and not the same. When
 * the first flow has used up its credit, a new flow goes before it, and its own next packet does not.
 * The queue is empty before and after.
 */
static inline bool bench_share(
	struct flow_queue *queue, const struct inner_packet *a, const struct inner_packet *b)
{
	size_t part_max = bench.part_max;
	bool share;

	ck_assert(flow_queue_is_empty(queue));
	ck_assert_uint_eq(a->len, 1500);
	ck_assert_uint_eq(b->len, 1500);
	bench.part_max = BENCH_PART_MAX;
	bench_copy(&bench.packet, a);
	for (int i = 0; i < 4; i++)
		bench_put_to(queue, &bench_bare);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(bench_take_from(queue), FLOW_WHOLE);
	bench_copy(&bench.packet, b);
	bench_put_to(queue, &bench_bare);
	ck_assert_int_eq(bench_take_from(queue), FLOW_WHOLE);
	share = memcmp(bench.taken.data, a->data, a->len) == 0;
	while (bench_take_from(queue) != FLOW_NONE)
		;
	bench.part_max = part_max;
	return share;
}

static inline bool bench_flows_share(unsigned a, unsigned b)
{
	static struct inner_packet first, second;

	bench_make_udp(a, 0, 1500);
	bench_copy(&first, &bench.packet);
	bench_make_udp(b, 0, 1500);
	bench_copy(&second, &bench.packet);
	return bench_share(bench.queue, &first, &second);
}

/* Flows of bench_put_udp() of which no two share a place. */
static inline void bench_flows(unsigned *ret_flows, size_t count)
{
	unsigned next = 1;

	for (size_t i = 0; i < count; next++) {
		bool apart = true;

		for (size_t j = 0; j < i && apart; j++)
			apart = !bench_flows_share(ret_flows[j], next);
		if (apart)
			ret_flows[i++] = next;
	}
}

static inline int bench_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *s = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, bench_set_up, bench_tear_down);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(s, tcase);
	return unit_run(name, s);
}

#endif
