/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Tens of thousands of packets pass through queues that remember each: half a minute there; the sanitizers see the same. */
/* What a queue may cost, which flow pays when it is full, and what it counts. */
#include "tests/unit/flow_fixture.h"
#include "tests/unit/random.h"

/* RFC 8290, 4.1: the flow with most bytes loses, from its front; nobody else does. */
START_TEST(the_fattest_pays)
{
	enum { OTHERS = 3, EACH = 5 };
	unsigned flows[OTHERS + 1];
	const unsigned *fat = &flows[OTHERS];
	uint32_t put = 0, next[OTHERS + 1] = { 0 };

	fixture_flows(flows, OTHERS + 1);
	for (size_t i = 0; i < OTHERS; i++) {
		for (uint32_t j = 0; j < EACH; j++)
			fixture_put_udp(flows[i], j, 1000);
	}
	while (fixture_drops(DROP_OUT_QUEUE) < 100)
		fixture_put_udp(*fat, put++, 1500);
	next[OTHERS] = 100;
	while (fixture_take() != FLOW_NONE) {
		for (size_t i = 0; i <= OTHERS; i++) {
			if (flows[i] == fixture.flow)
				ck_assert_uint_eq(fixture.number, next[i]++);
		}
	}
	for (size_t i = 0; i < OTHERS; i++)
		ck_assert_uint_eq(next[i], EACH);
	ck_assert_uint_eq(next[OTHERS], put);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 100);
}
END_TEST

/* A newcomer finds room, however full it is. */
START_TEST(newcomer_gets_in)
{
	unsigned flows[2];

	fixture_flows(flows, 2);
	for (uint32_t i = 0; fixture_drops(DROP_OUT_QUEUE) == 0; i++)
		fixture_put_udp(flows[0], i, 1500);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
	for (uint32_t i = 0; i < 10; i++)
		fixture_put_udp(flows[0], i, 1500);
	fixture_put_udp(flows[1], 7, 60000);
	fixture_expect(flows[1], 7, 60000);
}
END_TEST

/* While bursts may wait, a flow that fills half the memory loses one packet each while. */
START_TEST(where_bursts_wait_half_full_is_a_warning)
{
	enum { BURST_MS = 40, PAUSE_MS = 2 * (2 * BURST_MS + 5) };
	const uint32_t half = FLOW_BYTES_MOST / 2 / (2048 - sizeof(struct flow_packet));
	uint32_t put = 0;

	for (; put < half; put++)
		fixture_put_udp(1, put, 1500);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
	flow_queue_allow(fixture.queue, DURATION_MS(BURST_MS));
	for (uint64_t drops = 1; drops < 4; drops++) {
		for (int i = 0; i < 10; i++)
			fixture_put_udp(1, put++, 1500);
		ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), drops);
		fixture_pass_us(PAUSE_MS * 1000 - 1);
		fixture_put_udp(1, put++, 1500);
		ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), drops);
		fixture_pass_us(1);
	}
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
	fixture_expect(1, 3, 1500); /* the oldest went */
}
END_TEST

START_TEST(below_half_there_is_no_warning)
{
	flow_queue_allow(fixture.queue, DURATION_MS(40));
	for (uint32_t i = 0; i < FLOW_BYTES_MOST / 2 / 2048; i++)
		fixture_put_udp(1, i, 1500);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

/* Packets of any size; what is kept is at most the limit once put() has returned. */
START_TEST(memory_is_bounded)
{
	struct random random = { .state = 3 };
	size_t before = fixture_kept();

	for (int i = 0; i < 20000; i++) {
		size_t most = random_below(&random, 3) == 0 ? 65000 : 1500;
		size_t len = FIXTURE_UDP_MIN + random_below(&random, most - FIXTURE_UDP_MIN);

		fixture_put_udp((unsigned)random_below(&random, 30), 0, len);
		ck_assert_uint_le(fixture_kept(), FLOW_BYTES_MOST + FLOW_TABLE_BYTES);
		if (random_below(&random, 10) == 0)
			fixture_take();
	}
	ck_assert_uint_gt(fixture_drops(DROP_OUT_QUEUE), 1000);
	ck_assert_uint_gt(fixture_kept(), FLOW_BYTES_MOST / 2);
	fixture_drain();
	ck_assert_uint_eq(fixture_kept(), before);
}
END_TEST

/* Ever so many packets that fit are none too many. */
START_TEST(nothing_is_lost_below_the_limit)
{
	uint32_t count = FLOW_BYTES_MOST / 2048;

	for (uint32_t i = 0; i < count; i++)
		fixture_put_udp(1, i, 1500);
	for (uint32_t i = 0; i < count; i++)
		fixture_expect(1, i, 1500);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
}
END_TEST

/* Fills all of them, and tells what they cost together. */
static size_t fill(struct flow_queue **queues, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t before = fixture_drops(DROP_OUT_QUEUE);

		while (fixture_drops(DROP_OUT_QUEUE) < before + 2) {
			fixture_make_udp(1, 0, 65535);
			fixture_put_to(queues[i], &fixture_bare);
		}
	}
	return fixture_kept();
}

START_TEST(queues_share_the_worker)
{
	enum { QUEUES = 31 };
	static struct flow_queue *queues[QUEUES + 1];
	size_t all, one;

	for (size_t i = 0; i < QUEUES; i++)
		ck_assert_int_eq(flow_queue_new(fixture.worker, &fixture.counters, &queues[i]), 0);
	queues[QUEUES] = fixture.queue;
	all = fill(queues, QUEUES + 1);
	ck_assert_uint_le(all, WORKER_QUEUES_MAX + (QUEUES + 1) * FLOW_TABLE_BYTES);
	ck_assert_uint_ge(all, WORKER_QUEUES_MAX / 8 * 7);
	ck_assert(!worker_is_short(fixture.worker));
	for (size_t i = 0; i < QUEUES; i++)
		flow_queue_free(queues[i]);
	/* Alone again, it may have all that one may have. */
	one = fill(&fixture.queue, 1);
	ck_assert_uint_le(one, FLOW_BYTES_MOST + FLOW_TABLE_BYTES);
	ck_assert_uint_ge(one, FLOW_BYTES_MOST / 8 * 7);
}
END_TEST

/* However many share, a packet of any size can pass each of them. */
START_TEST(least_share_holds_any_packet)
{
	enum { QUEUES = WORKER_QUEUES_MAX / FLOW_BYTES_LEAST + 8 };
	static struct flow_queue *queues[QUEUES];

	for (size_t i = 0; i < QUEUES; i++)
		ck_assert_int_eq(flow_queue_new(fixture.worker, &fixture.counters, &queues[i]), 0);
	fixture_put_udp(1, 1, 65535);
	fixture_expect(1, 1, 65535);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
	for (size_t i = 0; i < QUEUES; i++)
		flow_queue_free(queues[i]);
}
END_TEST

START_TEST(free_returns_everything)
{
	static const size_t sizes[] = { FIXTURE_UDP_MIN, 1500, 2048, 9000, 10240, 65535 };
	size_t before = fixture_kept();
	struct flow_queue *queue;

	ck_assert_int_eq(flow_queue_new(fixture.worker, &fixture.counters, &queue), 0);
	ck_assert_uint_gt(fixture_kept(), before); /* it costs something itself */
	for (unsigned i = 0; i < 60; i++) {
		fixture_make_udp(i, 0, sizes[i % (ARRAY_SIZE(sizes))]);
		fixture_put_to(queue, &fixture_bare);
	}
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(fixture_take_from(queue), FLOW_WHOLE);
	flow_queue_free(queue);
	ck_assert_uint_eq(fixture_kept(), before);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_STALE), 50);
	ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), 0);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0); /* nobody dropped them: all is over */
}
END_TEST

/* The counter is the bytes of packets, whatever memory they lie in. */
START_TEST(waiting_bytes_are_counted)
{
	struct random random = { .state = 4 };
	size_t waiting = 0;

	for (int i = 0; i < 1000; i++) {
		size_t len = FIXTURE_UDP_MIN + random_below(&random, 3000);

		fixture_put_udp((unsigned)random_below(&random, 5), 0, len);
		waiting += len;
		ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), waiting);
		if (random_below(&random, 2) == 0) {
			ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
			waiting -= fixture.taken.len;
			ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), waiting);
		}
	}
	fixture_drain();
	ck_assert_uint_eq(counter_read(&fixture.counters.queue_bytes), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { the_fattest_pays, newcomer_gets_in,
		where_bursts_wait_half_full_is_a_warning, below_half_there_is_no_warning,
		memory_is_bounded, nothing_is_lost_below_the_limit, queues_share_the_worker,
		least_share_holds_any_packet, free_returns_everything, waiting_bytes_are_counted };

	return fixture_run("flow_queue_limits", tests, ARRAY_SIZE(tests));
}
