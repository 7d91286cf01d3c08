/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Tens of thousands of packets pass through queues that remember each: half a minute there; the sanitizers see the same. */
/* CoDel inside each flow: what happens when packets wait too long (RFC 8289, RFC 8290, 4.2). */
#include "tests/unit/flow_fixture.h"

enum { TARGET_MS = 5, INTERVAL_MS = 100, NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

/* With a checksum, so that it can be seen whether a mark keeps it right. */
static void put_ecn(unsigned flow, uint32_t number, uint8_t ecn)
{
	fixture_make_udp(flow, number, 1000);
	fixture.packet.data[1] = ecn;
	fixture_set_checksum();
	fixture_put(&fixture_bare);
}

struct stream { /* one packet comes each millisecond and one leaves, `depth` behind it */
	unsigned flow;
	uint8_t ecn;
	uint32_t put, next, left, marked;
};

static void begin(struct stream *stream, uint32_t depth)
{
	for (; stream->put < depth; stream->put++) {
		put_ecn(stream->flow, stream->put, stream->ecn);
		fixture_pass_us(1000);
	}
}

/* What leaves is in order, and is what came but for marks. */
static void step(struct stream *stream)
{
	put_ecn(stream->flow, stream->put++, stream->ecn);
	if (fixture_take() == FLOW_NONE)
		return;
	ck_assert_uint_ge(fixture.number, stream->next);
	stream->next = fixture.number + 1;
	stream->left++;
	ck_assert_uint_eq(fixture_header_sum(fixture.taken.data, 20), 0xffff);
	uint8_t tos = fixture.taken.data[1];
	ck_assert(tos == stream->ecn || (tos == CE && stream->ecn != NOT_ECT));
	stream->marked += tos != stream->ecn;
	fixture_pass_us(1000);
}

START_TEST(short_queue_loses_nothing)
{
	struct stream stream = { .flow = 1 };

	begin(&stream, TARGET_MS - 2);
	for (int i = 0; i < 5000; i++)
		step(&stream);
	ck_assert_uint_eq(stream.left, 5000);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* A burst that is gone within an interval is no standing queue. */
START_TEST(burst_loses_nothing)
{
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < INTERVAL_MS - 10; i++)
			fixture_put_udp(1, i, 1000);
		for (uint32_t i = 0; i < INTERVAL_MS - 10; i++) {
			fixture_pass_us(1000);
			fixture_expect(1, i, 1000);
		}
		fixture_pass_us(1000);
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* The first goes an interval after the first wait that was too long; then they come closer. */
START_TEST(standing_queue_loses)
{
	/* From the first on, in milliseconds: sums of 100 / sqrt(n). */
	static const uint32_t later[] = { 0, 100, 171, 228, 278, 323, 364, 402 };
	struct stream stream = { .flow = 1 };
	struct mono start, first = { 0 };
	uint64_t drops = 0;

	begin(&stream, 30);
	start = fixture.now;
	while (drops < ARRAY_SIZE(later)) {
		struct mono now = fixture.now;
		step(&stream);
		if (fixture_drops(DROP_OUT_DELAY) == drops)
			continue;
		first = drops == 0 ? now : first;
		int64_t apart = duration_ms(mono_since(now, first)) - later[drops];
		ck_assert_int_ge(apart, -1);
		ck_assert_int_le(apart, 2);
		drops++;
		ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), drops);
	}
	ck_assert_int_eq(duration_ms(mono_since(first, start)), INTERVAL_MS);
	ck_assert_uint_eq(stream.next - stream.left, drops);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
	ck_assert_uint_eq(counter_read(&fixture.counters.marks), 0);
}
END_TEST

/* The same queue while bursts of 40 ms are allowed, and no longer than that. */
START_TEST(an_allowed_burst_loses_nothing)
{
	struct stream stream = { .flow = 1 };

	flow_queue_allow(fixture.queue, DURATION_MS(40));
	begin(&stream, 30);
	for (int i = 0; i < 5000; i++)
		step(&stream);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
	flow_queue_allow(fixture.queue, DURATION_MS(0));
	for (int i = 0; i < 1000; i++)
		step(&stream);
	ck_assert_uint_gt(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* RFC 3168, RFC 8290: a flow that understands marks gets them where others would lose. */
START_TEST(marks_instead_of_drops)
{
	static const uint8_t capable[] = { ECT_0, ECT_1 };

	for (size_t i = 0; i < sizeof(capable); i++) {
		struct stream stream = { .flow = 1, .ecn = capable[i] };
		uint64_t before = counter_read(&fixture.counters.marks);

		begin(&stream, 30);
		for (int j = 0; j < 1000; j++)
			step(&stream);
		ck_assert_uint_eq(stream.left, 1000);
		ck_assert_uint_ge(stream.marked, 10);
		ck_assert_uint_eq(counter_read(&fixture.counters.marks) - before, stream.marked);
		ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
		fixture_drain();
		fixture_pass_us(10000000); /* long enough to forget */
	}
}
END_TEST

/* Takes one; the packets of `sparse` come each and in order. */
static bool take_and_check(unsigned sparse, uint32_t *got)
{
	if (fixture_take() == FLOW_NONE)
		return false;
	if (fixture.flow == sparse)
		ck_assert_uint_eq(fixture.number, (*got)++);
	return true;
}

/* A flow that waits behind nobody does not pay for one that does. */
START_TEST(others_are_spared)
{
	unsigned flows[2];
	uint32_t put = 0, got = 0;

	fixture_flows(flows, 2);
	for (uint32_t i = 0; i < 100; i++)
		fixture_put_udp(flows[0], i, 1000);
	for (int i = 0; i < 3000; i++) {
		fixture_put_udp(flows[0], 0, 1000);
		if (i % 10 == 0)
			fixture_put_udp(flows[1], put++, 100);
		fixture_pass_us(1000);
		ck_assert(take_and_check(flows[1], &got));
	}
	while (take_and_check(flows[1], &got))
		;
	ck_assert_uint_eq(got, put);
	ck_assert_uint_gt(fixture_drops(DROP_OUT_DELAY), 10);
}
END_TEST

/* On a slow line each packet waits long for the one before; alone, it is no queue: RFC 8289, 4.4. */
START_TEST(lonely_packet_is_never_dropped)
{
	for (uint32_t i = 0; i < 100; i++) {
		fixture_put_udp(1, i, 1500);
		fixture_pass_us(50000);
		fixture_expect(1, i, 1500);
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* When the queue has run empty, what was before does not count any more. */
START_TEST(empty_queue_begins_anew)
{
	for (int round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 3; i++)
			fixture_put_udp(1, i, 9000);
		fixture_pass_us(60000);
		for (uint32_t i = 0; i < 3; i++)
			fixture_expect(1, i, 9000);
		ck_assert_int_eq(fixture_take(), FLOW_NONE);
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/*
 * The same where the next packet comes before it was found to be empty, and where a packet is longer
 * than most: behind it was nothing.
 */
START_TEST(empty_flow_begins_anew)
{
	unsigned flows[2];
	uint32_t got = 0;

	fixture_flows(flows, 2);
	fixture.part_max = 20000; /* the credit of a turn: more than one packet */
	for (uint32_t round = 0; round < 30; round++) {
		fixture_put_udp(flows[0], round, 9000);
		for (int i = 0; i < 40; i++)
			fixture_put_udp(flows[1], 0, 1500);
		fixture_pass_us(20000);
		while (got == round)
			ck_assert(take_and_check(flows[0], &got));
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
}
END_TEST

/* It ends a standing queue, whatever its length. */
START_TEST(long_last_packet_is_never_dropped)
{
	for (uint32_t i = 0; i < 2; i++)
		fixture_put_udp(1, i, 9000);
	fixture_pass_us(1000 * INTERVAL_MS);
	fixture_expect(1, 0, 9000);
	fixture_pass_us(2000 * INTERVAL_MS);
	fixture_expect(1, 1, 9000);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* What the counter says of a steady wait is that wait. */
START_TEST(delay_is_counted)
{
	struct stream stream = { .flow = 1, .ecn = ECT_0 };

	ck_assert_uint_eq(counter_read(&fixture.counters.queue_delay_ns), 0);
	begin(&stream, 30);
	for (int i = 0; i < 300; i++)
		step(&stream);
	ck_assert_uint_ge(counter_read(&fixture.counters.queue_delay_ns), 29000000);
	ck_assert_uint_le(counter_read(&fixture.counters.queue_delay_ns), 31000000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { short_queue_loses_nothing, burst_loses_nothing,
		standing_queue_loses, an_allowed_burst_loses_nothing, marks_instead_of_drops,
		others_are_spared, lonely_packet_is_never_dropped, empty_queue_begins_anew,
		empty_flow_begins_anew, long_last_packet_is_never_dropped, delay_is_counted };

	return fixture_run("flow_queue_delay", tests, ARRAY_SIZE(tests));
}
