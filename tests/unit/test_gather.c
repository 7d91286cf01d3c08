/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model segments a superpacket; what is gathered of the segments must be that superpacket again,
 * byte by byte. And one after the other, whatever is not alike ends it.
 */
#include "wire/gather.h"

#include <errno.h>

#include "superpacket_sample.h"
#include "unit.h"

enum {
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80
};

static const struct sample samples[] = {
	{ .name = "tcp4", .words = 5, .tcp = 8, .flags = PSH | ACK, .df = true, .id = 7 },
	{ .name = "tcp4, identifications wrap", .words = 5, .tcp = 5, .flags = ACK, .id = 0xfffe },
	{ .name = "tcp4, congested", .words = 5, .tcp = 15, .flags = ECE | ACK, .id = 1 },
	{ .name = "tcp6", .v6 = true, .tcp = 8, .flags = PSH | ACK, .number = 0xfffffff0 },
	{ .name = "tcp6, options", .v6 = true, .tcp = 15, .flags = ACK },
};

enum { SAMPLES = ARRAY_SIZE(samples), SEGMENT = 1000 };

static struct made made;
static struct model_list segments;
static struct gather gather;

static struct packet parse(size_t number)
{
	struct packet packet;

	ck_assert_int_eq(
		packet_parse(segments.at[number].data, segments.at[number].len, &packet), 0);
	return packet;
}

static void begin_with(size_t number)
{
	struct packet packet = parse(number);

	ck_assert(gather_can_begin(&packet, segments.at[number].data));
	gather_begin(&gather, &packet, segments.at[number].data);
}

static int add(size_t number)
{
	struct packet packet = parse(number);

	ck_assert(gather_is_same_flow(&gather, &packet, segments.at[number].data));
	return gather_add(&gather, &packet, segments.at[number].data);
}

/* The segments of sample `i` with so many bytes of payload. */
static void segment(int i, size_t payload)
{
	struct sample sample = samples[i];

	sample.segment = SEGMENT;
	sample.payload = (uint16_t)payload;
	sample.seed = payload;
	make(&made, &sample);
	model_free(&segments);
	ck_assert_ptr_null(model_segment(&segments, made.data, made.len, &made.vnet));
}

/* All parts in a row. */
static size_t flatten(uint8_t out[static 65535])
{
	size_t len = 0;

	for (size_t i = 1; i <= gather.count; i++) {
		memcpy(out + len, gather.part[i].iov_base, gather.part[i].iov_len);
		len += gather.part[i].iov_len;
	}
	return len;
}

START_TEST(segments_become_what_they_were)
{
	static const size_t payloads[] = { 1001, 2000, 2500, 10000, 41001, 64000 };
	static uint8_t out[65535];

	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		struct vnet vnet;

		segment(_i, payloads[i]);
		begin_with(0);
		for (size_t n = 1; n < segments.count; n++)
			ck_assert_int_eq(add(n), 0);
		gather_end(&gather, &vnet);
		ck_assert_uint_eq(gather.count, segments.count);
		ck_assert_uint_eq(flatten(out), made.len);
		ck_assert_uint_eq(gather.len, made.len);
		ck_assert_mem_eq(out, made.data, made.len);
		ck_assert_mem_eq(&vnet, &made.vnet, sizeof(vnet));
	}
	model_free(&segments);
}
END_TEST

START_TEST(one_alone_is_as_it_came)
{
	static uint8_t before[65535];
	struct vnet vnet;

	segment(_i, 2 * SEGMENT);
	memcpy(before, segments.at[0].data, segments.at[0].len);
	begin_with(0);
	gather_end(&gather, &vnet);
	ck_assert(vnet_is_plain(&vnet));
	ck_assert_uint_eq(gather.part[1].iov_len, segments.at[0].len);
	ck_assert_mem_eq(gather.part[1].iov_base, before, segments.at[0].len);
	model_free(&segments);
}
END_TEST

START_TEST(nothing_follows_a_push_or_a_short_one)
{
	segment(0, 3 * SEGMENT);
	begin_with(0);
	segments.at[1].data[20 + 13] |= PSH;
	model_finish(segments.at[1].data, segments.at[1].len, 20, 16, 6);
	ck_assert_int_eq(add(1), 0);
	ck_assert_int_eq(add(2), -EINVAL);

	segment(1, 3 * SEGMENT);
	begin_with(0);
	segments.at[1].len--;
	model_finish(segments.at[1].data, segments.at[1].len, 20, 16, 6);
	ck_assert_int_eq(add(1), 0);
	ck_assert_int_eq(add(2), -EINVAL);
	model_free(&segments);
}
END_TEST

START_TEST(a_longer_one_does_not_follow)
{
	static uint8_t longer[2000];

	segment(1, 2 * SEGMENT);
	begin_with(0);
	memcpy(longer, segments.at[1].data, segments.at[1].len);
	free(segments.at[1].data);
	segments.at[1].data = memcpy(malloc(sizeof(longer)), longer, sizeof(longer));
	segments.at[1].len++;
	model_finish(segments.at[1].data, segments.at[1].len, 20, 16, 6);
	ck_assert_int_eq(add(1), -EINVAL);
	model_free(&segments);
}
END_TEST

/* Each byte of the second packet's headers but those of length and checksum, with new checksums. */
START_TEST(whatever_differs_ends_it)
{
	size_t ip = samples[_i].v6 ? 40 : 20, headers = ip + samples[_i].tcp * 4u;

	for (size_t at = 1; at < headers; at++) {
		bool length = samples[_i].v6 ? at == 4 || at == 5 : at == 2 || at == 3;
		bool ip_checksum = !samples[_i].v6 && (at == 10 || at == 11);
		bool addresses = samples[_i].v6 ? at >= 8 && at < 40 : at >= 12 && at < 20;
		struct packet packet;

		if (length || ip_checksum || at == ip + 16 || at == ip + 17)
			continue;
		segment(_i, 2 * SEGMENT);
		begin_with(0);
		segments.at[1].data[at] ^= at == ip + 12 ? 0x10 : 0x01;
		model_finish(segments.at[1].data, segments.at[1].len, ip, 16, 6);
		if (packet_parse(segments.at[1].data, segments.at[1].len, &packet) < 0)
			continue;
		if (addresses || at - ip < 4)
			ck_assert(!gather_is_same_flow(&gather, &packet, segments.at[1].data));
		else
			ck_assert_msg(gather_add(&gather, &packet, segments.at[1].data) == -EINVAL,
				"byte %zu of %zu", at, headers);
	}
	model_free(&segments);
}
END_TEST

/* One bit anywhere, and the packet is not vouched for. */
START_TEST(damage_is_left_alone)
{
	struct random random = { 1071 };

	for (int i = 0; i < 2000; i++) {
		size_t first = random_below(&random, 2);
		struct packet packet;
		uint8_t *data;

		segment(_i, 2 * SEGMENT);
		data = segments.at[first].data;
		data[random_below(&random, segments.at[first].len)] ^= (uint8_t)(1u
			<< random_below(&random, 8));
		if (first == 1)
			begin_with(0);
		if (packet_parse(data, segments.at[first].len, &packet) < 0)
			continue;
		/* What IPv6 has no checksum for (class, flow label, hop limit) must agree at least. */
		if (first == 1 && gather_is_same_flow(&gather, &packet, data))
			ck_assert_int_eq(gather_add(&gather, &packet, data), -EINVAL);
		else if (first == 0 && !samples[_i].v6)
			ck_assert(!gather_can_begin(&packet, data));
	}
	model_free(&segments);
}
END_TEST

START_TEST(other_packets_go_by_themselves)
{
	static const uint8_t flags[] = { 0, SYN, FIN | ACK, RST | ACK, URG | ACK, CWR | ACK,
		PSH | ACK };
	struct packet packet;

	for (size_t i = 0; i < sizeof(flags); i++) {
		segment(1, 2 * SEGMENT);
		segments.at[0].data[20 + 13] = flags[i];
		model_finish(segments.at[0].data, segments.at[0].len, 20, 16, 6);
		packet = parse(0);
		ck_assert(!gather_can_begin(&packet, segments.at[0].data));
	}
	/* A pure acknowledgement. */
	segment(1, SEGMENT);
	segments.at[0].len = 40;
	model_finish(segments.at[0].data, 40, 20, 16, 6);
	packet = parse(0);
	ck_assert(!gather_can_begin(&packet, segments.at[0].data));
	/* A datagram, and a fragment. */
	segment(1, SEGMENT);
	segments.at[0].data[9] = 17;
	model_finish_ipv4(segments.at[0].data, segments.at[0].len);
	packet = parse(0);
	ck_assert(!gather_can_begin(&packet, segments.at[0].data));
	segment(1, SEGMENT);
	segments.at[0].data[6] = 0x20;
	model_finish_ipv4(segments.at[0].data, segments.at[0].len);
	packet = parse(0);
	ck_assert(!gather_can_begin(&packet, segments.at[0].data));
	model_free(&segments);
}
END_TEST

START_TEST(no_more_than_a_packet_holds)
{
	struct sample sample = samples[1];

	/* Many small ones: there are no more places. */
	sample.segment = 100;
	sample.payload = 100 * (GATHER_PARTS_MAX + 1);
	make(&made, &sample);
	model_free(&segments);
	ck_assert_ptr_null(model_segment(&segments, made.data, made.len, &made.vnet));
	begin_with(0);
	for (size_t n = 1; n < GATHER_PARTS_MAX; n++)
		ck_assert_int_eq(add(n), 0);
	ck_assert_int_eq(add(GATHER_PARTS_MAX), -EINVAL);

	/* Large ones: three are 66,060 bytes. */
	sample.segment = 22000;
	sample.payload = 44000;
	make(&made, &sample);
	model_free(&segments);
	ck_assert_ptr_null(model_segment(&segments, made.data, made.len, &made.vnet));
	begin_with(0);
	ck_assert_int_eq(add(1), 0);
	model_put16(segments.at[1].data + 4, 0xfffe + 2);
	model_put16(segments.at[1].data + 20 + 6, 44000);
	model_finish(segments.at[1].data, segments.at[1].len, 20, 16, 6);
	ck_assert_int_eq(add(1), -EINVAL);
	model_free(&segments);
}
END_TEST

static void add_each(Suite *suite, const char *name, const TTest *test)
{
	unit_add_loop(suite, name, test, 0, SAMPLES);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("gather");

	add_each(suite, "round", segments_become_what_they_were);
	add_each(suite, "alone", one_alone_is_as_it_came);
	unit_add(suite, "ends", nothing_follows_a_push_or_a_short_one);
	unit_add(suite, "longer", a_longer_one_does_not_follow);
	add_each(suite, "differs", whatever_differs_ends_it);
	add_each(suite, "damage", damage_is_left_alone);
	unit_add(suite, "others", other_packets_go_by_themselves);
	unit_add(suite, "room", no_more_than_a_packet_holds);
	return suite;
}

int main(void)
{
	return unit_run("gather", suite());
}
