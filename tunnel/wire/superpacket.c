/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cut copies the headers and the payload that it takes, and corrects the copy's fields for a
 * shorter packet. Then it moves the headers up and corrects their fields for a later packet.
 * superpacket_init() finds all offsets; no cut parses again, and none divides.
 */
#include "wire/superpacket.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/packet.h"
#include "wire/word.h"

enum {
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_CSUM = 10,
	IPV6_LENGTH = 4,
	IPV6_HEADER = 40, /* its length field does not count it */

	TCP_SEQUENCE = 4,
	TCP_FLAGS = 13,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
	UDP_LENGTH = 4,
};

static bool is_udp(const struct superpacket *superpacket)
{
	return superpacket->vnet.gso_type == VNET_GSO_UDP_L4;
}

static bool is_v4(const uint8_t *packet)
{
	return packet[0] >> 4 == 4;
}

int superpacket_init(
	struct superpacket *superpacket, uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct vnet cleaned = *vnet;
	struct packet packet;

	if (vnet->gso_type == VNET_GSO_NONE || packet_parse(data, len, &packet) < 0 ||
		vnet_check(&cleaned, &packet, data, OFFLOAD_ALL) < 0)
		return -EINVAL;
	*superpacket = (struct superpacket){
		.data = data,
		.len = len,
		.vnet = cleaned,
		.ip_header = cleaned.csum_start,
		.headers = cleaned.header_len,
	};
	return 0;
}

static size_t payload_left(const struct superpacket *superpacket)
{
	return superpacket->len - superpacket->headers;
}

size_t superpacket_segments(const struct superpacket *superpacket)
{
	size_t size = superpacket->vnet.gso_size;

	if (superpacket->len == 0)
		return 0;
	if (payload_left(superpacket) <= size)
		return 1; /* without payload, too: the header alone is a packet */
	return (payload_left(superpacket) + size - 1) / size;
}

/* Payload bytes of the first `segments`. */
static size_t payload_of(const struct superpacket *superpacket, size_t segments)
{
	size_t left = payload_left(superpacket);

	/* A segment has at least one byte, so the first comparison keeps the product small. */
	if (segments >= left || segments * superpacket->vnet.gso_size >= left)
		return left;
	return segments * superpacket->vnet.gso_size;
}

size_t superpacket_piece(const struct superpacket *superpacket, size_t segments)
{
	if (segments == 0 || superpacket->len == 0)
		return 0;
	return superpacket->headers + payload_of(superpacket, segments);
}

/*
 * Sets the packet's length to `len` bytes. The length is part of the pseudo header, so the partial
 * checksum changes with it: by UDP's length field, or by the bytes behind TCP's IP header.
 */
static void set_length(
	const struct superpacket *superpacket, uint8_t *packet, size_t before, size_t len)
{
	size_t transport = superpacket->ip_header;
	size_t sum_at = transport + superpacket->vnet.csum_offset;

	if (is_v4(packet))
		checksum_put(packet, IPV4_LENGTH, (uint16_t)len, IPV4_CSUM);
	else
		word16_put(packet, IPV6_LENGTH, (uint16_t)(len - IPV6_HEADER));
	if (is_udp(superpacket))
		checksum_sum_put(
			packet, transport + UDP_LENGTH, (uint16_t)(len - transport), sum_at);
	else
		word16_put(packet, sum_at,
			checksum_sum_replace(word16(packet, sum_at), (uint16_t)(before - transport),
				(uint16_t)(len - transport)));
}

/* Turns a copy of the superpacket's front into its first packet. */
static void finish_part(const struct superpacket *superpacket, uint8_t *packet, size_t len)
{
	if (len == superpacket->len)
		return;
	set_length(superpacket, packet, superpacket->len, len);
	if (!is_udp(superpacket))
		packet[superpacket->ip_header + TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* Takes off `segments`, which have `payload` bytes. */
static void drop(struct superpacket *superpacket, size_t segments, size_t payload)
{
	size_t before = superpacket->len, transport = superpacket->ip_header;
	uint8_t *rest = &superpacket->data[payload];

	superpacket->len = 0;
	if (superpacket->headers + payload == before)
		return;
	memmove(rest, superpacket->data, superpacket->headers);
	superpacket->data = rest;
	superpacket->len = before - payload;
	set_length(superpacket, rest, before, superpacket->len);
	if (is_v4(rest))
		checksum_put(
			rest, IPV4_ID, (uint16_t)(word16(rest, IPV4_ID) + segments), IPV4_CSUM);
	if (is_udp(superpacket))
		return;
	word32_put(rest, transport + TCP_SEQUENCE,
		word32(rest, transport + TCP_SEQUENCE) + (uint32_t)payload);
	rest[transport + TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	superpacket->vnet.gso_type &= (uint8_t)~VNET_GSO_ECN;
}

int superpacket_cut(struct superpacket *superpacket, size_t segments, struct writer *part,
	struct vnet *ret_vnet)
{
	size_t len = superpacket_piece(superpacket, segments);
	size_t payload;

	if (segments == 0)
		return -EINVAL;
	if (superpacket->len == 0)
		return -ENODATA;
	if (writer_copy(part, superpacket->data, len) < 0)
		return -ENOBUFS;
	payload = len - superpacket->headers;
	finish_part(superpacket, &part->data[part->len - len], len);
	*ret_vnet = superpacket->vnet;
	vnet_drop_useless(ret_vnet, len);
	drop(superpacket, segments, payload);
	return 0;
}

int superpacket_skip(struct superpacket *superpacket, size_t segments)
{
	if (segments == 0)
		return -EINVAL;
	if (superpacket->len == 0)
		return -ENODATA;
	drop(superpacket, segments, payload_of(superpacket, segments));
	return 0;
}
