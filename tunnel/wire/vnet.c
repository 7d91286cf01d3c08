/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/vnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/word.h"

enum {
	TCP_HEADER = 20,
	TCP_DATA_OFFSET = 12, /* the byte; its upper half counts words of four bytes */
	TCP_CSUM = 16,
	UDP_HEADER = 8,
	UDP_LENGTH = 4,
	UDP_CSUM = 6,
	ICMPV6_HEADER = 4,
	ICMPV6_CSUM = 2,
};

int vnet_decode(struct reader *reader, struct vnet *ret_vnet)
{
	struct vnet vnet;

	if (reader_left(reader) < VNET_SIZE)
		return -EBADMSG;
	(void)reader_u8(reader, &vnet.flags);
	(void)reader_u8(reader, &vnet.gso_type);
	(void)reader_le16(reader, &vnet.header_len);
	(void)reader_le16(reader, &vnet.gso_size);
	(void)reader_le16(reader, &vnet.csum_start);
	(void)reader_le16(reader, &vnet.csum_offset);
	*ret_vnet = vnet;
	return 0;
}

int vnet_encode(struct writer *writer, const struct vnet *vnet)
{
	if (writer_left(writer) < VNET_SIZE)
		return -ENOBUFS;
	(void)writer_u8(writer, vnet->flags);
	(void)writer_u8(writer, vnet->gso_type);
	(void)writer_le16(writer, vnet->header_len);
	(void)writer_le16(writer, vnet->gso_size);
	(void)writer_le16(writer, vnet->csum_start);
	(void)writer_le16(writer, vnet->csum_offset);
	return 0;
}

bool vnet_is_plain(const struct vnet *vnet)
{
	return (vnet->flags & ~VNET_DATA_VALID) == 0 && vnet->gso_type == VNET_GSO_NONE;
}

uint32_t vnet_offloads(const struct vnet *vnet)
{
	uint32_t csum = (vnet->flags & VNET_NEEDS_CSUM) != 0 ? OFFLOAD_CSUM : 0;

	if ((vnet->flags & ~(VNET_NEEDS_CSUM | VNET_DATA_VALID)) != 0)
		return UINT32_MAX;
	switch (vnet->gso_type) {
	case VNET_GSO_NONE:
		return csum;
	case VNET_GSO_TCPV4:
		return csum | OFFLOAD_TSO4;
	case VNET_GSO_TCPV6:
		return csum | OFFLOAD_TSO6;
	case VNET_GSO_TCPV4 | VNET_GSO_ECN:
		return csum | OFFLOAD_TSO4 | OFFLOAD_ECN;
	case VNET_GSO_TCPV6 | VNET_GSO_ECN:
		return csum | OFFLOAD_TSO6 | OFFLOAD_ECN;
	case VNET_GSO_UDP_L4:
		return csum | OFFLOAD_USO;
	default:
		return UINT32_MAX;
	}
}

struct transport {
	uint32_t header; /* its length; 0: cut, impossible, or of a protocol without offloads */
	uint16_t csum;   /* offset of its checksum */
};

static struct transport find_transport(const struct packet *packet, const uint8_t *data)
{
	struct transport none = { .header = 0 };
	uint32_t present = packet->length - packet->transport;
	uint32_t header;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		if (present < TCP_HEADER)
			return none;
		header = (data[packet->transport + TCP_DATA_OFFSET] >> 4) * 4u;
		if (header < TCP_HEADER || header > present)
			return none;
		return (struct transport){ .header = header, .csum = TCP_CSUM };
	case IPPROTO_UDP:
		if (present < UDP_HEADER)
			return none;
		return (struct transport){ .header = UDP_HEADER, .csum = UDP_CSUM };
	case IPPROTO_ICMPV6:
		if (present < ICMPV6_HEADER || packet->family != AF_INET6)
			return none;
		return (struct transport){ .header = ICMPV6_HEADER, .csum = ICMPV6_CSUM };
	default:
		break;
	}
	return none;
}

static bool gso_fits(uint8_t gso_type, const struct packet *packet)
{
	switch (gso_type & ~VNET_GSO_ECN) {
	case VNET_GSO_TCPV4:
		return packet->family == AF_INET && packet->protocol == IPPROTO_TCP;
	case VNET_GSO_TCPV6:
		return packet->family == AF_INET6 && packet->protocol == IPPROTO_TCP;
	case VNET_GSO_UDP_L4:
		return packet->protocol == IPPROTO_UDP;
	default:
		break;
	}
	return false;
}

/*
 * True if a superpacket's UDP header has another length than the packet: the kernel would believe
 * it.
 */
static bool udp_length_lies(
	const struct vnet *vnet, const struct packet *packet, const uint8_t *data)
{
	return vnet->gso_type == VNET_GSO_UDP_L4 &&
		word16(data, packet->transport + UDP_LENGTH) != packet->length - packet->transport;
}

static bool costs_too_much(
	const struct vnet *vnet, const struct packet *packet, const struct transport *transport)
{
	uint32_t payload = packet->length - packet->transport - transport->header;

	if (vnet->gso_type == VNET_GSO_UDP_L4)
		return payload > (uint32_t)vnet->gso_size * VNET_UDP_SEGMENTS_MAX;
	return vnet->gso_size < VNET_TCP_SEGMENT_MIN &&
		payload > (uint32_t)vnet->gso_size * VNET_TCP_SMALL_MAX;
}

int vnet_check(
	struct vnet *vnet, const struct packet *packet, const uint8_t *data, uint32_t accepted)
{
	uint32_t offloads = vnet_offloads(vnet);
	bool segmented = vnet->gso_type != VNET_GSO_NONE;
	struct transport transport;

	if (offloads == UINT32_MAX)
		return -EINVAL;
	if (offloads == 0) {
		*vnet = (struct vnet){ .flags = 0 };
		return 0;
	}
	/* A packet without a transport header is a later fragment. */
	if ((offloads & OFFLOAD_CSUM) == 0 || packet->fragment)
		return -EINVAL;
	transport = find_transport(packet, data);
	if (transport.header == 0 || vnet->csum_start != packet->transport ||
		vnet->csum_offset != transport.csum)
		return -EINVAL;
	if (segmented &&
		(vnet->gso_size == 0 || !gso_fits(vnet->gso_type, packet) ||
			udp_length_lies(vnet, packet, data)))
		return -EINVAL;
	if (segmented && costs_too_much(vnet, packet, &transport))
		return -E2BIG;
	if ((offloads & ~accepted) != 0)
		return -EOPNOTSUPP;
	vnet->flags = VNET_NEEDS_CSUM;
	vnet->gso_size = segmented ? vnet->gso_size : 0;
	vnet->header_len = segmented ? (uint16_t)(packet->transport + transport.header) : 0;
	return 0;
}

void vnet_drop_useless(struct vnet *vnet, size_t len)
{
	if (vnet->gso_type == VNET_GSO_NONE || len > (size_t)vnet->header_len + vnet->gso_size)
		return;
	vnet->gso_type = VNET_GSO_NONE;
	vnet->gso_size = 0;
	vnet->header_len = 0;
}

bool vnet_is_outermost(const struct vnet *vnet, const struct packet *packet)
{
	if ((vnet->flags & VNET_NEEDS_CSUM) == 0)
		return true;
	if (vnet->csum_start != packet->transport)
		return false;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return vnet->csum_offset == TCP_CSUM;
	case IPPROTO_UDP:
		return vnet->csum_offset == UDP_CSUM;
	case IPPROTO_ICMPV6:
		return vnet->csum_offset == ICMPV6_CSUM;
	default:
		break;
	}
	return false;
}

int vnet_finish(struct vnet *vnet, uint8_t *data, size_t len)
{
	size_t at = (size_t)vnet->csum_start + vnet->csum_offset;
	uint16_t checksum;

	if (vnet->gso_type != VNET_GSO_NONE || at + sizeof(checksum) > len)
		return -EINVAL;
	if ((vnet->flags & VNET_NEEDS_CSUM) != 0) {
		/* The field holds the sum of the pseudo header, so this sum includes it. */
		checksum = (uint16_t)~checksum_sum(&data[vnet->csum_start], len - vnet->csum_start);
		word16_put(data, at, checksum != 0 ? checksum : UINT16_MAX);
	}
	*vnet = (struct vnet){ .flags = 0 };
	return 0;
}
