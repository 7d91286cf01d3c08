/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It compares packets byte by byte for every length. */
/* Where parts go, what does not fit there, and what is no superpacket at all. */
#include "wire/superpacket.h"

#include <errno.h>

#include "superpacket_fixture.h"
#include "unit.h"

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
	len = superpacket_piece(&before, 2);
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
	ck_assert_uint_eq(superpacket_piece(&test.superpacket, 0), 0);
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

static Suite *suite(void)
{
	Suite *suite = suite_create("superpacket_limits");

	add_each(suite, "room", too_little_room_changes_nothing);
	add_each(suite, "append", parts_are_appended);
	add_each(suite, "refused", what_is_no_superpacket_is_refused);
	return suite;
}

int main(void)
{
	return unit_run("superpacket_limits", suite());
}
