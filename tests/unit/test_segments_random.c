/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes and compares packets by the ten thousand, byte by byte; the sanitizers look as well. */
/*
 * Many flows at once go through the sender's cutting and the receiver's gathering, as a lane does both,
 * and some packets on their way are lost, doubled, swapped or changed. What TUN gets, segmented by the
 * model, must be what was sent: every packet, byte by byte, in its flow's order.
 */
#include "random_flows.h"

enum { FLOWS = 12, BURSTS = 60 };

static struct test_flow flows[FLOWS];
static struct model_list expected, arrived;

/* The segments of what is pending are those of the whole. */
static void expect_segments(const struct test_flow *flow, const struct made *made)
{
	struct model_list whole = { .count = 0 }, parts = { .count = 0 };

	ck_assert_ptr_null(model_segment(&whole, made->data, made->len, &made->vnet));
	for (size_t i = 0; i < flow->count; i++)
		note(&parts, flow->pending[i].data, flow->pending[i].len, &flow->pending[i].vnet);
	ck_assert_uint_eq(parts.count, whole.count);
	for (size_t i = 0; i < whole.count; i++) {
		ck_assert_uint_eq(parts.at[i].len, whole.at[i].len);
		ck_assert_mem_eq(parts.at[i].data, whole.at[i].data, whole.at[i].len);
	}
	model_free(&whole);
	model_free(&parts);
}

/* As flow_queue.c and lane_queue.c cut for a peer that takes no superpackets, or only smaller ones. */
static void send_more(struct test_flow *flow)
{
	static struct made made, copy;
	size_t segments = one_in(4) ? 1 + random_below(&master, 5) : 1;
	bool finishes = !one_in(6);
	struct superpacket whole;

	flow->count = flow->next = 0;
	make_next(&made, flow);
	copy = made;
	ck_assert_int_eq(superpacket_init(&whole, copy.data, copy.len, &copy.vnet), 0);
	while (superpacket_segments(&whole) > 0) {
		static uint8_t memory[65535];
		struct writer part;
		struct vnet vnet;

		writer_init(&part, memory, sizeof(memory));
		ck_assert_int_eq(superpacket_cut(&whole, segments, &part, &vnet), 0);
		if (vnet.gso_type == VNET_GSO_NONE && finishes)
			ck_assert_int_eq(vnet_finish(&vnet, memory, part.len), 0);
		pend(flow, memory, part.len, &vnet);
	}
	expect_segments(flow, &made);
}

/* ---- on its way ---- */

/* A field is another one; mostly with checksums that say so. The packet is bare. */
static void change(struct sent *sent)
{
	struct packet packet;
	size_t headers;
	uint8_t before;

	if (packet_parse(sent->data, sent->len, &packet) < 0) /* it was changed before */
		return;
	before = sent->data[0];
	headers = packet.transport + (packet.protocol == IPPROTO_TCP ? 20u : 8u);
	if (headers > sent->len)
		return;
	sent->data[random_below(&master, one_in(3) ? sent->len : headers)] ^= (uint8_t)(1u
		<< random_below(&master, 8));
	if (!one_in(3) && sent->data[0] == before)
		model_finish(sent->data, sent->len, packet.transport,
			packet.protocol == IPPROTO_TCP ? 16 : 6, packet.protocol);
}

static void disturb(struct test_flow *flow)
{
	struct sent *sent = &flow->pending[flow->next], lost;

	if (one_in(15) && vnet_is_plain(&sent->vnet))
		change(sent);
	if (one_in(40) && flow->next + 1 < flow->count) {
		lost = sent[0];
		sent[0] = sent[1];
		sent[1] = lost;
	}
	if (one_in(40) && flow->next + 1 < flow->count) {
		free(sent->data);
		flow->next++;
	}
	if (one_in(40) && flow->count < PENDING_MAX)
		pend(flow, flow->pending[flow->next].data, flow->pending[flow->next].len,
			&flow->pending[flow->next].vnet);
}

/* ---- what has come ---- */

/* TCP's ports; those of a packet that ends before them are none. */
static uint32_t ports_of(const uint8_t *data, size_t len, const struct packet *packet)
{
	uint32_t ports = 0;

	if (packet->protocol == IPPROTO_TCP && !packet->fragment && len >= packet->transport + 4u)
		memcpy(&ports, data + packet->transport, sizeof(ports));
	return ports;
}

static bool same_flow(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct packet left, right;

	ck_assert_int_eq(packet_parse(a, a_len, &left), 0);
	ck_assert_int_eq(packet_parse(b, b_len, &right), 0);
	return left.family == right.family && left.protocol == right.protocol &&
		left.fragment == right.fragment &&
		memcmp(left.source, right.source, left.family == AF_INET ? 8 : 32) == 0 &&
		ports_of(a, a_len, &left) == ports_of(b, b_len, &right);
}

/* What has arrived is what was sent; each flow in its order. */
static void compare(void)
{
	static bool used[BURST_MAX * PENDING_MAX];

	ck_assert_uint_eq(arrived.count, expected.count);
	ck_assert_uint_le(expected.count, sizeof(used));
	memset(used, 0, expected.count);
	for (size_t i = 0; i < arrived.count; i++) {
		size_t n = 0;

		while (n < expected.count &&
			(used[n] ||
				!same_flow(arrived.at[i].data, arrived.at[i].len,
					expected.at[n].data, expected.at[n].len)))
			n++;
		ck_assert_uint_lt(n, expected.count);
		used[n] = true;
		ck_assert_uint_eq(arrived.at[i].len, expected.at[n].len);
		ck_assert_mem_eq(arrived.at[i].data, expected.at[n].data, expected.at[n].len);
	}
	model_free(&arrived);
	model_free(&expected);
}

/* The next packet of some flow comes. */
static void step(void)
{
	static size_t number;
	struct test_flow *flow;
	struct sent *sent;
	struct packet packet;

	if (one_in(3))
		number = random_below(&master, FLOWS);
	flow = &flows[number];
	if (flow->next == flow->count) {
		if (one_in(20))
			begin_flow(flow, flow->port);
		send_more(flow);
	}
	disturb(flow);
	sent = &flow->pending[flow->next++];
	if (packet_parse(sent->data, sent->len, &packet) == 0)
		note(&expected, sent->data, sent->len, &sent->vnet);
	if (!take(sent))
		free(sent->data);
}

START_TEST(every_packet_arrives_as_it_was)
{
	master = (struct random){ (uint64_t)_i + 1 };
	set_up();
	for (size_t i = 0; i < FLOWS; i++)
		begin_flow(&flows[i], (uint16_t)(1000 + i));
	for (size_t i = 0; i < BURSTS; i++) {
		size_t steps = 1 + random_below(&master, one_in(4) ? BURST_MAX : 40);

		for (size_t n = 0; n < steps; n++)
			step();
		end_burst(&arrived);
		compare();
	}
	ck_assert_uint_lt(written, taken / 8 * 7); /* it is about what is gathered */
	for (size_t i = 0; i < FLOWS; i++)
		while (flows[i].next < flows[i].count)
			free(flows[i].pending[flows[i].next++].data);
	tear_down();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("segments_random");

	unit_add_loop(suite, "flows", every_packet_arrives_as_it_was, 0, 4);
	return suite;
}

int main(void)
{
	return unit_run("segments_random", suite());
}
