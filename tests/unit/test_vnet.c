/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It judges headers by the hundred thousand. */
/*
 * Each good combination (TCP and UDP over IPv4 and IPv6, with and without segmentation)
 * passes as it is, and fails when any one of its fields is broken.
 */
#include "wire/vnet.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#include "inner_packet.h"
#include "random.h"
#include "unit.h"

static struct inner_packet inner;

struct sample {
	const char *name;
	bool v6;
	uint8_t protocol;
	uint8_t gso_type;
	uint16_t gso_size;
	uint16_t csum_offset;
	uint16_t header_len; /* what vnet_check must set */
	uint32_t offloads;
};

static const struct sample samples[] = {
	{ "tcp4", false, IPPROTO_TCP, 1, 1448, 16, 20 + 32, OFFLOAD_CSUM | OFFLOAD_TSO4 },
	{ "tcp6", true, IPPROTO_TCP, 4, 1428, 16, 40 + 32, OFFLOAD_CSUM | OFFLOAD_TSO6 },
	{ "tcp4 ecn", false, IPPROTO_TCP, 0x81, 1448, 16, 20 + 32,
		OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_ECN },
	{ "tcp6 ecn", true, IPPROTO_TCP, 0x84, 1428, 16, 40 + 32,
		OFFLOAD_CSUM | OFFLOAD_TSO6 | OFFLOAD_ECN },
	{ "udp4", false, IPPROTO_UDP, 5, 1472, 6, 20 + 8, OFFLOAD_CSUM | OFFLOAD_USO },
	{ "udp6", true, IPPROTO_UDP, 5, 1452, 6, 40 + 8, OFFLOAD_CSUM | OFFLOAD_USO },
	{ "tcp4 checksum", false, IPPROTO_TCP, 0, 0, 16, 0, OFFLOAD_CSUM },
	{ "tcp6 checksum", true, IPPROTO_TCP, 0, 0, 16, 0, OFFLOAD_CSUM },
	{ "udp4 checksum", false, IPPROTO_UDP, 0, 0, 6, 0, OFFLOAD_CSUM },
	{ "udp6 checksum", true, IPPROTO_UDP, 0, 0, 6, 0, OFFLOAD_CSUM },
	{ "icmp6 checksum", true, IPPROTO_ICMPV6, 0, 0, 2, 0, OFFLOAD_CSUM },
};

enum { SAMPLES = ARRAY_SIZE(samples), PAYLOAD = 4000 };

/* Makes the sample's packet and gives the header that belongs to it. */
static struct vnet make(const struct sample *sample)
{
	struct vnet vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = sample->gso_type,
		.header_len = sample->header_len,
		.gso_size = sample->gso_size,
		.csum_start = sample->v6 ? 40 : 20,
		.csum_offset = sample->csum_offset,
	};

	if (sample->v6)
		inner_v6(&inner, sample->protocol);
	else
		inner_v4(&inner, sample->protocol);
	if (sample->protocol == IPPROTO_TCP)
		inner_tcp(&inner, 8, PAYLOAD);
	else
		inner_udp(&inner, PAYLOAD); /* an ICMPv6 echo looks the same to us */
	inner_finish(&inner);
	return vnet;
}

/* Checks against the packet that stands in `inner`. */
static int check(struct vnet *vnet, uint32_t accepted)
{
	struct packet packet;

	ck_assert_int_eq(packet_parse(inner.data, inner.len, &packet), 0);
	return vnet_check(vnet, &packet, inner.data, accepted);
}

static void expect_refused(struct vnet vnet, const char *what)
{
	struct vnet before = vnet;

	ck_assert_msg(check(&vnet, OFFLOAD_ALL) == -EINVAL, "taken: %s", what);
	ck_assert_mem_eq(&vnet, &before, sizeof(vnet));
}

START_TEST(numbers_are_the_kernels)
{
	ck_assert_int_eq(VNET_SIZE, sizeof(struct virtio_net_hdr));
	ck_assert_int_eq(VNET_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_int_eq(VNET_DATA_VALID, VIRTIO_NET_HDR_F_DATA_VALID);
	ck_assert_int_eq(VNET_GSO_NONE, VIRTIO_NET_HDR_GSO_NONE);
	ck_assert_int_eq(VNET_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_int_eq(VNET_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6);
	ck_assert_int_eq(VNET_GSO_ECN, VIRTIO_NET_HDR_GSO_ECN);
}
END_TEST

START_TEST(bytes_are_little_endian)
{
	static const uint8_t bytes[VNET_SIZE] = { 1, 4, 0x48, 0x00, 0x94, 0x05, 0x28, 0x00, 0x10,
		0x00 };
	uint8_t out[VNET_SIZE];
	struct vnet vnet;
	struct reader reader;
	struct writer writer;

	reader_init(&reader, bytes, sizeof(bytes));
	ck_assert_int_eq(vnet_decode(&reader, &vnet), 0);
	ck_assert_uint_eq(reader_left(&reader), 0);
	ck_assert_uint_eq(vnet.flags, 1);
	ck_assert_uint_eq(vnet.gso_type, 4);
	ck_assert_uint_eq(vnet.header_len, 72);
	ck_assert_uint_eq(vnet.gso_size, 1428);
	ck_assert_uint_eq(vnet.csum_start, 40);
	ck_assert_uint_eq(vnet.csum_offset, 16);
	writer_init(&writer, out, sizeof(out));
	ck_assert_int_eq(vnet_encode(&writer, &vnet), 0);
	ck_assert_mem_eq(out, bytes, sizeof(bytes));
	for (size_t len = 0; len < VNET_SIZE; len++) {
		reader_init(&reader, bytes, len);
		ck_assert_int_eq(vnet_decode(&reader, &vnet), -EBADMSG);
		ck_assert_uint_eq(reader_left(&reader), len);
		writer_init(&writer, out, len);
		ck_assert_int_eq(vnet_encode(&writer, &vnet), -ENOBUFS);
		ck_assert_uint_eq(writer.len, 0);
	}
}
END_TEST

START_TEST(good_headers_pass)
{
	struct vnet vnet = make(&samples[_i]);

	vnet.flags |= VNET_DATA_VALID;
	vnet.header_len = 0xffff; /* what the peer says of it is not believed */
	ck_assert_uint_eq(vnet_offloads(&vnet), samples[_i].offloads);
	ck_assert(!vnet_is_plain(&vnet));
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
	ck_assert_uint_eq(vnet.flags, VNET_NEEDS_CSUM);
	ck_assert_uint_eq(vnet.gso_type, samples[_i].gso_type);
	ck_assert_uint_eq(vnet.gso_size, samples[_i].gso_size);
	ck_assert_uint_eq(vnet.header_len, samples[_i].header_len);
	ck_assert_uint_eq(vnet.csum_start, samples[_i].v6 ? 40 : 20);
	ck_assert_uint_eq(vnet.csum_offset, samples[_i].csum_offset);
}
END_TEST

START_TEST(only_accepted_offloads_pass)
{
	for (uint32_t accepted = 0; accepted <= OFFLOAD_ALL; accepted++) {
		struct vnet vnet = make(&samples[_i]), before = vnet;
		bool enough = (samples[_i].offloads & ~accepted) == 0;

		ck_assert_int_eq(check(&vnet, accepted), enough ? 0 : -EOPNOTSUPP);
		if (!enough)
			ck_assert_mem_eq(&vnet, &before, sizeof(vnet));
	}
}
END_TEST

START_TEST(every_flag_and_type_is_held_to)
{
	const struct sample *sample = &samples[_i];
	struct vnet good = make(sample), vnet;

	for (unsigned bit = 2; bit < 8; bit++) {
		vnet = good;
		vnet.flags |= (uint8_t)(1u << bit);
		expect_refused(vnet, "an unknown flag");
	}
	for (unsigned type = 0; type < 256; type++) {
		bool tcp = sample->protocol == IPPROTO_TCP, udp = sample->protocol == IPPROTO_UDP;
		unsigned base = type & 0x7f;
		bool fits = (base == 1 && tcp && !sample->v6) || (base == 4 && tcp && sample->v6) ||
			(type == 5 && udp) || type == 0;

		vnet = good;
		vnet.gso_type = (uint8_t)type;
		vnet.gso_size = 100;
		if (fits)
			ck_assert_msg(check(&vnet, OFFLOAD_ALL) == 0, "refused: type %u", type);
		else
			expect_refused(vnet, "a segmentation type that does not fit");
	}
	if (sample->gso_type != VNET_GSO_NONE) {
		vnet = good;
		vnet.flags = 0;
		expect_refused(vnet, "segmentation without NEEDS_CSUM");
		vnet.flags = VNET_DATA_VALID;
		expect_refused(vnet, "segmentation with DATA_VALID only");
		vnet = good;
		vnet.gso_size = 0;
		expect_refused(vnet, "segments of no bytes");
	}
}
END_TEST

START_TEST(every_place_is_held_to)
{
	struct vnet good = make(&samples[_i]);

	for (uint32_t value = 0; value <= UINT16_MAX; value += value < 200 ? 1 : 997) {
		struct vnet vnet = good;

		vnet.csum_start = (uint16_t)value;
		if (vnet.csum_start != good.csum_start)
			expect_refused(vnet, "csum_start");
		vnet = good;
		vnet.csum_offset = (uint16_t)value;
		if (vnet.csum_offset != good.csum_offset)
			expect_refused(vnet, "csum_offset");
	}
}
END_TEST

START_TEST(segments_larger_than_the_payload_pass)
{
	struct vnet vnet = make(&samples[_i]);

	if (samples[_i].gso_type == VNET_GSO_NONE)
		return;
	vnet.gso_size = PAYLOAD;
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
	vnet.gso_size = UINT16_MAX;
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
}
END_TEST

/* The kernel drops a "superpacket" whose only segment is a full one behind TCP options. */
START_TEST(one_segment_is_a_plain_packet)
{
	struct vnet vnet = make(&samples[_i]), before;

	if (samples[_i].gso_type == VNET_GSO_NONE)
		return;
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
	before = vnet;
	vnet_drop_useless(&vnet, vnet.header_len + vnet.gso_size + 1U);
	ck_assert_mem_eq(&vnet, &before, sizeof(vnet));
	vnet_drop_useless(&vnet, vnet.header_len + vnet.gso_size);
	ck_assert_uint_eq(vnet.gso_type, VNET_GSO_NONE);
	ck_assert_uint_eq(vnet.gso_size, 0);
	ck_assert_uint_eq(vnet.header_len, 0);
	ck_assert_uint_eq(vnet.flags, VNET_NEEDS_CSUM); /* the checksum is still to be finished */
	ck_assert_uint_eq(vnet.csum_start, before.csum_start);
	before = vnet;
	vnet_drop_useless(&vnet, 0);
	ck_assert_mem_eq(&vnet, &before, sizeof(vnet));
}
END_TEST

/* One frame may not cost its receiver more cuts than honest traffic does. */
START_TEST(what_costs_too_much_to_cut_is_refused)
{
	struct vnet good = make(&samples[_i]);
	bool udp = samples[_i].gso_type == VNET_GSO_UDP_L4;
	/* TCP by its size, 62 bytes being the least that makes 64 segments or fewer of 4,000. */
	int least = udp ? 32 : 48;

	ck_assert_int_eq((PAYLOAD + 31) / 32, 125);
	if (samples[_i].gso_type == VNET_GSO_NONE)
		return;
	for (int size = 1; size < 200; size++) {
		struct vnet vnet = good;

		vnet.gso_size = (uint16_t)size;
		ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), size < least ? -E2BIG : 0);
	}
}
END_TEST

/* Small segments that a network driver gathered in one go: no more than it can. */
START_TEST(few_small_segments_pass)
{
	struct vnet vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = VNET_GSO_TCPV4,
		.gso_size = 20,
		.csum_start = 20,
		.csum_offset = 16,
	};

	for (size_t payload = 40; payload < 2000; payload += 20) {
		struct vnet copy = vnet;

		inner_v4(&inner, IPPROTO_TCP);
		inner_tcp(&inner, 8, payload);
		inner_finish(&inner);
		ck_assert_int_eq(check(&copy, OFFLOAD_ALL),
			payload > (size_t)20 * VNET_TCP_SMALL_MAX ? -E2BIG : 0);
	}
}
END_TEST

/* Of UDP, which the kernel itself sends in no more segments than that. */
START_TEST(as_many_datagrams_as_the_kernel_sends_pass)
{
	struct vnet vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = VNET_GSO_UDP_L4,
		.gso_size = 20,
		.csum_start = 20,
		.csum_offset = 6,
	};

	for (size_t payload = 20 * 127; payload < 20 * 130; payload++) {
		struct vnet copy = vnet;

		inner_v4(&inner, IPPROTO_UDP);
		inner_udp(&inner, payload);
		inner_finish(&inner);
		ck_assert_int_eq(check(&copy, OFFLOAD_ALL), payload > 20 * 128 ? -E2BIG : 0);
	}
}
END_TEST

/* An acknowledgement: a TCP header without options, and nothing behind it. */
START_TEST(bare_tcp_headers_pass)
{
	struct vnet vnet = { .flags = VNET_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16 };

	inner_v4(&inner, IPPROTO_TCP);
	inner_tcp(&inner, 5, 0);
	inner_finish(&inner);
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
}
END_TEST

/* The kernel cuts by what the UDP header says, so it must say what is there. */
START_TEST(udp_lengths_that_lie_are_refused)
{
	struct vnet vnet = make(&samples[_i]);
	size_t at = samples[_i].v6 ? 44 : 24;

	if (samples[_i].gso_type != VNET_GSO_UDP_L4)
		return;
	for (int change = -8; change <= 8; change++) {
		struct vnet copy = vnet;
		unsigned said = (unsigned)(PAYLOAD + 8 + change);

		inner.data[at] = (uint8_t)(said >> 8);
		inner.data[at + 1] = (uint8_t)said;
		ck_assert_int_eq(check(&copy, OFFLOAD_ALL), change == 0 ? 0 : -EINVAL);
	}
}
END_TEST

START_TEST(cut_transport_headers_are_refused)
{
	const struct sample *sample = &samples[_i];
	struct vnet good = make(sample);
	size_t start = sample->v6 ? 40 : 20;
	/* TCP: 20 bytes and 12 of options; UDP: 8; ICMPv6: type, code, checksum. */
	size_t whole = start +
		(sample->protocol == IPPROTO_TCP                  ? 32
				: sample->protocol == IPPROTO_UDP ? 8
								  : 4);

	for (size_t len = start; len <= whole; len++) {
		struct vnet vnet = good;
		struct packet packet;
		uint8_t *copy = malloc(len);

		ck_assert_ptr_nonnull(copy);
		inner.len = len;
		inner_finish(&inner);
		memcpy(copy, inner.data, len);
		if (sample->protocol == IPPROTO_UDP && len == whole) {
			copy[start + 4] = 0; /* its length is that of the rest */
			copy[start + 5] = 8;
		}
		ck_assert_int_eq(packet_parse(copy, len, &packet), 0);
		ck_assert_int_eq(
			vnet_check(&vnet, &packet, copy, OFFLOAD_ALL), len == whole ? 0 : -EINVAL);
		free(copy);
	}
}
END_TEST

START_TEST(impossible_tcp_data_offsets_are_refused)
{
	const struct sample *sample = &samples[_i];
	struct vnet good = make(sample);
	size_t at = (sample->v6 ? 40 : 20) + 12;

	if (sample->protocol != IPPROTO_TCP)
		return;
	for (uint8_t words = 0; words < 16; words++) {
		struct vnet vnet = good;

		inner.data[at] = (uint8_t)(words << 4);
		if (words < 5) {
			expect_refused(vnet, "a data offset under 5");
			continue;
		}
		ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
		if (sample->gso_type != VNET_GSO_NONE)
			ck_assert_uint_eq(vnet.header_len, at - 12 + words * 4u);
	}
}
END_TEST

START_TEST(fragments_are_refused)
{
	const struct sample *sample = &samples[_i];
	const uint8_t head[8] = { sample->protocol, 0, 0, 1 };
	struct vnet vnet = make(sample);

	if (!sample->v6) {
		inner.data[6] = 0x20;
		expect_refused(vnet, "the first fragment");
		inner.data[6] = 0x00;
		inner.data[7] = 1;
		expect_refused(vnet, "a later fragment");
		vnet.csum_start = 0;
		expect_refused(vnet, "a later fragment whose transport is nowhere");
		return;
	}
	inner_v6(&inner, IPPROTO_FRAGMENT);
	inner_add(&inner, head, sizeof(head));
	inner_tcp(&inner, 5, 100);
	inner_finish(&inner);
	vnet.csum_start = 48;
	expect_refused(vnet, "the first fragment");
}
END_TEST

START_TEST(another_protocol_is_refused)
{
	static const uint8_t others[] = { IPPROTO_ICMP, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_IPIP,
		IPPROTO_ESP, 255 };
	struct vnet vnet = make(&samples[_i]);

	for (size_t i = 0; i < sizeof(others); i++) {
		inner.data[samples[_i].v6 ? 6 : 9] = others[i];
		for (uint16_t offset = 0; offset < 32; offset++) {
			vnet.csum_offset = offset;
			expect_refused(vnet, "a protocol without offloads");
		}
	}
	/* ICMPv6 inside IPv4 is nothing. */
	inner_v4(&inner, IPPROTO_ICMPV6);
	inner_udp(&inner, 100);
	inner_finish(&inner);
	vnet = (struct vnet){ .flags = VNET_NEEDS_CSUM, .csum_start = 20, .csum_offset = 2 };
	expect_refused(vnet, "ICMPv6 over IPv4");
	vnet.csum_offset = 0;
	expect_refused(vnet, "ICMPv6 over IPv4, the checksum at its beginning");
}
END_TEST

START_TEST(extension_headers_move_the_checksum)
{
	const uint8_t head[8] = { IPPROTO_TCP };
	struct vnet vnet = make(&samples[1]);

	inner_v6(&inner, IPPROTO_DSTOPTS);
	inner_add(&inner, head, sizeof(head));
	inner_tcp(&inner, 5, 3000);
	inner_finish(&inner);
	expect_refused(vnet, "csum_start at the extension header");
	vnet.csum_start = 48;
	ck_assert_int_eq(check(&vnet, OFFLOAD_ALL), 0);
	ck_assert_uint_eq(vnet.header_len, 68);
}
END_TEST

START_TEST(plain_headers_are_cleaned)
{
	struct vnet vnet;

	(void)make(&samples[0]);
	inner.data[6] = 0x20; /* a fragment may well be plain */
	vnet = (struct vnet){ .flags = VNET_DATA_VALID,
		.header_len = 1,
		.gso_size = 2,
		.csum_start = 3,
		.csum_offset = 4 };
	ck_assert(vnet_is_plain(&vnet));
	ck_assert_uint_eq(vnet_offloads(&vnet), 0);
	ck_assert_int_eq(check(&vnet, 0), 0);
	ck_assert_uint_eq(vnet.flags, 0);
	ck_assert_uint_eq(vnet.header_len, 0);
	ck_assert_uint_eq(vnet.gso_size, 0);
	ck_assert_uint_eq(vnet.csum_start, 0);
	ck_assert_uint_eq(vnet.csum_offset, 0);
}
END_TEST

START_TEST(unknown_bits_are_never_plain)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		struct vnet vnet = { .flags = (uint8_t)flags };

		ck_assert_int_eq(vnet_is_plain(&vnet), (flags & ~2u) == 0);
		ck_assert_int_eq(vnet_offloads(&vnet) == UINT32_MAX, (flags & ~3u) != 0);
	}
	for (unsigned type = 0; type < 256; type++) {
		struct vnet vnet = { .gso_type = (uint8_t)type };
		bool known = type == 0 || type == 1 || type == 4 || type == 5 || type == 0x81 ||
			type == 0x84;

		ck_assert_int_eq(vnet_is_plain(&vnet), type == 0);
		ck_assert_int_eq(vnet_offloads(&vnet) != UINT32_MAX, known);
	}
}
END_TEST

START_TEST(random_headers_end_clean)
{
	const int rounds = unit_rounds(200000);
	struct random random = { 11 };

	for (int i = 0; i < rounds; i++) {
		const struct sample *sample = &samples[random_below(&random, SAMPLES)];
		struct vnet vnet = make(sample);
		uint8_t bytes[VNET_SIZE];
		struct writer writer;
		struct reader reader;

		writer_init(&writer, bytes, sizeof(bytes));
		ck_assert_int_eq(vnet_encode(&writer, &vnet), 0);
		bytes[random_below(&random, VNET_SIZE)] = (uint8_t)random_next(&random);
		bytes[random_below(&random, VNET_SIZE)] = (uint8_t)random_next(&random);
		reader_init(&reader, bytes, sizeof(bytes));
		ck_assert_int_eq(vnet_decode(&reader, &vnet), 0);
		if (check(&vnet, OFFLOAD_ALL) == 0) {
			ck_assert_uint_le(vnet.header_len, inner.len);
			ck_assert_uint_lt(
				(size_t)vnet.csum_start + vnet.csum_offset + 1, inner.len);
			ck_assert_int_eq(vnet.flags & ~VNET_NEEDS_CSUM, 0);
			ck_assert_int_eq(vnet.gso_type != 0, vnet.gso_size != 0);
		}
	}
}
END_TEST

/* What the receiver's check takes where a checksum is left, and nothing else. */
START_TEST(outermost_is_what_the_check_takes)
{
	struct vnet plain = { .csum_start = 7 };
	struct packet packet;

	for (uint32_t at = 0; at < 200 * 32; at++) {
		struct vnet vnet = make(&samples[_i]), checked;

		vnet.flags = VNET_NEEDS_CSUM;
		vnet.gso_type = VNET_GSO_NONE;
		vnet.csum_start = (uint16_t)(at / 32);
		vnet.csum_offset = (uint16_t)(at % 32);
		checked = vnet;
		ck_assert_int_eq(packet_parse(inner.data, inner.len, &packet), 0);
		ck_assert_int_eq(
			vnet_is_outermost(&vnet, &packet), check(&checked, OFFLOAD_ALL) == 0);
		ck_assert(vnet_is_outermost(&plain, &packet));
	}
}
END_TEST

/* Of a protocol that we do not know, the sending host finishes the checksum: the receiver would refuse it. */
START_TEST(other_protocols_have_no_outermost_checksum)
{
	static const uint8_t others[] = { IPPROTO_ICMP, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_IPIP };
	struct packet packet;

	(void)make(&samples[0]);
	for (size_t i = 0; i < sizeof(others); i++) {
		inner.data[9] = others[i];
		ck_assert_int_eq(packet_parse(inner.data, inner.len, &packet), 0);
		for (uint16_t offset = 0; offset < 32; offset++) {
			struct vnet vnet = {
				.flags = VNET_NEEDS_CSUM, .csum_start = 20, .csum_offset = offset
			};

			ck_assert(!vnet_is_outermost(&vnet, &packet));
		}
	}
}
END_TEST

/* Adds a test that runs once for each sample. */
static void add_each(Suite *suite, const char *name, const TTest *test)
{
	unit_add_loop(suite, name, test, 0, SAMPLES);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("vnet");

	unit_add(suite, "numbers", numbers_are_the_kernels);
	unit_add(suite, "bytes", bytes_are_little_endian);
	add_each(suite, "good", good_headers_pass);
	add_each(suite, "accepted", only_accepted_offloads_pass);
	add_each(suite, "flags and types", every_flag_and_type_is_held_to);
	add_each(suite, "places", every_place_is_held_to);
	add_each(suite, "outermost", outermost_is_what_the_check_takes);
	add_each(suite, "gso_size", segments_larger_than_the_payload_pass);
	add_each(suite, "one segment", one_segment_is_a_plain_packet);
	add_each(suite, "cost", what_costs_too_much_to_cut_is_refused);
	unit_add(suite, "few small segments", few_small_segments_pass);
	unit_add(suite, "many datagrams", as_many_datagrams_as_the_kernel_sends_pass);
	unit_add(suite, "bare TCP", bare_tcp_headers_pass);
	unit_add(suite, "outermost of others", other_protocols_have_no_outermost_checksum);
	add_each(suite, "UDP length", udp_lengths_that_lie_are_refused);
	add_each(suite, "cut", cut_transport_headers_are_refused);
	add_each(suite, "data offset", impossible_tcp_data_offsets_are_refused);
	add_each(suite, "fragments", fragments_are_refused);
	add_each(suite, "protocols", another_protocol_is_refused);
	unit_add(suite, "extensions", extension_headers_move_the_checksum);
	unit_add(suite, "plain", plain_headers_are_cleaned);
	unit_add(suite, "unknown", unknown_bits_are_never_plain);
	unit_add(suite, "random", random_headers_end_clean);
	return suite;
}

int main(void)
{
	return unit_run("vnet", suite());
}
