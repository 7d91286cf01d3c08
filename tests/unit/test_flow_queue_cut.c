/* SPDX-License-Identifier: Apache-2.0 */
/* Superpackets in the queue: how they are cut, share, and lose. wire/superpacket.h does the cutting. */
#include "tests/unit/flow_fixture.h"

enum { HEADERS = 40, SEGMENT = 1448, CE = 3 };

/* A byte stream whose bytes tell where they are. */
static uint8_t stream_byte(uint32_t at)
{
	return (uint8_t)((at * 2654435761u) >> 24);
}

/* The payload begins at `seq` of that stream. */
static void put_super(unsigned flow, uint32_t seq, size_t payload, uint8_t ecn)
{
	const struct vnet vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = VNET_GSO_TCPV4,
		.header_len = HEADERS,
		.gso_size = SEGMENT,
		.csum_start = 20,
		.csum_offset = 16,
	};
	struct inner_packet *inner = &fixture.packet;

	inner_v4(inner, IPPROTO_TCP);
	inner_tcp(inner, 5, payload);
	inner_finish(inner);
	inner->data[1] = ecn;
	inner->data[20] = (uint8_t)(flow >> 8);
	inner->data[21] = (uint8_t)flow;
	for (int i = 0; i < 4; i++)
		inner->data[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
	for (size_t i = 0; i < payload; i++)
		inner->data[HEADERS + i] = stream_byte(seq + (uint32_t)i);
	fixture_set_checksum();
	fixture_put(&vnet);
}

static uint32_t taken_seq(void)
{
	const uint8_t *at = fixture.taken.data + 24;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What was taken is a packet or superpacket that is right by itself; returns its payload's length. */
static size_t check_taken(void)
{
	static uint8_t expected[FRAME_PACKET_MAX];
	size_t payload = fixture.taken.len - HEADERS;
	uint32_t seq = taken_seq();

	ck_assert_uint_gt(fixture.taken.len, HEADERS);
	ck_assert_uint_eq(fixture_header_sum(fixture.taken.data, 20), 0xffff);
	for (size_t i = 0; i < payload; i++)
		expected[i] = stream_byte(seq + (uint32_t)i);
	ck_assert_mem_eq(fixture.taken.data + HEADERS, expected, payload);
	ck_assert_uint_eq(fixture.vnet.flags & VNET_NEEDS_CSUM, VNET_NEEDS_CSUM);
	if (payload > SEGMENT) {
		ck_assert_uint_eq(fixture.vnet.gso_type, VNET_GSO_TCPV4);
		ck_assert_uint_eq(fixture.vnet.gso_size, SEGMENT);
	}
	return payload;
}

START_TEST(cut_to_what_was_asked_for)
{
	static const size_t part_maxes[] = { 1514, 4096, 10000, 40000, 60000 };
	enum { PAYLOAD = 60100 };

	for (size_t i = 0; i < ARRAY_SIZE(part_maxes); i++) {
		uint32_t seq = 0;

		fixture.part_max = part_maxes[i];
		put_super(1, seq, PAYLOAD, 0);
		while (fixture_take() != FLOW_NONE) {
			ck_assert_uint_eq(taken_seq(), seq);
			seq += (uint32_t)check_taken();
			ck_assert_uint_le(fixture.taken.len, fixture.part_max);
			ck_assert(fixture.last == (seq == PAYLOAD));
			/* No less than fits, and whole segments. */
			if (!fixture.last) {
				ck_assert_uint_gt(fixture.taken.len + SEGMENT, fixture.part_max);
				ck_assert_uint_eq(seq % SEGMENT, 0);
				ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes),
					HEADERS + PAYLOAD - seq);
			}
		}
		ck_assert_uint_eq(seq, PAYLOAD);
		ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), 0);
	}
}
END_TEST

START_TEST(a_segment_is_never_cut)
{
	enum { PAYLOAD = 10 * SEGMENT };
	uint32_t seq = 0;

	fixture.part_max = HEADERS + SEGMENT - 1;
	put_super(1, seq, PAYLOAD, 0);
	while (fixture_take() != FLOW_NONE) {
		ck_assert_uint_eq(taken_seq(), seq);
		ck_assert_uint_eq(check_taken(), SEGMENT);
		seq += SEGMENT;
	}
	ck_assert_uint_eq(seq, PAYLOAD);
}
END_TEST

START_TEST(what_is_short_stays_whole)
{
	static struct inner_packet before;

	fixture.part_max = HEADERS + 5 * SEGMENT;
	put_super(1, 0, 5 * SEGMENT, 0);
	before = fixture.packet;
	ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
	ck_assert_uint_eq(fixture.taken.len, before.len);
	ck_assert_mem_eq(fixture.taken.data, before.data, before.len);
	ck_assert_uint_eq(fixture.vnet.gso_size, SEGMENT);
}
END_TEST

/* What is not to be segmented cannot be cut either. */
START_TEST(others_stay_whole)
{
	fixture.part_max = 4096;
	fixture_put_udp(1, 1, 60000);
	fixture_expect(1, 1, 60000);
}
END_TEST

/* It does not hold up the others any longer than a part of it does. */
START_TEST(sparse_goes_between_parts)
{
	unsigned flows[2];

	fixture_flows(flows, 2);
	fixture.part_max = HEADERS + 3 * SEGMENT;
	put_super(flows[0], 0, 40 * SEGMENT, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fixture_take(), FLOW_PART);
	for (uint32_t i = 0; i < 3; i++) {
		fixture_put_udp(flows[1], i, 100);
		fixture_take();
		if (fixture.flow == flows[0]) /* it had credit left */
			fixture_take();
		ck_assert_uint_eq(fixture.flow, flows[1]);
		ck_assert_uint_eq(fixture.number, i);
	}
	/* What is left of it goes with the queue. */
}
END_TEST

START_TEST(bytes_are_shared_with_small_packets)
{
	enum { PAYLOAD = 40 * SEGMENT };
	uint32_t put = 0, seq = 0;
	unsigned flows[2];
	size_t got[2] = { 0 };

	fixture_flows(flows, 2);
	fixture.part_max = 4096;
	while (got[0] + got[1] < 2000000) {
		for (; put - seq < 4 * PAYLOAD; put += PAYLOAD)
			put_super(flows[0], put, PAYLOAD, 0);
		for (int i = 0; i < 10; i++)
			fixture_put_udp(flows[1], 0, 500);
		for (int i = 0; i < 10; i++) {
			ck_assert_int_ne(fixture_take(), FLOW_NONE);
			got[fixture.flow == flows[1]] += fixture.taken.len;
			seq += fixture.flow == flows[0] ? (uint32_t)check_taken() : 0;
		}
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
	size_t apart = got[0] > got[1] ? got[0] - got[1] : got[1] - got[0];
	ck_assert_uint_le(apart, 3 * fixture.part_max);
	fixture_drain();
}
END_TEST

/* The sender finds one segment missing for each drop, not forty. */
START_TEST(a_drop_takes_one_segment)
{
	enum { SEGMENTS = 40, PAYLOAD = SEGMENTS * SEGMENT };
	uint32_t put = 0, next = 0;
	uint64_t missing = 0;

	for (int ms = 0; fixture_drops(DROP_OUT_DELAY) < 10; ms++) {
		ck_assert_int_lt(ms, 5000);
		if (ms % SEGMENTS == 0) {
			put_super(1, put, PAYLOAD, 0);
			put += PAYLOAD;
		}
		fixture_pass_us(1000);
		ck_assert_int_ne(fixture_take(), FLOW_NONE);
		ck_assert_uint_ge(taken_seq(), next);
		missing += (taken_seq() - next) / SEGMENT;
		ck_assert_uint_eq((taken_seq() - next) % SEGMENT, 0);
		next = taken_seq() + (uint32_t)check_taken();
		ck_assert_uint_eq(missing, fixture_drops(DROP_OUT_DELAY));
		if (ms == 0) { /* a queue that stands, from here on */
			put_super(1, put, PAYLOAD, 0);
			put += PAYLOAD;
		}
	}
	ck_assert_uint_eq(counter_read(&fixture.counters.marks), 0);
	fixture_drain();
}
END_TEST

/* A mark is on what is left, the checksum with it. */
START_TEST(a_mark_takes_nothing)
{
	enum { ECT_0 = 2, SEGMENTS = 40, PAYLOAD = SEGMENTS * SEGMENT };
	uint32_t put = 0, next = 0;
	int marked = 0;

	for (int ms = 0; ms < 2000; ms++) {
		for (; put - next < 2 * PAYLOAD; put += PAYLOAD)
			put_super(1, put, PAYLOAD, ECT_0);
		fixture_pass_us(1000);
		ck_assert_int_ne(fixture_take(), FLOW_NONE);
		ck_assert_uint_eq(taken_seq(), next);
		next += (uint32_t)check_taken();
		marked += (fixture.taken.data[1] & CE) == CE;
	}
	ck_assert_int_gt(marked, 0);
	ck_assert_uint_gt(counter_read(&fixture.counters.marks), 0);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* For a peer that does not segment, each segment leaves by itself, the last one, too. */
START_TEST(what_is_not_accepted_leaves_segment_by_segment)
{
	enum { PAYLOAD = 20 * SEGMENT + 100 };
	uint32_t seq = 0;

	fixture.part_max = 60000;
	fixture.undone = OFFLOAD_TSO4;
	put_super(1, seq, PAYLOAD, 0);
	while (fixture_take() != FLOW_NONE) {
		ck_assert_int_eq(fixture.kind, FLOW_PART);
		ck_assert_uint_eq(fixture.vnet.gso_type, VNET_GSO_NONE);
		ck_assert_uint_eq(taken_seq(), seq);
		seq += (uint32_t)check_taken();
		ck_assert(fixture.last == (seq == PAYLOAD));
		ck_assert_uint_le(fixture.taken.len, HEADERS + SEGMENT);
	}
	ck_assert_uint_eq(seq, PAYLOAD);
	ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), 0);
	ck_assert(flow_queue_is_empty(fixture.queue));
	/* What is accepted stays whole beside it. */
	fixture.undone = OFFLOAD_USO;
	put_super(1, 0, PAYLOAD, 0);
	ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { cut_to_what_was_asked_for, a_segment_is_never_cut,
		what_is_short_stays_whole, others_stay_whole, sparse_goes_between_parts,
		bytes_are_shared_with_small_packets, a_drop_takes_one_segment, a_mark_takes_nothing,
		what_is_not_accepted_leaves_segment_by_segment };

	return fixture_run("flow_queue_cut", tests, ARRAY_SIZE(tests));
}
