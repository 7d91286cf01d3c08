/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Hundreds of queues are asked thousands of times: minutes there; the sanitizers see the same. */
/* Whose turn it is (RFC 8290, 4), and what is one flow. */
#include "tests/unit/flow_fixture.h"
#include "tests/unit/random.h"

START_TEST(empty)
{
	ck_assert(flow_queue_is_empty(NULL));
	ck_assert(flow_queue_is_empty(fixture.queue));
	ck_assert_int_eq(fixture_take(), FLOW_NONE);
	flow_queue_free(NULL);
	fixture_put_udp(1, 1, 100);
	ck_assert(!flow_queue_is_empty(fixture.queue));
	fixture_expect(1, 1, 100);
	ck_assert(flow_queue_is_empty(fixture.queue));
	ck_assert_int_eq(fixture_take(), FLOW_NONE);
}
END_TEST

/* Any mixture of flows, sizes and moments: each flow's packets leave as they came, each one once. */
START_TEST(order_inside_a_flow)
{
	enum { FLOWS = 40, STEPS = 20000 };
	static uint32_t put[FLOWS], got[FLOWS];
	struct random random = { .state = 1 };

	for (int i = 0; i < STEPS; i++) {
		size_t burst = random_below(&random, 8);

		for (size_t j = 0; j < burst; j++) {
			unsigned flow = (unsigned)random_below(&random, FLOWS);
			fixture_put_udp(
				flow, put[flow]++, FIXTURE_UDP_MIN + random_below(&random, 3000));
		}
		while (random_below(&random, 4) != 0 && fixture_take() != FLOW_NONE)
			ck_assert_uint_eq(fixture.number, got[fixture.flow]++);
		while (counter_read(&fixture.counters.queue_bytes) > FLOW_BYTES_MOST / 4 &&
			fixture_take() != FLOW_NONE)
			ck_assert_uint_eq(fixture.number, got[fixture.flow]++);
	}
	while (fixture_take() != FLOW_NONE)
		ck_assert_uint_eq(fixture.number, got[fixture.flow]++);
	ck_assert_mem_eq(put, got, sizeof(put));
	ck_assert_uint_eq(fixture_drops(DROP_OUT_QUEUE), 0);
	ck_assert_uint_eq(fixture_drops(DROP_OUT_DELAY), 0);
}
END_TEST

START_TEST(sparse_overtakes_bulk)
{
	unsigned flows[3];

	fixture_flows(flows, 3);
	for (uint32_t i = 0; i < 50; i++)
		fixture_put_udp(flows[0], i, 1500);
	for (uint32_t i = 0; i < 4; i++)
		fixture_expect(flows[0], i, 1500);
	fixture_put_udp(flows[1], 0, 100);
	fixture_put_udp(flows[2], 0, 100);
	fixture_expect(flows[1], 0, 100);
	fixture_expect(flows[2], 0, 100);
	fixture_expect(flows[0], 4, 1500);
}
END_TEST

/* Keeps each flow supplied with packets of its sizes while `bytes` leave; what each had of them. */
static void serve(const unsigned *flows, const size_t *least, const size_t *most, size_t count,
	size_t bytes, size_t *ret_got)
{
	struct random random = { .state = 2 };
	size_t got = 0;
	size_t next = 0;

	for (size_t i = 0; i < count; i++) {
		ret_got[i] = 0;
		for (int j = 0; j < 20; j++)
			fixture_put_udp(flows[i], 0,
				least[i] + random_below(&random, most[i] - least[i] + 1));
	}
	while (got < bytes) {
		ck_assert_int_ne(fixture_take(), FLOW_NONE);
		for (next = 0; flows[next] != fixture.flow; next++)
			;
		ret_got[next] += fixture.taken.len;
		got += fixture.taken.len;
		fixture_put_udp(flows[next], 0,
			least[next] + random_below(&random, most[next] - least[next] + 1));
	}
	fixture_drain();
}

/* Deficit round robin: no two differ by more than a quantum and a packet of each. */
static void assert_even(const size_t *least, const size_t *most, size_t count)
{
	unsigned flows[4];
	size_t got[4];

	fixture_flows(flows, count);
	serve(flows, least, most, count, 3000000, got);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			size_t apart = got[i] > got[j] ? got[i] - got[j] : got[j] - got[i];
			ck_assert_uint_le(apart, fixture.part_max + most[i] + most[j]);
		}
	}
}

START_TEST(bulk_flows_share_evenly)
{
	static const size_t same[] = { 1500, 1500, 1500, 1500 };
	static const size_t small[] = { 1500, 100, 9000, 40 };
	static const size_t least[] = { 100, 32, 1000, 32 }, most[] = { 1500, 100, 9000, 60000 };

	for (int i = 0; i < 2; i++) {
		fixture.part_max = i == 0 ? FIXTURE_PART_MAX
					  : 20000; /* what is not cut counts in full */
		assert_even(same, same, 4);
		assert_even(small, small, 4);
		assert_even(least, most, 4);
	}
}
END_TEST

/* A flow that sends its next packet as soon as one has left is not new each time. */
START_TEST(persistent_flow_gets_its_share_only)
{
	static const size_t size[] = { 1000, 1000 };
	unsigned flows[2];
	int own = 0;

	fixture_flows(flows, 2);
	for (uint32_t i = 0; i < 200; i++)
		fixture_put_udp(flows[0], i, size[0]);
	fixture_put_udp(flows[1], 0, size[1]);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
		own += fixture.flow == flows[1];
		if (fixture.flow == flows[1])
			fixture_put_udp(flows[1], 0, size[1]);
	}
	ck_assert_int_ge(own, 40);
	ck_assert_int_le(own, 60);
}
END_TEST

/*
 * One new flow of one packet after the other: each goes first, but a table has so many places only,
 * and then it is the old one's turn.
 */
START_TEST(new_flows_do_not_starve_old_ones)
{
	enum { PLACES = 1024, TAKES = 20 * PLACES };
	const unsigned bulk = 65535;
	int since = 0, served = 0;

	for (uint32_t i = 0; i < 500; i++)
		fixture_put_udp(bulk, i, 1500);
	for (uint32_t i = 0; i < 4; i++)
		fixture_expect(bulk, i, 1500);
	for (unsigned i = 0; i < TAKES; i++) {
		fixture_put_udp(1 + i % 60000, 0, 60);
		ck_assert_int_eq(fixture_take(), FLOW_WHOLE);
		since = fixture.flow == bulk ? 0 : since + 1;
		served += fixture.flow == bulk;
		/* Also when each of the others has come into its turn once more. */
		ck_assert_int_le(since, 2 * PLACES);
	}
	ck_assert_int_gt(served, 5);
}
END_TEST

/* ---- what is one flow ---- */

/* The second half of a datagram has no ports, whatever its bytes say. */
static void make_fragment(struct inner_packet *inner, bool v6, bool first, uint8_t fill)
{
	if (v6) {
		inner_v6(inner, IPPROTO_FRAGMENT);
		inner_fragment(inner, IPPROTO_UDP, first ? 1 : 1448);
	} else {
		inner_v4(inner, IPPROTO_UDP);
		inner->data[6] = first ? 0x20 : 0;
		inner->data[7] = first ? 0 : 181;
	}
	inner_fill(inner, fill, 1500 - inner->len);
	inner_finish(inner);
}

START_TEST(fragments_stay_together)
{
	static struct inner_packet first, second;

	for (int v6 = 0; v6 < 2; v6++) {
		make_fragment(&first, v6, true, 1);
		for (int fill = 2; fill < 12; fill++) {
			make_fragment(&second, v6, false, (uint8_t)fill);
			ck_assert(fixture_share(fixture.queue, &first, &second));
		}
	}
}
END_TEST

/* Nobody knows where others have their ports, if they have any. */
START_TEST(others_go_by_addresses)
{
	static const uint8_t protocols[] = { IPPROTO_ICMP, IPPROTO_ESP, IPPROTO_GRE, 253 };
	static struct inner_packet a, b;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		inner_v4(&a, protocols[i]);
		inner_fill(&a, 1, 1480);
		inner_finish(&a);
		fixture_copy(&b, &a);
		memset(b.data + 20, 2, 1480);
		ck_assert(fixture_share(fixture.queue, &a, &b));
	}
}
END_TEST

static void set_byte(struct inner_packet *packet, size_t at, uint8_t bits)
{
	packet->data[at] ^= bits;
}

/* Two flows can share a place by chance, but not in each of many queues: each has its own key. */
static bool always_share(const struct inner_packet *a, const struct inner_packet *b)
{
	enum { QUEUES = 8 };
	int shared = 0;

	for (int i = 0; i < QUEUES; i++) {
		struct flow_queue *queue;

		ck_assert_int_eq(flow_queue_new(fixture.worker, &fixture.counters, &queue), 0);
		shared += fixture_share(queue, a, b);
		flow_queue_free(queue);
	}
	return shared == QUEUES;
}

START_TEST(flows_differ_by_each_part)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	static struct inner_packet a, b;

	for (size_t i = 0; i < sizeof(protocols); i++) {
		/* Addresses, then ports: each byte of them. */
		for (size_t at = 12; at < 24; at++) {
			inner_v4(&a, protocols[i]);
			inner_fill(&a, 0x55, 1480);
			inner_finish(&a);
			fixture_copy(&b, &a);
			set_byte(&b, at, 1);
			ck_assert_msg(!always_share(&a, &b), "byte %zu", at);
		}
		for (size_t at = 8; at < 44; at++) {
			inner_v6(&a, protocols[i]);
			inner_fill(&a, 0x55, 1460);
			inner_finish(&a);
			fixture_copy(&b, &a);
			set_byte(&b, at, 1);
			ck_assert_msg(!always_share(&a, &b), "byte %zu", at);
		}
	}
}
END_TEST

/* Without the key nobody can choose an address that shares a slot: any three top bits. */
START_TEST(sharing_cannot_be_chosen)
{
	static struct inner_packet a, b;

	for (size_t i = 8; i < 24; i++) {
		for (size_t j = i + 1; j < 24; j++) {
			for (size_t k = j + 1; k < 24; k++) {
				inner_v6(&a, IPPROTO_UDP);
				inner_fill(&a, 0x55, 1460);
				inner_finish(&a);
				fixture_copy(&b, &a);
				set_byte(&b, i, 0x80);
				set_byte(&b, j, 0x80);
				set_byte(&b, k, 0x80);
				if (fixture_share(fixture.queue, &a, &b))
					ck_assert_msg(
						!always_share(&a, &b), "%zu, %zu, %zu", i, j, k);
			}
		}
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { empty, order_inside_a_flow, sparse_overtakes_bulk,
		bulk_flows_share_evenly, persistent_flow_gets_its_share_only,
		new_flows_do_not_starve_old_ones, fragments_stay_together, others_go_by_addresses,
		flows_differ_by_each_part, sharing_cannot_be_chosen };

	return fixture_run("flow_queue", tests, ARRAY_SIZE(tests));
}
