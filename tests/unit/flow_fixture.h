/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of lane/flow_queue.c share: a queue on a real worker whose thread has no lanes, so
 * that the test may take its place, and packets that tell which flow they are of. Time is the test's.
 *
 * Which flows share a place of the queue's table is decided by a key that nobody knows; fixture_flows()
 * finds some that do not, by how they are served.
 */
#ifndef CULVERT_TESTS_UNIT_FLOW_FIXTURE_H
#define CULVERT_TESTS_UNIT_FLOW_FIXTURE_H

#include "lane/flow_queue.h"

#include <sys/socket.h>

#include "lane/framer.h"
#include "lane/worker.h"
#include "tests/unit/inner_packet.h"
#include "tests/unit/unit.h"
#include "wire/packet.h"

enum {
	FIXTURE_UDP_MIN = 20 + 8 + 4, /* with a number */
	FIXTURE_PART_MAX = 1514,      /* unless a test sets another: RFC 8290's own quantum */
};

static struct flow_fixture {
	struct loop *loop;
	struct mailbox reports;
	struct worker *worker;
	struct lane_counters counters;
	struct flow_queue *queue;
	struct mono now;
	size_t part_max;
	uint32_t undone;            /* offloads that are not for the taker */
	struct inner_packet packet; /* to put */
	/* What was taken last; its flow and number are those of fixture_udp(). */
	enum flow_taken kind;
	struct inner_packet taken;
	struct vnet vnet;
	bool last;
	unsigned flow;
	uint32_t number;
} fixture;

static const struct vnet fixture_bare = { 0 };

static inline void fixture_no_report(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	(void)mail;
	ck_abort_msg("a worker without lanes has nothing to report");
}

static inline void fixture_no_order(struct worker *worker, struct mail *mail)
{
	(void)worker;
	(void)mail;
	ck_abort_msg("a worker without lanes gets no order");
}

static inline void fixture_set_up(void)
{
	memset(&fixture, 0, sizeof(fixture));
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(mailbox_open(&fixture.reports, fixture.loop, fixture_no_report), 0);
	ck_assert_int_eq(worker_start(0, &fixture.reports, fixture_no_order, &fixture.worker), 0);
	ck_assert_int_eq(flow_queue_new(fixture.worker, &fixture.counters, &fixture.queue), 0);
	fixture.now.ns = INT64_C(1000000000000);
	fixture.part_max = FIXTURE_PART_MAX;
}

static inline size_t fixture_kept(void)
{
	return atomic_load(&fixture.worker->kept);
}

/* Whatever a test left in it, the queue gives everything back. */
static inline void fixture_tear_down(void)
{
	flow_queue_free(fixture.queue);
	ck_assert_uint_eq(fixture_kept(), 0);
	ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), 0);
	ck_assert_uint_eq(fixture.worker->queue_count, 0);
	worker_stop(fixture.worker);
	mailbox_close(&fixture.reports);
	loop_free(fixture.loop);
}

static inline void fixture_pass_us(int64_t us)
{
	fixture.now.ns += us * 1000;
}

static inline uint64_t fixture_drops(enum drop_reason reason)
{
	return counter_read(&fixture.counters.drops[reason]);
}

static inline void fixture_put_to(struct flow_queue *queue, const struct vnet *vnet)
{
	const struct inner_packet *inner = &fixture.packet;
	struct flow_packet *slot = worker_borrow_packet(fixture.worker, inner->len);
	struct packet packet;

	ck_assert_ptr_nonnull(slot);
	slot->whole = (struct superpacket){
		.data = slot->memory + WORKER_SLOT_HEADROOM,
		.len = inner->len,
		.vnet = *vnet,
	};
	memcpy(slot->whole.data, inner->data, inner->len);
	ck_assert_int_eq(packet_parse(slot->whole.data, inner->len, &packet), 0);
	flow_queue_put(queue, fixture.now, slot, &packet);
}

/* Puts fixture.packet. */
static inline void fixture_put(const struct vnet *vnet)
{
	fixture_put_to(fixture.queue, vnet);
	ck_assert((counter_read(&fixture.counters.queue_bytes) == 0) ==
		flow_queue_is_empty(fixture.queue));
}

/* Bytes 20 and 21 are the source port: the flow. The number is the payload's beginning. */
static inline void fixture_make_udp(unsigned flow, uint32_t number, size_t len)
{
	struct inner_packet *inner = &fixture.packet;

	ck_assert_uint_ge(len, FIXTURE_UDP_MIN);
	inner_v4(inner, IPPROTO_UDP);
	inner_udp(inner, len - 28);
	inner_finish(inner);
	inner->data[20] = (uint8_t)(flow >> 8);
	inner->data[21] = (uint8_t)flow;
	memcpy(inner->data + 28, &number, sizeof(number));
}

/* RFC 1071: all bits are set when an IPv4 header's checksum is right. */
static inline uint32_t fixture_header_sum(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void fixture_set_checksum(void)
{
	uint32_t sum;

	fixture.packet.data[10] = fixture.packet.data[11] = 0;
	sum = ~fixture_header_sum(fixture.packet.data, 20);
	fixture.packet.data[10] = (uint8_t)(sum >> 8);
	fixture.packet.data[11] = (uint8_t)sum;
}

static inline void fixture_put_udp(unsigned flow, uint32_t number, size_t len)
{
	fixture_make_udp(flow, number, len);
	fixture_put(&fixture_bare);
}

static inline void fixture_note_taken(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct packet packet;

	memcpy(fixture.taken.data, data, len);
	fixture.taken.len = len;
	fixture.vnet = *vnet;
	ck_assert_int_eq(packet_parse(data, len, &packet), 0);
	fixture.flow = len >= packet.transport + 2u
		? (unsigned)(data[packet.transport] << 8 | data[packet.transport + 1])
		: 0;
	fixture.number = 0;
	if (len >= FIXTURE_UDP_MIN)
		memcpy(&fixture.number, data + 28, sizeof(fixture.number));
}

/* A whole packet is where its frame can be written around it. */
static inline void fixture_take_slot(struct flow_packet *slot)
{
	size_t front;

	ck_assert_ptr_nonnull(slot);
	front = (size_t)(slot->whole.data - slot->memory);
	ck_assert_uint_ge(front, framer_native.headroom);
	ck_assert_uint_le(front + slot->whole.len, slot->size);
	fixture_note_taken(slot->whole.data, slot->whole.len, &slot->whole.vnet);
	worker_return_packet(fixture.worker, slot);
}

static inline enum flow_taken fixture_take_from(struct flow_queue *queue)
{
	static uint8_t room[FRAME_PACKET_MAX];
	struct flow_take take = {
		.now = fixture.now,
		.part_max = fixture.part_max,
		.offloads = OFFLOAD_ALL & ~fixture.undone,
	};

	writer_init(&take.part, room, sizeof(room));
	fixture.kind = flow_queue_take(queue, &take);
	fixture.last = fixture.kind == FLOW_WHOLE || take.ret_last;
	if (fixture.kind == FLOW_WHOLE)
		fixture_take_slot(take.ret_slot);
	else if (fixture.kind == FLOW_PART)
		fixture_note_taken(room, take.part.len, &take.ret_vnet);
	return fixture.kind;
}

static inline enum flow_taken fixture_take(void)
{
	return fixture_take_from(fixture.queue);
}

static inline void fixture_drain(void)
{
	while (fixture_take() != FLOW_NONE)
		;
	ck_assert(flow_queue_is_empty(fixture.queue));
}

/* Exactly this packet of fixture_put_udp() is the next. */
static inline void fixture_expect(unsigned flow, uint32_t number, size_t len)
{
	ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
	ck_assert_uint_eq(fixture.flow, flow);
	ck_assert_uint_eq(fixture.number, number);
	fixture_make_udp(flow, number, len);
	ck_assert_uint_eq(fixture.taken.len, len);
	ck_assert_mem_eq(fixture.taken.data, fixture.packet.data, len);
}

/* Of a packet's 64 KB, what is used. */
static inline void fixture_copy(struct inner_packet *to, const struct inner_packet *from)
{
	memcpy(to->data, from->data, from->len);
	to->len = from->len;
}

/*
 * True: both are of one flow, as the queue sees it. They are of 1,500 bytes and not the same. When
 * the first flow has used up its credit, a new flow goes before it, and its own next packet does not.
 * The queue is empty before and after.
 */
static inline bool fixture_share(
	struct flow_queue *queue, const struct inner_packet *a, const struct inner_packet *b)
{
	size_t part_max = fixture.part_max;
	bool share;

	ck_assert(flow_queue_is_empty(queue));
	ck_assert_uint_eq(a->len, 1500);
	ck_assert_uint_eq(b->len, 1500);
	fixture.part_max = FIXTURE_PART_MAX;
	fixture_copy(&fixture.packet, a);
	for (int i = 0; i < 4; i++)
		fixture_put_to(queue, &fixture_bare);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(fixture_take_from(queue), FLOW_WHOLE);
	fixture_copy(&fixture.packet, b);
	fixture_put_to(queue, &fixture_bare);
	ck_assert_int_eq(fixture_take_from(queue), FLOW_WHOLE);
	share = memcmp(fixture.taken.data, a->data, a->len) == 0;
	while (fixture_take_from(queue) != FLOW_NONE)
		;
	fixture.part_max = part_max;
	return share;
}

static inline bool fixture_flows_share(unsigned a, unsigned b)
{
	static struct inner_packet first, second;

	fixture_make_udp(a, 0, 1500);
	fixture_copy(&first, &fixture.packet);
	fixture_make_udp(b, 0, 1500);
	fixture_copy(&second, &fixture.packet);
	return fixture_share(fixture.queue, &first, &second);
}

/* Flows of fixture_put_udp() of which no two share a place. */
static inline void fixture_flows(unsigned *ret_flows, size_t count)
{
	unsigned next = 1;

	for (size_t i = 0; i < count; next++) {
		bool apart = true;

		for (size_t j = 0; j < i && apart; j++)
			apart = !fixture_flows_share(ret_flows[j], next);
		if (apart)
			ret_flows[i++] = next;
	}
}

static inline int fixture_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *s = suite_create(name);

	tcase_set_timeout(
		unit_add_case(s, name, fixture_set_up, fixture_tear_down, tests, count), 60);
	return unit_run(name, s);
}

#endif
