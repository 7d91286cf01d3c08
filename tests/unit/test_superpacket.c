/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes and compares packets by the hundred thousand, byte by byte. */
/*
 * A superpacket is segmented as a whole by the model, and so is each part that it was cut into: the
 * segments must be the same, byte by byte.
 */
#include "wire/superpacket.h"

#include <errno.h>

#include "superpacket_fixture.h"
#include "unit.h"

static void segment(
	struct model_list *list, const uint8_t *packet, size_t len, const struct vnet *vnet)
{
	const char *wrong = model_segment(list, packet, len, vnet);

	ck_assert_msg(!wrong, "wrong: %s", wrong);
}

static void expect_same(const struct model_list *whole, size_t from, const struct model_list *parts)
{
	ck_assert_uint_eq(parts->count, whole->count - from);
	for (size_t i = 0; i < parts->count; i++) {
		ck_assert_uint_eq(parts->at[i].len, whole->at[from + i].len);
		ck_assert_msg(
			memcmp(parts->at[i].data, whole->at[from + i].data, parts->at[i].len) == 0,
			"segment %zu differs", from + i);
	}
}

/* Cuts and segments the part. */
static void cut(struct under_test *test, size_t segments, struct model_list *list)
{
	size_t left = superpacket_segments(&test->superpacket), count = list->count;
	size_t len = superpacket_piece(&test->superpacket, segments);
	size_t expected = segments < left ? segments : left;
	uint8_t *memory = malloc(len);
	struct writer part;
	struct vnet vnet;

	ck_assert_ptr_nonnull(memory);
	writer_init(&part, memory, len);
	ck_assert_int_eq(superpacket_cut(&test->superpacket, segments, &part, &vnet), 0);
	ck_assert_uint_eq(part.len, len);
	ck_assert_int_eq(vnet.gso_type != VNET_GSO_NONE, expected > 1);
	expect_valid(memory, len, &vnet);
	segment(list, memory, len, &vnet);
	ck_assert_uint_eq(list->count - count, expected);
	ck_assert_uint_eq(superpacket_segments(&test->superpacket), left - expected);
	free(memory);
}

static void expect_empty(struct under_test *test)
{
	struct superpacket before = test->superpacket;
	uint8_t bytes[200] = { 0 };
	struct vnet vnet = { .flags = 77 };
	struct writer part;

	writer_init(&part, bytes, sizeof(bytes));
	ck_assert_uint_eq(superpacket_segments(&before), 0);
	ck_assert_uint_eq(superpacket_piece(&before, 1), 0);
	ck_assert_int_eq(superpacket_cut(&test->superpacket, 1, &part, &vnet), -ENODATA);
	ck_assert_int_eq(superpacket_skip(&test->superpacket, 1), -ENODATA);
	ck_assert_uint_eq(part.len, 0);
	ck_assert_uint_eq(vnet.flags, 77);
	expect_unchanged(&test->superpacket, &before);
}

START_TEST(parts_of_every_size_give_the_same_segments)
{
	struct sample sample = samples[_i];

	/* Ten whole segments; then a last one that is short. */
	for (size_t extra = 0; extra < 2; extra++) {
		struct model_list whole = { .count = 0 };

		sample.segment = 100;
		sample.payload = (uint16_t)(1000 + extra);
		make(&made, &sample);
		segment(&whole, made.data, made.len, &made.vnet);
		ck_assert_uint_eq(whole.count, 10 + extra);
		for (size_t size = 1; size <= 12; size++) {
			struct model_list parts = { .count = 0 };
			struct under_test test;

			begin(&test, &sample);
			ck_assert_uint_eq(superpacket_segments(&test.superpacket), whole.count);
			while (superpacket_segments(&test.superpacket) > 0)
				cut(&test, size, &parts);
			expect_same(&whole, 0, &parts);
			expect_empty(&test);
			model_free(&parts);
			free(test.memory);
		}
		model_free(&whole);
	}
}
END_TEST

static struct sample random_sample(struct random *random)
{
	static const uint16_t sizes[] = { 16, 64, 100, 536, 1220, 1448, 1500, 9000, 40000 };
	struct sample sample = {
		.v6 = random_below(random, 2) == 0,
		.udp = random_below(random, 2) == 0,
		.df = random_below(random, 2) == 0,
		.words = (uint8_t)(5 + random_below(random, 11)),
		.chain = (uint8_t)random_below(random, 4),
		.tcp = (uint8_t)(5 + random_below(random, 11)),
		.flags = (uint8_t)random_next(random),
		.id = (uint16_t)random_next(random),
		.number = (uint32_t)random_next(random),
		.segment = sizes[random_below(random, ARRAY_SIZE(sizes))],
		.seed = random_next(random),
	};
	size_t most = 65535 - 300, segments = 1 + random_below(random, 64);

	if (segments * sample.segment < most)
		most = segments * sample.segment;
	sample.payload = (uint16_t)(most - random_below(random, sample.segment));
	if (random_below(random, 20) == 0)
		sample.payload = (uint16_t)random_below(random, 3);
	return sample;
}

START_TEST(random_cuts_give_the_same_segments)
{
	struct random random = { 1 };

	for (int i = 0; i < 400; i++) {
		struct sample sample = random_sample(&random);
		struct model_list whole = { .count = 0 }, parts = { .count = 0 };
		struct under_test test;

		begin(&test, &sample);
		segment(&whole, made.data, made.len, &made.vnet);
		while (superpacket_segments(&test.superpacket) > 0)
			cut(&test, 1 + random_below(&random, i % 2 == 0 ? 5 : 40), &parts);
		expect_same(&whole, 0, &parts);
		expect_empty(&test);
		model_free(&whole);
		model_free(&parts);
		free(test.memory);
	}
}
END_TEST

START_TEST(what_is_skipped_is_missing_only)
{
	struct random random = { 2 };

	for (int i = 0; i < 200; i++) {
		struct sample sample = random_sample(&random);
		struct model_list whole = { .count = 0 }, parts = { .count = 0 };
		size_t first = random_below(&random, 3), skipped = 1 + random_below(&random, 20);
		struct under_test test;

		begin(&test, &sample);
		segment(&whole, made.data, made.len, &made.vnet);
		if (first > 0)
			cut(&test, first, &parts);
		first = parts.count;
		model_free(&parts);
		if (superpacket_segments(&test.superpacket) > 0)
			ck_assert_int_eq(superpacket_skip(&test.superpacket, skipped), 0);
		skipped = first + skipped < whole.count ? first + skipped : whole.count;
		ck_assert_uint_eq(superpacket_segments(&test.superpacket), whole.count - skipped);
		while (superpacket_segments(&test.superpacket) > 0)
			cut(&test, 3, &parts);
		expect_same(&whole, skipped, &parts);
		expect_empty(&test);
		model_free(&whole);
		model_free(&parts);
		free(test.memory);
	}
}
END_TEST

START_TEST(all_at_once_is_the_whole)
{
	static const size_t enough[] = { 4, 5, 65536, SIZE_MAX,
		SIZE_MAX / 2 + 1 /* of which bytes would wrap around to none */ };
	struct sample sample = samples[_i];

	sample.segment = 700;
	sample.payload = 2500;
	for (size_t i = 0; i < ARRAY_SIZE(enough); i++) {
		static uint8_t bytes[65535];
		struct under_test test;
		struct writer part;
		struct vnet vnet;

		begin(&test, &sample);
		writer_init(&part, bytes, sizeof(bytes));
		ck_assert_uint_eq(superpacket_piece(&test.superpacket, enough[i]), made.len);
		ck_assert_int_eq(superpacket_cut(&test.superpacket, enough[i], &part, &vnet), 0);
		ck_assert_uint_eq(part.len, made.len);
		ck_assert_mem_eq(bytes, made.data, made.len);
		ck_assert_mem_eq(&vnet, &made.vnet, sizeof(vnet));
		expect_empty(&test);
		free(test.memory);
	}
}
END_TEST

/* Said here once more in numbers, since the model might be wrong in the same way. */
START_TEST(flags_and_counts_go_where_they_belong)
{
	static const struct {
		uint8_t flags, gso_type;
		uint16_t id;
		uint32_t sequence;
	} expected[] = {
		{ 0xf6, VNET_GSO_TCPV4 | VNET_GSO_ECN, 0xfffe, 0xffffff00 },
		{ 0x76, VNET_GSO_TCPV4, 0x0000, 0x000000c8 },
		{ 0x7f, VNET_GSO_NONE, 0x0002, 0x00000290 },
	};
	const struct sample sample = { .words = 5,
		.tcp = 5,
		.flags = ALL_FLAGS,
		.id = 0xfffe,
		.number = 0xffffff00,
		.segment = 228,
		.payload = 1000 };
	struct under_test test;

	begin(&test, &sample);
	for (size_t i = 0; i < 3; i++) {
		uint8_t bytes[600];
		struct writer part;
		struct vnet vnet;

		writer_init(&part, bytes, sizeof(bytes));
		ck_assert_int_eq(superpacket_cut(&test.superpacket, 2, &part, &vnet), 0);
		ck_assert_uint_eq(vnet.gso_type, expected[i].gso_type);
		ck_assert_uint_eq(vnet.flags, VNET_NEEDS_CSUM);
		ck_assert_uint_eq(model_get16(bytes + 4), expected[i].id);
		ck_assert_uint_eq(model_get16(bytes + 24) * 65536u + model_get16(bytes + 26),
			expected[i].sequence);
		ck_assert_uint_eq(bytes[33], expected[i].flags);
	}
	expect_empty(&test);
	free(test.memory);
}
END_TEST

START_TEST(a_part_of_one_segment_is_a_plain_packet)
{
	struct sample sample = samples[_i];
	const struct vnet plain = {
		.flags = VNET_NEEDS_CSUM,
		.csum_offset = sample.udp ? 6 : 16,
	};

	sample.segment = 300;
	sample.payload = 650;
	for (size_t behind = 0; behind < 3; behind++) {
		uint8_t bytes[1000];
		struct under_test test;
		struct writer part;
		struct vnet vnet, expected = plain;

		begin(&test, &sample);
		writer_init(&part, bytes, sizeof(bytes));
		if (behind > 0)
			ck_assert_int_eq(superpacket_skip(&test.superpacket, behind), 0);
		ck_assert_int_eq(superpacket_cut(&test.superpacket, 1, &part, &vnet), 0);
		expected.csum_start = made.vnet.csum_start;
		ck_assert_mem_eq(&vnet, &expected, sizeof(vnet));
		ck_assert_uint_eq(part.len, made.len - 650 + (behind < 2 ? 300 : 50));
		free(test.memory);
	}
}
END_TEST

START_TEST(no_payload_is_one_segment)
{
	struct sample sample = samples[_i];
	struct model_list parts = { .count = 0 };
	struct under_test test;

	sample.segment = 300;
	begin(&test, &sample);
	ck_assert_uint_eq(superpacket_segments(&test.superpacket), 1);
	ck_assert_uint_eq(superpacket_piece(&test.superpacket, 1), made.len);
	cut(&test, 1, &parts);
	ck_assert_uint_eq(parts.count, 1);
	ck_assert_uint_eq(parts.at[0].len, made.len);
	expect_empty(&test);
	model_free(&parts);
	free(test.memory);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("superpacket");

	add_each(suite, "every size", parts_of_every_size_give_the_same_segments);
	unit_add(suite, "random", random_cuts_give_the_same_segments);
	unit_add(suite, "skip", what_is_skipped_is_missing_only);
	add_each(suite, "whole", all_at_once_is_the_whole);
	unit_add(suite, "flags", flags_and_counts_go_where_they_belong);
	add_each(suite, "one segment", a_part_of_one_segment_is_a_plain_packet);
	add_each(suite, "no payload", no_payload_is_one_segment);
	return suite;
}

int main(void)
{
	return unit_run("superpacket", suite());
}
