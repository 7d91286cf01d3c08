/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host's stack makes of a packet with an offload header: a list of packets with all lengths
 * and checksums in full, each computed from nothing, byte by byte. Slow and plain on purpose: what
 * the code does cleverly is held against it.
 */
#ifndef CULVERT_TESTS_UNIT_SEGMENTS_H
#define CULVERT_TESTS_UNIT_SEGMENTS_H

#include "inner_packet.h"
#include "unit.h"
#include "wire/vnet.h"

enum { SEGMENTS_MAX = 256, SEGMENT_BYTES = 2048 };

struct segments {
	size_t count;
	size_t len[SEGMENTS_MAX];
	uint8_t data[SEGMENTS_MAX][SEGMENT_BYTES];
};

static inline void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline size_t get16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* The ones' complement sum of RFC 1071, of so many bytes, on top of `sum`. */
static inline uint32_t sum_of(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint32_t pseudo_sum(
	const uint8_t *packet, size_t len, size_t transport, uint8_t protocol)
{
	uint32_t sum = (uint32_t)(len - transport) + protocol;

	return packet[0] >> 4 == 4 ? sum_of(packet + 12, 8, sum) : sum_of(packet + 8, 32, sum);
}

static inline size_t transport_headers(const uint8_t *packet, size_t transport, uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? (packet[transport + 12] >> 4) * (size_t)4 : 8;
}

/* Lengths and checksums of one whole packet. */
static inline void complete(uint8_t *packet, size_t len, size_t transport, uint8_t protocol)
{
	size_t checksum = transport + (protocol == IPPROTO_TCP ? 16 : 6);

	if (packet[0] >> 4 == 4) {
		put16(packet + 2, len);
		put16(packet + 10, 0);
		put16(packet + 10, ~sum_of(packet, transport, 0) & 0xffff);
	} else {
		put16(packet + 4, len - 40);
	}
	if (protocol == IPPROTO_UDP)
		put16(packet + transport + 4, len - transport);
	put16(packet + checksum, 0);
	put16(packet + checksum,
		~sum_of(packet + transport, len - transport,
			pseudo_sum(packet, len, transport, protocol)) &
			0xffff);
}

/* Appends what becomes of the packet. `protocol` is its transport's. */
static inline void segments_add(struct segments *list, const uint8_t *packet, size_t len,
	const struct vnet *vnet, uint8_t protocol)
{
	size_t transport = vnet->csum_start;
	size_t headers = transport + transport_headers(packet, transport, protocol);
	size_t size = vnet->gso_type == VNET_GSO_NONE ? len - headers : vnet->gso_size;
	size_t index = 0;

	/* What it came with must be right already. */
	ck_assert_uint_eq(vnet->flags & VNET_NEEDS_CSUM, VNET_NEEDS_CSUM);
	ck_assert_uint_eq(get16(packet + transport + vnet->csum_offset),
		pseudo_sum(packet, len, transport, protocol));
	if (packet[0] >> 4 == 4) {
		ck_assert_uint_eq(get16(packet + 2), len);
		ck_assert_uint_eq(sum_of(packet, transport, 0), 0xffff);
	} else {
		ck_assert_uint_eq(get16(packet + 4), len - 40);
	}
	if (protocol == IPPROTO_UDP)
		ck_assert_uint_eq(get16(packet + transport + 4), len - transport);
	for (size_t done = 0; headers + done < len; done += size, index++) {
		size_t left = len - headers - done;
		size_t payload = left < size ? left : size;
		bool last = left <= size;

		ck_assert_uint_lt(list->count, SEGMENTS_MAX);
		ck_assert_uint_le(headers + payload, SEGMENT_BYTES);
		uint8_t *out = list->data[list->count];
		memcpy(out, packet, headers);
		memcpy(out + headers, packet + headers + done, payload);
		if (packet[0] >> 4 == 4)
			put16(out + 4, get16(packet + 4) + index);
		if (protocol == IPPROTO_TCP) {
			uint32_t sequence = (uint32_t)(get16(packet + transport + 4) << 16 |
				get16(packet + transport + 6));
			sequence += (uint32_t)done;
			put16(out + transport + 4, sequence >> 16);
			put16(out + transport + 6, sequence & 0xffff);
			if (!last)
				out[transport + 13] &= (uint8_t)~0x09u; /* FIN, PSH */
			if (index > 0)
				out[transport + 13] &= (uint8_t)~0x80u; /* CWR */
		}
		complete(out, headers + payload, transport, protocol);
		list->len[list->count++] = headers + payload;
	}
}

static inline void segments_equal(const struct segments *a, const struct segments *b)
{
	ck_assert_uint_eq(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		ck_assert_uint_eq(a->len[i], b->len[i]);
		ck_assert_msg(memcmp(a->data[i], b->data[i], a->len[i]) == 0,
			"packet %zu of %zu differs", i, a->count);
	}
}

#endif
