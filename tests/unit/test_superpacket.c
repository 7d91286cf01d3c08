/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However a superpacket is cut, what a stack makes of the parts is what it makes of the whole
 * (segments.h); skipping leaves out exactly what it says; what cannot be cut is refused.
 */
#include "wire/superpacket.h"

#include <errno.h>

#include "random.h"
#include "segments.h"
#include "unit.h"
#include "wire/packet.h"

static struct inner_packet whole, work;
static struct segments expected, found;
static uint8_t memory[65535];

struct sample {
	const char *name;
	bool v6;
	uint8_t protocol;
	uint8_t gso_type;
	uint8_t flags; /* of TCP */
	uint16_t gso_size;
	size_t payload;
	uint8_t extension; /* IPv6: 8-byte units of destination options; IPv4: options, in words */
};

static const struct sample samples[] = {
	{ "tcp4", false, IPPROTO_TCP, VNET_GSO_TCPV4, 0x10, 1448, 64000, 0 },
	{ "tcp4, all flags", false, IPPROTO_TCP, VNET_GSO_TCPV4 | VNET_GSO_ECN, 0xff, 1448, 10000,
		0 },
	{ "tcp4, even", false, IPPROTO_TCP, VNET_GSO_TCPV4, 0x19, 1000, 10000, 0 },
	{ "tcp4, options", false, IPPROTO_TCP, VNET_GSO_TCPV4, 0x18, 1400, 9999, 3 },
	{ "tcp6", true, IPPROTO_TCP, VNET_GSO_TCPV6, 0x18, 1428, 65000, 0 },
	{ "tcp6, all flags", true, IPPROTO_TCP, VNET_GSO_TCPV6 | VNET_GSO_ECN, 0xff, 1428, 7000,
		0 },
	{ "tcp6, extension", true, IPPROTO_TCP, VNET_GSO_TCPV6, 0x19, 1300, 20001, 2 },
	{ "udp4", false, IPPROTO_UDP, VNET_GSO_UDP_L4, 0, 1200, 60000, 0 },
	{ "udp4, short end", false, IPPROTO_UDP, VNET_GSO_UDP_L4, 0, 1200, 6001, 0 },
	{ "udp6", true, IPPROTO_UDP, VNET_GSO_UDP_L4, 0, 700, 7777, 0 },
	{ "one and a bit", false, IPPROTO_TCP, VNET_GSO_TCPV4, 0x18, 1448, 1449, 0 },
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static size_t begin_v4(const struct sample *sample, struct random *random)
{
	inner_v4(&whole, sample->protocol);
	whole.data[0] = (uint8_t)(0x45 + sample->extension);
	inner_fill(&whole, 1, sample->extension * (size_t)4);
	random_fill(random, whole.data + 4, 2); /* identification */
	return whole.len;
}

static size_t begin_v6(const struct sample *sample)
{
	inner_v6(&whole, sample->extension ? IPPROTO_DSTOPTS : sample->protocol);
	if (sample->extension)
		inner_extension(&whole, sample->protocol, (uint8_t)(sample->extension - 1));
	return whole.len;
}

/* The packet as a sender's kernel hands it over: lengths of the whole, checksum of the pseudo header. */
static struct vnet make(const struct sample *sample, struct random *random)
{
	size_t transport = sample->v6 ? begin_v6(sample) : begin_v4(sample, random);
	struct vnet vnet = {
		.flags = VNET_NEEDS_CSUM,
		.gso_type = sample->gso_type,
		.gso_size = sample->gso_size,
		.csum_start = (uint16_t)transport,
		.csum_offset = sample->protocol == IPPROTO_TCP ? 16 : 6,
	};

	if (sample->protocol == IPPROTO_TCP)
		inner_tcp(&whole, 8, sample->payload);
	else
		inner_udp(&whole, sample->payload);
	vnet.header_len = (uint16_t)(whole.len - sample->payload);
	random_fill(random, whole.data + vnet.header_len, sample->payload);
	if (sample->protocol == IPPROTO_TCP) {
		random_fill(random, whole.data + transport + 4, 8); /* both numbers */
		whole.data[transport + 13] = sample->flags;
	}
	complete(whole.data, whole.len, transport, sample->protocol);
	put16(whole.data + transport + vnet.csum_offset,
		pseudo_sum(whole.data, whole.len, transport, sample->protocol));
	return vnet;
}

static struct superpacket begin(const struct vnet *vnet)
{
	struct superpacket superpacket;

	work = whole;
	ck_assert_int_eq(superpacket_init(&superpacket, work.data, work.len, vnet), 0);
	return superpacket;
}

/* A part is a packet that everybody takes, as it says it is. */
static void check_part(const struct writer *part, size_t at, struct vnet vnet, bool many)
{
	struct packet packet;

	ck_assert_int_eq(packet_parse(part->data + at, part->len - at, &packet), 0);
	ck_assert_int_eq(vnet_check(&vnet, &packet, part->data + at, UINT32_MAX), 0);
	ck_assert_int_eq(vnet.gso_type != VNET_GSO_NONE, many);
}

static void cut_randomly(
	const struct sample *sample, struct random *random, const struct vnet *vnet)
{
	struct superpacket superpacket = begin(vnet);
	size_t left;

	found.count = 0;
	while ((left = superpacket_segments(&superpacket)) > 0) {
		size_t segments = 1 + random_below(random, left + 2);
		size_t offset = random_below(random, 40);
		struct writer part;
		struct vnet part_vnet;

		writer_init(&part, memory, offset + superpacket_part(&superpacket, segments));
		part.len = offset;
		ck_assert_int_eq(superpacket_cut(&superpacket, segments, &part, &part_vnet), 0);
		ck_assert_uint_eq(part.len, part.capacity);
		check_part(&part, offset, part_vnet, segments > 1 && left > 1);
		segments_add(
			&found, memory + offset, part.len - offset, &part_vnet, sample->protocol);
		ck_assert_uint_eq(
			superpacket_segments(&superpacket), segments < left ? left - segments : 0);
	}
	segments_equal(&expected, &found);
}

START_TEST(parts_are_the_whole)
{
	const struct sample *sample = &samples[_i];
	struct random random = { .state = (uint64_t)_i };

	for (int round = 0; round < 50; round++) {
		struct vnet vnet = make(sample, &random);
		expected.count = 0;
		segments_add(&expected, whole.data, whole.len, &vnet, sample->protocol);
		cut_randomly(sample, &random, &vnet);
	}
}
END_TEST

/* What is left can leave as it stands, without being cut again. */
START_TEST(rest_is_a_packet)
{
	const struct sample *sample = &samples[_i];
	struct random random = { .state = 77 };
	struct vnet vnet = make(sample, &random), part_vnet;
	size_t total = superpacket_segments(&(struct superpacket){
		.len = whole.len, .vnet = vnet, .headers = vnet.header_len });

	expected.count = 0;
	segments_add(&expected, whole.data, whole.len, &vnet, sample->protocol);
	for (size_t taken = 1; taken < total; taken++) {
		struct superpacket superpacket = begin(&vnet);
		struct writer part;

		writer_init(&part, memory, sizeof(memory));
		ck_assert_int_eq(superpacket_cut(&superpacket, taken, &part, &part_vnet), 0);
		found.count = 0;
		segments_add(&found, memory, part.len, &part_vnet, sample->protocol);
		segments_add(&found, superpacket.data, superpacket.len, &superpacket.vnet,
			sample->protocol);
		segments_equal(&expected, &found);
	}
}
END_TEST

START_TEST(skip)
{
	const struct sample *sample = &samples[_i];
	struct random random = { .state = 5 };
	struct vnet vnet = make(sample, &random);
	struct superpacket superpacket = begin(&vnet);
	size_t skipped = superpacket_segments(&superpacket) > 3 ? 3 : 1;

	found.count = 0;
	segments_add(&found, whole.data, whole.len, &vnet, sample->protocol);
	expected.count = 0;
	for (size_t i = skipped; i < found.count; i++) {
		memcpy(expected.data[i - skipped], found.data[i], found.len[i]);
		expected.len[expected.count++] = found.len[i];
		if (sample->protocol == IPPROTO_TCP) { /* CWR went with the first */
			ck_assert_uint_eq(found.data[i][vnet.csum_start + 13] & 0x80, 0);
		}
	}
	ck_assert_int_eq(superpacket_skip(&superpacket, skipped), 0);
	ck_assert_uint_eq(superpacket_segments(&superpacket), expected.count);
	found.count = 0;
	segments_add(
		&found, superpacket.data, superpacket.len, &superpacket.vnet, sample->protocol);
	segments_equal(&expected, &found);
	ck_assert_int_eq(superpacket_skip(&superpacket, SEGMENTS_MAX), 0);
	ck_assert_uint_eq(superpacket_segments(&superpacket), 0);
	ck_assert_int_eq(superpacket_skip(&superpacket, 1), -ENODATA);
}
END_TEST

START_TEST(without_room)
{
	struct random random = { .state = 9 };
	struct vnet vnet = make(&samples[0], &random), part_vnet = { .flags = 99 };
	struct superpacket superpacket = begin(&vnet), before = superpacket;
	struct writer part;

	writer_init(&part, memory, superpacket_part(&superpacket, 2) - 1);
	ck_assert_int_eq(superpacket_cut(&superpacket, 2, &part, &part_vnet), -ENOBUFS);
	ck_assert_uint_eq(part.len, 0);
	ck_assert_uint_eq(part_vnet.flags, 99);
	ck_assert_ptr_eq(superpacket.data, before.data);
	ck_assert_uint_eq(superpacket.len, before.len);
	ck_assert_uint_eq(superpacket_segments(&superpacket), superpacket_segments(&before));
	ck_assert_int_eq(memcmp(work.data, whole.data, whole.len), 0);
	ck_assert_int_eq(superpacket_cut(&superpacket, 1, &part, &part_vnet), 0);
}
END_TEST

START_TEST(refused)
{
	struct random random = { .state = 3 };
	struct vnet good = make(&samples[0], &random), bad;
	struct superpacket superpacket;
	const size_t transport = 20;

#define REFUSED(change)                                                                      \
	do {                                                                                 \
		bad = good;                                                                  \
		work = whole;                                                                \
		change;                                                                      \
		ck_assert_int_eq(                                                            \
			superpacket_init(&superpacket, work.data, work.len, &bad), -EINVAL); \
	} while (0)
	REFUSED(bad.gso_type = VNET_GSO_NONE);
	REFUSED(bad.gso_type = VNET_GSO_TCPV6);
	REFUSED(bad.gso_type = VNET_GSO_UDP_L4);
	REFUSED(bad.gso_type = 3);
	REFUSED(bad.gso_size = 0);
	REFUSED(bad.flags = 0);
	REFUSED(bad.csum_start++);
	REFUSED(bad.csum_offset = 60);
	REFUSED(work.len--);
	REFUSED(work.data[6] = 0x20);                /* a fragment */
	REFUSED(work.data[9] = IPPROTO_UDP);         /* of another protocol */
	REFUSED(work.data[transport + 12] = 4 << 4); /* a TCP header that is none */
	REFUSED(work.data[0] = 0x44);
#undef REFUSED
	/* Headers alone. */
	work = whole;
	work.len = good.header_len;
	put16(work.data + 2, work.len);
	ck_assert_int_eq(superpacket_init(&superpacket, work.data, work.len, &good), -EINVAL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("superpacket");
	TCase *tcase = tcase_create("superpacket");

	tcase_add_loop_test(tcase, parts_are_the_whole, 0, SAMPLES);
	tcase_add_loop_test(tcase, rest_is_a_packet, 0, SAMPLES);
	tcase_add_loop_test(tcase, skip, 0, SAMPLES);
	tcase_add_test(tcase, without_room);
	tcase_add_test(tcase, refused);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("superpacket", suite());
}
