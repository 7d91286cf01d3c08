/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes inner packets byte by byte, as RFC 791, 8200, 9293 and 768 have them, for the tests of
 * packet and vnet. Checksums are left at zero: nothing here reads them.
 */
#ifndef CULVERT_TESTS_UNIT_INNER_PACKET_H
#define CULVERT_TESTS_UNIT_INNER_PACKET_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct inner_packet {
	uint8_t data[65535];
	size_t len;
};

static inline void inner_add(struct inner_packet *packet, const void *bytes, size_t len)
{
	memcpy(packet->data + packet->len, bytes, len);
	packet->len += len;
}

static inline void inner_fill(struct inner_packet *packet, uint8_t byte, size_t len)
{
	memset(packet->data + packet->len, byte, len);
	packet->len += len;
}

/* 10.0.0.1 to 10.0.0.2, no options. */
static inline void inner_v4(struct inner_packet *packet, uint8_t protocol)
{
	const uint8_t header[20] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10,
		0, 0, 2 };

	packet->len = 0;
	inner_add(packet, header, sizeof(header));
}

/* 2001:db8::1 to 2001:db8::2. */
static inline void inner_v6(struct inner_packet *packet, uint8_t next)
{
	uint8_t header[40] = { 0x60, 0, 0, 0, 0, 0, next, 64, 0x20, 0x01, 0x0d,
		0xb8, [23] = 1, [24] = 0x20, 0x01, 0x0d, 0xb8, [39] = 2 };

	packet->len = 0;
	inner_add(packet, header, sizeof(header));
}

static inline void inner_tcp(struct inner_packet *packet, uint8_t words, size_t payload)
{
	const uint8_t header[20] = { 0x30, 0x39, 0x00,
		0x50, [12] = (uint8_t)(words << 4), [13] = 0x10 };

	inner_add(packet, header, sizeof(header));
	if (words > 5)
		inner_fill(packet, 1, (words - 5u) * 4u); /* no-operation options */
	inner_fill(packet, 0xab, payload);
}

static inline void inner_udp(struct inner_packet *packet, size_t payload)
{
	const uint8_t header[8] = { 0x30, 0x39, 0x00, 0x35, (uint8_t)((payload + 8) >> 8),
		(uint8_t)(payload + 8) };

	inner_add(packet, header, sizeof(header));
	inner_fill(packet, 0xab, payload);
}

/* An IPv6 extension header of 8 × (1 + extra) bytes. */
static inline void inner_extension(struct inner_packet *packet, uint8_t next, uint8_t extra)
{
	const uint8_t head[8] = { next, extra };

	inner_add(packet, head, sizeof(head));
	inner_fill(packet, 0, extra * 8u);
}

/* `field`: the offset in its upper 13 bits, "more fragments" in the lowest. */
static inline void inner_fragment(struct inner_packet *packet, uint8_t next, uint16_t field)
{
	const uint8_t head[8] = { next, 0, (uint8_t)(field >> 8), (uint8_t)field, 0, 0, 0, 9 };

	inner_add(packet, head, sizeof(head));
}

/* An ICMP or ICMPv6 header, whose quoted packet may follow. */
static inline void inner_icmp(struct inner_packet *packet, uint8_t type)
{
	const uint8_t head[8] = { type, 1 };

	inner_add(packet, head, sizeof(head));
}

/* Writes the length into the IP header: the last step. */
static inline void inner_finish(struct inner_packet *packet)
{
	if (packet->data[0] >> 4 == 4) {
		packet->data[2] = (uint8_t)(packet->len >> 8);
		packet->data[3] = (uint8_t)packet->len;
	} else {
		packet->data[4] = (uint8_t)((packet->len - 40) >> 8);
		packet->data[5] = (uint8_t)(packet->len - 40);
	}
}

#endif
