/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of wire/superpacket.c share: samples of every kind, and one of them to be cut. */
#ifndef CULVERT_TESTS_UNIT_SUPERPACKET_FIXTURE_H
#define CULVERT_TESTS_UNIT_SUPERPACKET_FIXTURE_H

#include "base/array.h"
#include "wire/superpacket.h"

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

enum { SAMPLES = ARRAY_SIZE(samples) };

static struct made made;

/* A copy in memory of its exact size, so that touching more is noticed. */
struct under_test {
	struct superpacket superpacket;
	uint8_t *memory;
};

static inline void begin(struct under_test *test, const struct sample *sample)
{
	make(&made, sample);
	test->memory = malloc(made.len);
	ck_assert_ptr_nonnull(test->memory);
	memcpy(test->memory, made.data, made.len);
	ck_assert_int_eq(
		superpacket_init(&test->superpacket, test->memory, made.len, &made.vnet), 0);
}

/* What our own checks say of a part: the peer will ask them, too. */
static inline void expect_valid(const uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct vnet cleaned = *vnet;
	struct packet packet;

	ck_assert_int_eq(packet_parse(data, len, &packet), 0);
	ck_assert_int_eq(vnet_check(&cleaned, &packet, data, OFFLOAD_ALL), 0);
	ck_assert_mem_eq(&cleaned, vnet, sizeof(cleaned));
}

/* Member by member: there is padding behind the last. */
static inline void expect_unchanged(const struct superpacket *now, const struct superpacket *before)
{
	ck_assert_ptr_eq(now->data, before->data);
	ck_assert_uint_eq(now->len, before->len);
	ck_assert_mem_eq(&now->vnet, &before->vnet, sizeof(before->vnet));
	ck_assert_uint_eq(now->ip_header, before->ip_header);
	ck_assert_uint_eq(now->headers, before->headers);
}

static inline void add_each(Suite *suite, const char *name, const TTest *test)
{
	unit_add_loop(suite, name, test, 0, SAMPLES);
}

#endif
