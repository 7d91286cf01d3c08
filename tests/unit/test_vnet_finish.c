/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums that were left to do, done: what comes out is what the model makes of the packet. */
#include <errno.h>

#include "superpacket_sample.h"
#include "unit.h"

START_TEST(checksums_are_finished)
{
	static const struct sample whole[] = {
		{ .name = "tcp4", .words = 5, .tcp = 8, .flags = 0x18, .payload = 1448 },
		{ .name = "tcp6", .v6 = true, .chain = 2, .tcp = 5, .flags = 0x10, .payload = 1 },
		{ .name = "udp4", .udp = true, .words = 8, .payload = 0 },
		{ .name = "udp6", .udp = true, .v6 = true, .payload = 777 },
	};
	static struct made made;
	static uint8_t expected[65535];

	for (uint64_t seed = 0; seed < (uint64_t)unit_rounds(4000); seed++) {
		struct sample sample = whole[seed % 4];
		struct vnet vnet;

		sample.seed = seed;
		make(&made, &sample);
		memcpy(expected, made.data, made.len);
		model_finish(expected, made.len, made.vnet.csum_start, made.vnet.csum_offset,
			sample.udp ? 17 : 6);
		vnet = made.vnet;
		ck_assert_int_eq(vnet_finish(&vnet, made.data, made.len), 0);
		ck_assert_mem_eq(made.data, expected, made.len);
		ck_assert(vnet_is_plain(&vnet));
	}
}
END_TEST

/* The receiver's sum adds up, and the checksum is not the zero that UDP has for "none". */
static void finish_with(uint32_t word)
{
	uint8_t data[8] = { (uint8_t)(word >> 8), (uint8_t)word, 0x12, 0x34 };
	struct vnet vnet = { .flags = VNET_NEEDS_CSUM, .csum_offset = 6 };
	uint32_t checksum, sum;

	ck_assert_int_eq(vnet_finish(&vnet, data, sizeof(data)), 0);
	checksum = (uint32_t)(data[6] << 8 | data[7]);
	sum = word + 0x1234 + checksum;
	ck_assert_uint_ne(checksum, 0);
	ck_assert_uint_eq((sum >> 16) + (sum & 0xffff), 0xffff);
}

START_TEST(every_checksum_adds_up)
{
	const uint32_t step = (UINT16_MAX + 1) / (uint32_t)unit_rounds(UINT16_MAX);

	for (uint32_t word = 0; word <= UINT16_MAX; word += step)
		finish_with(word);
	finish_with(UINT16_MAX - 0x1234); /* the checksum would be 0 */
}
END_TEST

START_TEST(what_cannot_be_finished_is_left)
{
	uint8_t data[40] = { 0 }, before[40] = { 0 };
	struct vnet vnet = { .flags = VNET_NEEDS_CSUM, .csum_start = 20, .csum_offset = 19 };

	ck_assert_int_eq(vnet_finish(&vnet, data, sizeof(data)), -EINVAL);
	vnet.csum_start = UINT16_MAX;
	vnet.csum_offset = UINT16_MAX;
	ck_assert_int_eq(vnet_finish(&vnet, data, sizeof(data)), -EINVAL);
	vnet = (struct vnet){ .flags = VNET_NEEDS_CSUM,
		.gso_type = VNET_GSO_TCPV4,
		.csum_start = 20,
		.csum_offset = 16 };
	ck_assert_int_eq(vnet_finish(&vnet, data, sizeof(data)), -EINVAL);
	ck_assert_mem_eq(data, before, sizeof(data));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("vnet_finish");

	unit_add(suite, "finished", checksums_are_finished);
	unit_add(suite, "every checksum", every_checksum_adds_up);
	unit_add(suite, "left", what_cannot_be_finished_is_left);
	return suite;
}

int main(void)
{
	return unit_run("vnet_finish", suite());
}
