/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/superpacket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/packet.h"

/*
 * A cut writes the headers once more in front of what is left, and changes in both copies only what
 * the split changes. Lengths and identification are words of checksums that are there already, so
 * those are changed by the difference.
 */

enum {
	IPV4_HEADER = 20,
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_CHECKSUM = 10,
	IPV6_HEADER = 40,
	IPV6_LENGTH = 4,

	TCP_HEADER = 20,
	TCP_SEQUENCE = 4,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,

	UDP_HEADER = 8,
	UDP_LENGTH = 4,
};

static size_t transport_header(const struct packet *packet, const uint8_t *data, size_t len)
{
	size_t there = len - packet->transport;
	size_t header = UDP_HEADER;

	if (packet->protocol == IPPROTO_TCP) {
		if (there < TCP_HEADER)
			return 0;
		header = (data[packet->transport + TCP_DATA_OFFSET] >> 4) * (size_t)4;
		if (header < TCP_HEADER)
			return 0;
	}
	return header < there ? header : 0;
}

static bool is_segmented(const struct packet *packet, const struct vnet *vnet)
{
	switch (vnet->gso_type & ~VNET_GSO_ECN) {
	case VNET_GSO_TCPV4:
		return packet->protocol == IPPROTO_TCP && packet->family == AF_INET;
	case VNET_GSO_TCPV6:
		return packet->protocol == IPPROTO_TCP && packet->family == AF_INET6;
	case VNET_GSO_UDP_L4:
		return packet->protocol == IPPROTO_UDP;
	default:
		return false;
	}
}

int superpacket_init(
	struct superpacket *superpacket, uint8_t *data, size_t len, const struct vnet *vnet)
{
	struct packet packet;

	if (vnet->gso_size == 0 || (vnet->flags & VNET_NEEDS_CSUM) == 0)
		return -EINVAL;
	if (packet_parse(data, len, &packet) < 0 || packet.fragment || packet.transport == 0 ||
		!is_segmented(&packet, vnet))
		return -EINVAL;
	size_t header = transport_header(&packet, data, len);
	if (header == 0 || vnet->csum_start != packet.transport ||
		vnet->csum_offset + (size_t)2 > header)
		return -EINVAL;
	*superpacket = (struct superpacket){
		.data = data,
		.len = len,
		.vnet = *vnet,
		.ip_header = packet.transport,
		.headers = (uint16_t)(packet.transport + header),
	};
	return 0;
}

size_t superpacket_segments(const struct superpacket *superpacket)
{
	size_t size = superpacket->vnet.gso_size;

	return (superpacket->len - superpacket->headers + size - 1) / size;
}

static size_t payload_of(const struct superpacket *superpacket, size_t segments)
{
	size_t left = superpacket->len - superpacket->headers;
	size_t size = superpacket->vnet.gso_size;

	return segments > left / size ? left : segments * size;
}

size_t superpacket_part(const struct superpacket *superpacket, size_t segments)
{
	return superpacket->headers + payload_of(superpacket, segments);
}

static bool is_ipv4(const uint8_t *data)
{
	return data[0] >> 4 == 4;
}

static bool is_tcp(const struct superpacket *superpacket)
{
	return superpacket->vnet.gso_type != VNET_GSO_UDP_L4;
}

/* All that depends on how long a packet is: it now has so many bytes of headers and payload. */
static void set_length(const struct superpacket *superpacket, uint8_t *data, size_t len)
{
	const struct vnet *vnet = &superpacket->vnet;
	uint8_t *transport = &data[superpacket->ip_header];
	uint8_t *partial = &transport[vnet->csum_offset];
	uint16_t transport_len = (uint16_t)(len - superpacket->ip_header), before;

	if (is_ipv4(data)) {
		before = (uint16_t)(checksum_load(&data[IPV4_LENGTH]) - superpacket->ip_header);
		checksum_set(&data[IPV4_LENGTH], (uint16_t)len, &data[IPV4_CHECKSUM]);
	} else {
		uint16_t extensions = (uint16_t)(superpacket->ip_header - IPV6_HEADER);
		before = (uint16_t)(checksum_load(&data[IPV6_LENGTH]) - extensions);
		checksum_store(&data[IPV6_LENGTH], (uint16_t)(len - IPV6_HEADER));
	}
	if (!is_tcp(superpacket))
		checksum_store(&transport[UDP_LENGTH], transport_len);
	/* The pseudo header's sum, not complemented, has the length in it. */
	checksum_store(partial, checksum_replace(checksum_load(partial), before, transport_len));
}

/* The vnet header of a packet with so much payload. */
static struct vnet vnet_of(const struct superpacket *superpacket, size_t payload)
{
	struct vnet vnet = superpacket->vnet;

	if (payload > vnet.gso_size)
		return vnet;
	vnet.gso_type = VNET_GSO_NONE;
	vnet.gso_size = 0;
	vnet.header_len = 0;
	return vnet;
}

static void set_sequence(uint8_t *sequence, uint32_t taken)
{
	uint32_t value = (uint32_t)checksum_load(sequence) << 16 | checksum_load(&sequence[2]);

	value += taken;
	checksum_store(sequence, (uint16_t)(value >> 16));
	checksum_store(&sequence[2], (uint16_t)value);
}

/* The headers of the rest, when so much payload, in so many segments, is gone. */
static void advance(struct superpacket *superpacket, size_t payload, size_t segments)
{
	uint8_t *data = superpacket->data;
	uint8_t *transport = &data[superpacket->ip_header];

	if (is_ipv4(data))
		checksum_set(&data[IPV4_ID], (uint16_t)(checksum_load(&data[IPV4_ID]) + segments),
			&data[IPV4_CHECKSUM]);
	if (is_tcp(superpacket)) {
		set_sequence(&transport[TCP_SEQUENCE], (uint32_t)payload);
		transport[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
		superpacket->vnet.gso_type &= (uint8_t)~VNET_GSO_ECN;
	}
	set_length(superpacket, data, superpacket->len);
}

static void take_off(struct superpacket *superpacket, size_t payload, size_t segments)
{
	uint8_t *headers = superpacket->data;

	superpacket->data = &headers[payload];
	superpacket->len -= payload;
	memmove(superpacket->data, headers, superpacket->headers);
	if (superpacket->len > superpacket->headers)
		advance(superpacket, payload, segments);
	/* The last segment is a packet like any other. */
	if (superpacket->len <= (size_t)superpacket->headers + superpacket->vnet.gso_size)
		superpacket->vnet.gso_type = VNET_GSO_NONE;
}

static size_t segments_in(const struct superpacket *superpacket, size_t payload)
{
	size_t size = superpacket->vnet.gso_size;

	return (payload + size - 1) / size;
}

int superpacket_cut(struct superpacket *superpacket, size_t segments, struct writer *part,
	struct vnet *ret_vnet)
{
	size_t payload = payload_of(superpacket, segments);
	size_t len = superpacket->headers + payload;

	if (payload == 0)
		return -ENODATA;
	if (part->capacity - part->len < len)
		return -ENOBUFS;
	uint8_t *data = &part->data[part->len];
	memcpy(data, superpacket->data, len);
	part->len += len;
	if (len < superpacket->len) {
		set_length(superpacket, data, len);
		if (is_tcp(superpacket))
			data[superpacket->ip_header + TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	}
	*ret_vnet = vnet_of(superpacket, payload);
	take_off(superpacket, payload, segments_in(superpacket, payload));
	return 0;
}

int superpacket_skip(struct superpacket *superpacket, size_t segments)
{
	size_t payload = payload_of(superpacket, segments);

	if (payload == 0)
		return -ENODATA;
	take_off(superpacket, payload, segments_in(superpacket, payload));
	return 0;
}
