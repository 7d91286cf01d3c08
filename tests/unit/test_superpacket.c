/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes and compares packets by the hundred thousand, byte by byte. */
/*
 * A superpacket is segmented as a whole by the model, and so is each part that it was cut into: the
 * segments must be the same, byte by byte.
 */
#include "wire/superpacket.h"

#include <errno.h>

#include "superpacket_sample.h"
#include "unit.h"

enum { FIN = 0x01, PSH = 0x08, ACK = 0x10, CWR = 0x80, ALL_FLAGS = 0xff };

static const struct sample samples[] = {
	{ .name = "tcp4", .words = 5, .tcp = 8, .flags = PSH | ACK, .df = true, .id = 7 },
	{ .name = "tcp4, all flags", .words = 5, .tcp = 5, .flags = ALL_FLAGS, .id = 0xfffe },
	{ .name = "tcp4, options", .words = 15, .tcp = 15, .flags = FIN | ACK, .id = 0xffff },
	{ .name = "tcp6", .v6 = true, .tcp = 8, .flags = PSH | ACK, .number = 0xfffffff0 },
	{ .name = "tcp6, all flags", .v6 = true, .tcp = 6, .flags = ALL_FLAGS },
	{ .name = "tcp6, chain", .v6 = true, .chain = 3, .tcp = 15, .flags = CWR | ACK },
	{ .name = "udp4", .udp = true, .words = 5, .df = true, .id = 7 },
	{ .name = "udp4, options", .udp = true, .words = 11, .id = 0xfff0 },
	{ .name = "udp6", .udp = true, .v6 = true },
	{ .name = "udp6, chain", .udp = true, .v6 = true, .chain = 2 },
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static struct made made;

/* A copy in memory of its exact size, so that touching more is noticed. */
struct under_test {
	struct superpacket superpacket;
	uint8_t *memory;
};

static void begin(struct under_test *test, const struct sample *sample)
{
	make(&made, sample);
	test->memory = malloc(made.len);
	ck_assert_ptr_nonnull(test->memory);
	memcpy(test->memory, made.data, made.len);
	ck_assert_int_eq(
		superpacket_init(&test->superpacket, test->memory, made.len, &made.vnet), 0);
}

static void segment(
	struct model_list *list, const uint8_t *packet, size_t len, const struct vnet *vnet)
{
	const char *wrong = model_segment(list, packet, len, vnet);

	ck_assert_msg(wrong == NULL, "wrong: %s", wrong);
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

/* What our own checks say of a part: the peer will ask them, too. */
static void expect_valid(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct vnet cleaned = *vnet;
	struct packet packet;

	ck_assert_int_eq(packet_parse(data, len, &packet), 0);
	ck_assert_int_eq(vnet_check(&cleaned, &packet, data, OFFLOAD_ALL), 0);
	ck_assert_mem_eq(&cleaned, vnet, sizeof(cleaned));
}

/* Cuts and segments the part. */
static void cut(struct under_test *test, size_t segments, struct model_list *list)
{
	size_t left = superpacket_segments(&test->superpacket), count = list->count;
	size_t len = superpacket_part(&test->superpacket, segments);
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

/* Member by member: there is padding behind the last. */
static void expect_unchanged(const struct superpacket *now, const struct superpacket *before)
{
	ck_assert_ptr_eq(now->data, before->data);
	ck_assert_uint_eq(now->len, before->len);
	ck_assert_mem_eq(&now->vnet, &before->vnet, sizeof(before->vnet));
	ck_assert_uint_eq(now->ip_header, before->ip_header);
	ck_assert_uint_eq(now->headers, before->headers);
}

static void expect_empty(struct under_test *test)
{
	struct superpacket before = test->superpacket;
	uint8_t bytes[200] = { 0 };
	struct vnet vnet = { .flags = 77 };
	struct writer part;

	writer_init(&part, bytes, sizeof(bytes));
	ck_assert_uint_eq(superpacket_segments(&before), 0);
	ck_assert_uint_eq(superpacket_part(&before, 1), 0);
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
		.segment = sizes[random_below(random, sizeof(sizes) / sizeof(sizes[0]))],
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
	for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++) {
		static uint8_t bytes[65535];
		struct under_test test;
		struct writer part;
		struct vnet vnet;

		begin(&test, &sample);
		writer_init(&part, bytes, sizeof(bytes));
		ck_assert_uint_eq(superpacket_part(&test.superpacket, enough[i]), made.len);
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
	ck_assert_uint_eq(superpacket_part(&test.superpacket, 1), made.len);
	cut(&test, 1, &parts);
	ck_assert_uint_eq(parts.count, 1);
	ck_assert_uint_eq(parts.at[0].len, made.len);
	expect_empty(&test);
	model_free(&parts);
	free(test.memory);
}
END_TEST

START_TEST(too_little_room_changes_nothing)
{
	struct sample sample = samples[_i];
	struct superpacket before;
	struct vnet vnet = { .flags = 77 };
	struct under_test test;
	uint8_t bytes[1000];
	struct writer part;
	size_t len;

	sample.segment = 30;
	sample.payload = 100;
	begin(&test, &sample);
	before = test.superpacket;
	len = superpacket_part(&before, 2);
	ck_assert_uint_eq(len, made.len - 40);
	for (size_t room = 0; room < len; room++) {
		memset(bytes, 0xee, sizeof(bytes));
		writer_init(&part, bytes, room + 5);
		part.len = 5;
		ck_assert_int_eq(superpacket_cut(&test.superpacket, 2, &part, &vnet), -ENOBUFS);
		ck_assert_uint_eq(part.len, 5);
		for (size_t i = 0; i < sizeof(bytes); i++)
			ck_assert_uint_eq(bytes[i], 0xee);
	}
	writer_init(&part, bytes, sizeof(bytes));
	ck_assert_int_eq(superpacket_cut(&test.superpacket, 0, &part, &vnet), -EINVAL);
	ck_assert_int_eq(superpacket_skip(&test.superpacket, 0), -EINVAL);
	ck_assert_uint_eq(superpacket_part(&test.superpacket, 0), 0);
	ck_assert_uint_eq(part.len, 0);
	ck_assert_uint_eq(vnet.flags, 77);
	expect_unchanged(&test.superpacket, &before);
	ck_assert_mem_eq(test.memory, made.data, made.len);
	free(test.memory);
}
END_TEST

START_TEST(parts_are_appended)
{
	struct sample sample = samples[_i];
	static uint8_t bytes[4000];
	struct under_test test;
	struct writer part;
	struct vnet vnet;
	size_t first;

	sample.segment = 300;
	sample.payload = 900;
	begin(&test, &sample);
	writer_init(&part, bytes, sizeof(bytes));
	ck_assert_int_eq(superpacket_cut(&test.superpacket, 1, &part, &vnet), 0);
	first = part.len;
	ck_assert_int_eq(superpacket_cut(&test.superpacket, 2, &part, &vnet), 0);
	expect_valid(bytes + first, part.len - first, &vnet);
	vnet = (struct vnet){ .flags = VNET_NEEDS_CSUM,
		.csum_start = vnet.csum_start,
		.csum_offset = vnet.csum_offset };
	expect_valid(bytes, first, &vnet);
	free(test.memory);
}
END_TEST

static void expect_refused(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct superpacket superpacket, before;
	uint8_t *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	memset(&superpacket, 0x55, sizeof(superpacket));
	before = superpacket;
	ck_assert_int_eq(superpacket_init(&superpacket, copy, len, vnet), -EINVAL);
	ck_assert_mem_eq(&superpacket, &before, sizeof(before));
	ck_assert_mem_eq(copy, data, len);
	free(copy);
}

static void expect_vnet_refused(size_t change)
{
	struct vnet vnet = made.vnet;

	switch (change) {
	case 0:
		vnet.gso_type = VNET_GSO_NONE;
		break;
	case 1:
		vnet.gso_type = 3; /* UFO, long gone */
		break;
	case 2:
		vnet.gso_size = 0;
		break;
	case 3:
		vnet.flags = 0;
		break;
	case 4:
		vnet.csum_start++;
		break;
	default:
		vnet.csum_offset++;
		break;
	}
	expect_refused(made.data, made.len, &vnet);
}

START_TEST(what_is_no_superpacket_is_refused)
{
	struct sample sample = samples[_i];

	sample.segment = 100;
	sample.payload = 250;
	make(&made, &sample);
	for (size_t change = 0; change < 6; change++)
		expect_vnet_refused(change);
	for (size_t len = 0; len < made.len; len++)
		expect_refused(made.data, len, &made.vnet);
	made.data[sample.v6 ? 6 : 9] = 132; /* SCTP */
	expect_refused(made.data, made.len, &made.vnet);
	make(&made, &sample);
	if (!sample.v6) {
		made.data[6] |= 0x20; /* more fragments */
		expect_refused(made.data, made.len, &made.vnet);
	}
}
END_TEST

static void add_each(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_add_loop_test(tcase, test, 0, SAMPLES);
	suite_add_tcase(suite, tcase);
}

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
	add_each(suite, "room", too_little_room_changes_nothing);
	add_each(suite, "append", parts_are_appended);
	add_each(suite, "refused", what_is_no_superpacket_is_refused);
	return suite;
}

int main(void)
{
	return unit_run("superpacket", suite());
}
