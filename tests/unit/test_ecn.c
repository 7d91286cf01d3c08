/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3168, 5: the last two bits of IPv4's TOS byte and of IPv6's traffic class. */
#include "wire/ecn.h"

#include <stdbool.h>

#include "tests/unit/inner_packet.h"
#include "tests/unit/unit.h"

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

enum { LEN_MAX = 40 + 8 + 100 };

static struct inner_packet packet;
static uint8_t before[LEN_MAX]; /* what it was */

/* RFC 1071: the ones' complement sum of the header, with its checksum in it, has all bits set. */
static uint32_t header_sum(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void set_checksum(struct inner_packet *inner, size_t header)
{
	uint32_t sum;

	inner->data[10] = inner->data[11] = 0;
	sum = ~header_sum(inner->data, header);
	inner->data[10] = (uint8_t)(sum >> 8);
	inner->data[11] = (uint8_t)sum;
}

static void make_v4(uint8_t tos, uint16_t id)
{
	inner_v4(&packet, IPPROTO_UDP);
	inner_udp(&packet, 100);
	inner_finish(&packet);
	packet.data[1] = tos;
	packet.data[4] = (uint8_t)(id >> 8);
	packet.data[5] = (uint8_t)id;
	set_checksum(&packet, 20);
	memcpy(before, packet.data, packet.len);
}

static void make_v6(uint8_t traffic_class, uint32_t label)
{
	inner_v6(&packet, IPPROTO_UDP);
	inner_udp(&packet, 100);
	inner_finish(&packet);
	packet.data[0] = (uint8_t)(0x60 | traffic_class >> 4);
	packet.data[1] = (uint8_t)((uint32_t)traffic_class << 4 | label >> 16);
	packet.data[2] = (uint8_t)(label >> 8);
	packet.data[3] = (uint8_t)label;
	memcpy(before, packet.data, packet.len);
}

/* Of some 64 values, as many as the rounds leave. */
static unsigned stride(unsigned all)
{
	return all * (64 / (unsigned)unit_rounds(64));
}

START_TEST(all_v4)
{
	const unsigned finest = 65536 / (unsigned)unit_rounds(65536);

	for (unsigned tos = 0; tos < 256; tos++) {
		/* Every identification, so that the checksum takes all its values. */
		for (unsigned id = 0; id < 65536;
			id += tos == (0xb8 | ECT_0) ? finest : stride(1021)) {
			make_v4((uint8_t)tos, (uint16_t)id);
			bool marked = ecn_mark(packet.data, packet.len);

			ck_assert(marked == ((tos & 3) != NOT_ECT));
			if (marked)
				before[1] = (uint8_t)(tos | CE);
			ck_assert_uint_eq(header_sum(packet.data, 20), 0xffff);
			memcpy(before + 10, packet.data + 10, marked ? 2 : 0);
			ck_assert_mem_eq(packet.data, before, packet.len);
		}
	}
}
END_TEST

START_TEST(v4_with_options)
{
	inner_v4(&packet, IPPROTO_UDP);
	packet.data[0] = 0x46;
	packet.data[1] = ECT_1;
	inner_fill(&packet, 1, 4); /* no-operation */
	inner_udp(&packet, 20);
	inner_finish(&packet);
	set_checksum(&packet, 24);
	ck_assert(ecn_mark(packet.data, packet.len));
	ck_assert_uint_eq(packet.data[1], CE);
	ck_assert_uint_eq(header_sum(packet.data, 24), 0xffff);
}
END_TEST

START_TEST(all_v6)
{
	for (unsigned class = 0; class < 256; class ++) {
		for (uint32_t label = 0; label < 0x100000; label += stride(16411)) {
			make_v6((uint8_t) class, label);
			bool marked = ecn_mark(packet.data, packet.len);

			ck_assert(marked == ((class & 3) != NOT_ECT));
			if (marked) {
				make_v6((uint8_t)(class | CE), label);
				ck_assert(ecn_mark(packet.data, packet.len)); /* no change */
			}
			ck_assert_mem_eq(packet.data, before, packet.len);
		}
	}
}
END_TEST

/* Twice is as once. */
START_TEST(marked_already)
{
	make_v4(ECT_0, 7);
	ck_assert(ecn_mark(packet.data, packet.len));
	memcpy(before, packet.data, packet.len);
	ck_assert(ecn_mark(packet.data, packet.len));
	ck_assert_mem_eq(packet.data, before, packet.len);
}
END_TEST

/* The shortest packets there are, in memory that ends with them. */
START_TEST(shortest)
{
	for (int v6 = 0; v6 < 2; v6++) {
		size_t len = v6 ? 40 : 20;
		uint8_t *data = malloc(len);

		ck_assert_ptr_nonnull(data);
		if (v6)
			make_v6(ECT_0, 0);
		else
			make_v4(ECT_0, 0);
		memcpy(data, packet.data, len);
		ck_assert(ecn_mark(data, len));
		ck_assert_uint_eq(v6 ? data[1] >> 4 : data[1], CE);
		free(data);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ecn");

	unit_add(s, "all_v4", all_v4);
	unit_add(s, "v4_with_options", v4_with_options);
	unit_add(s, "all_v6", all_v6);
	unit_add(s, "marked_already", marked_already);
	unit_add(s, "shortest", shortest);
	return s;
}

int main(void)
{
	return unit_run("ecn", suite());
}
