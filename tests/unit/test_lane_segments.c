/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* check: no-valgrind */
/* It carries packets through TLS on threads. */
/* Superpackets between a lane and one whose end takes none of them. */
#include "tests/unit/lane_fixture.h"
#include "tests/unit/superpacket_sample.h"
#include "tests/unit/unit.h"

static struct inner_packet packet;
static struct made made;

/* The header of a superpacket as its sender's kernel leaves it, and as the other end hands it on. */
static void make_superpacket(size_t payload)
{
	const struct sample sample = { .words = 5,
		.tcp = 5,
		.flags = 0x10,
		.segment = 1448,
		.payload = (uint16_t)payload,
		.seed = payload };

	make(&made, &sample);
	memcpy(made.data + 12, (const uint8_t[]){ 10, 1, 0, 5, 10, 2, 0, 7 }, 8);
	model_finish_ipv4(made.data, made.len);
	model_put16(made.data + 36, model_pseudo_sum(made.data, 6, made.len - 20));
}

static void host_send_made(struct side *side)
{
	packet.len = made.len;
	memcpy(packet.data, made.data, made.len);
	host_send(side, &made.vnet, &packet);
}

/* The peer takes no superpackets: it gets the segments, finished, and may put them together itself. */
START_TEST(segments_for_a_peer_without_offloads)
{
	const struct lane_carry cuts = { .offloads_read = OFFLOAD_ALL };
	/* Up to what is in one TLS record, and so in one burst for sure; then any size. */
	static const size_t sizes[] = { 1448, 1449, 10000, 20000, 65000 };

	for (int gro = 0; gro < 2; gro++) {
		const struct lane_carry plain = { .gro = gro };
		struct model_list segments = { .count = 0 };
		struct side client, server;

		sides_start(&client, &server);
		side_carry_as(&client, &cuts);
		side_carry_as(&server, &plain);
		lanes_run(client.worker);
		lanes_run(server.worker);
		for (size_t i = 0; i < (gro ? 3 : 5); i++) {
			make_superpacket(sizes[i]);
			host_send_made(&client);
			if (gro && sizes[i] > 1448) {
				host_expect(&server, &made.vnet, &packet);
				continue;
			}
			ck_assert_ptr_null(
				model_segment(&segments, made.data, made.len, &made.vnet));
			for (size_t n = 0; n < segments.count; n++) {
				packet.len = segments.at[n].len;
				memcpy(packet.data, segments.at[n].data, packet.len);
				host_expect(&server, &lanes_bare, &packet);
			}
			model_free(&segments);
		}
		ck_assert_uint_eq(
			counter_read(&lane_counters(client.lane)->out_packets), gro ? 3 : 5);
		side_assert_drops(&client, DROP_OUT_OFFLOAD, 0);
		side_assert_drops(&server, DROP_IN_OFFLOAD, 0);
		sides_finish(&client, &server);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { segments_for_a_peer_without_offloads };
	Suite *s = suite_create("lane_segments");

	lanes_add(s, "segments", tests, ARRAY_SIZE(tests));
	return s;
}

int main(void)
{
	return unit_run("lane_segments", suite());
}
