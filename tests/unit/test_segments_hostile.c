/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes packets by the ten thousand; the sanitizers look as well. */
/*
 * Superpackets with random bytes in their headers, offload headers and lengths, as a hostile peer could
 * send them: whatever our checks let through is harmless to all that handles it afterwards.
 */
#include "random_flows.h"
#include "wire/ecn.h"

static struct test_flow flow;

/* What our own checks let through can be cut, and its parts pass them again. */
static void cut_all(const struct sent *sent)
{
	struct sent copy = *sent;
	struct superpacket whole;

	copy.data = malloc(sent->len);
	ck_assert_ptr_nonnull(copy.data);
	memcpy(copy.data, sent->data, sent->len);
	if (superpacket_init(&whole, copy.data, copy.len, &copy.vnet) == 0) {
		while (superpacket_segments(&whole) > 0) {
			size_t segments = 1 + random_below(&master, one_in(2) ? 3 : 3000);
			static uint8_t memory[65535];
			struct packet packet;
			struct writer part;
			struct vnet vnet;

			if (one_in(4)) {
				ck_assert_int_eq(superpacket_skip(&whole, segments), 0);
				continue;
			}
			writer_init(&part, memory, sizeof(memory));
			ck_assert_int_eq(superpacket_cut(&whole, segments, &part, &vnet), 0);
			ck_assert_int_eq(packet_parse(memory, part.len, &packet), 0);
			ck_assert_int_eq(vnet_check(&vnet, &packet, memory, OFFLOAD_ALL), 0);
			if (one_in(2))
				break;
		}
	}
	free(copy.data);
}

/* What a sender does with what its kernel hands it, whatever that is. */
static void finish_and_mark(const struct sent *sent)
{
	uint8_t *data = malloc(sent->len);
	struct vnet vnet = sent->vnet;
	struct packet packet;
	struct packet_quote quote;

	ck_assert_ptr_nonnull(data);
	memcpy(data, sent->data, sent->len);
	if (packet_parse(data, sent->len, &packet) == 0) {
		(void)ecn_mark(data, sent->len);
		(void)packet_quoted(&packet, data, &quote);
		(void)packet_is_local_noise(&packet);
		(void)vnet_is_outermost(&vnet, &packet);
	}
	(void)vnet_finish(&vnet, data, sent->len);
	free(data);
}

/* A few bytes of the headers, of the offload header or of the packet's end are others. */
static void mutate(struct sent *sent)
{
	uint16_t *const fields[] = { &sent->vnet.gso_size, &sent->vnet.csum_start,
		&sent->vnet.csum_offset, &sent->vnet.header_len };
	static const uint8_t protocols[] = { 0, 1, 6, 17, 43, 44, 50, 51, 58, 60, 136 };
	size_t headers = sent->len < 100 ? sent->len : 100;

	for (size_t n = random_below(&master, 4); n > 0; n--)
		sent->data[random_below(&master, headers)] = (uint8_t)random_next(&master);
	if (one_in(3))
		sent->data[sent->data[0] / 16 == 4 ? 9 : 6] =
			protocols[random_below(&master, sizeof(protocols))];
	if (one_in(3))
		*fields[random_below(&master, 4)] = (uint16_t)(one_in(2)
				? random_below(&master, 100)
				: random_next(&master));
	if (one_in(4))
		sent->vnet.gso_type = (uint8_t)(random_below(&master, 8) | (one_in(2) ? 0x80 : 0));
	if (one_in(4))
		sent->vnet.flags = (uint8_t)random_below(&master, 4);
	if (one_in(3)) {
		sent->len = 20 + random_below(&master, sent->len - 19);
		sent->data = realloc(sent->data, sent->len);
		ck_assert_ptr_nonnull(sent->data);
	}
	/* Else nearly all would be refused for their lengths alone. */
	if (!one_in(4) && sent->data[0] / 16 == 4)
		model_put16(sent->data + 2, sent->len);
	else if (!one_in(4) && sent->len >= 40)
		model_put16(sent->data + 4, sent->len - 40);
}

START_TEST(hostile_packets_harm_nothing)
{
	enum { ROUNDS = 4000 };

	master = (struct random){ (uint64_t)_i + 100 };
	set_up();
	for (size_t i = 0; i < ROUNDS; i++) {
		static struct made made;
		struct sent sent;

		flow.count = flow.next = 0;
		if (i % 8 == 0)
			begin_flow(&flow, 1000);
		make_next(&made, &flow);
		if (one_in(2) && made.len > 1500)
			continue;
		pend(&flow, made.data, made.len, &made.vnet);
		sent = flow.pending[0];
		mutate(&sent);
		cut_all(&sent);
		finish_and_mark(&sent);
		if (!take(&sent))
			free(sent.data);
		if (one_in(8) || burst_count == BURST_MAX)
			end_burst(NULL);
	}
	end_burst(NULL);
	ck_assert_uint_gt(taken, ROUNDS / 20);
	tear_down();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("segments_hostile");

	unit_add_loop(suite, "hostile", hostile_packets_harm_nothing, 0, 2);
	return suite;
}

int main(void)
{
	return unit_run("segments_hostile", suite());
}
