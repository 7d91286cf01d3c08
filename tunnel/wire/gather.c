/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/gather.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/checksum.h"
#include "wire/word.h"

enum {
	IPV4_HEADER = 20, /* without options, which the kernel's GRO does not gather either */
	IPV4_TOS = 1,
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_FRAGMENT = 6,
	IPV4_TTL = 8,
	IPV4_CSUM = 10,
	IPV6_HEADER = 40, /* without extension headers */
	IPV6_LENGTH = 4,
	IPV6_HOP_LIMIT = 7,

	TCP_HEADER = 20,
	TCP_PORTS = 4, /* bytes, from the beginning */
	TCP_SEQUENCE = 4,
	TCP_ACKNOWLEDGEMENT = 8,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_CSUM = 16,
	TCP_URGENT = 18,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_ECE = 0x40,

	LENGTH_MAX = 65535,
};

static bool is_v4(const uint8_t *data)
{
	return data[0] >> 4 == 4;
}

static size_t address_size(const struct packet *packet)
{
	return packet->family == AF_INET ? 4 : 16;
}

/* The size of the headers in bytes, or 0 if the packet is not of a kind that can be gathered. */
static size_t headers_of(const struct packet *packet, const uint8_t *data)
{
	size_t ip_header = packet->family == AF_INET ? IPV4_HEADER : IPV6_HEADER;
	const uint8_t *tcp = &data[ip_header];
	size_t tcp_header;

	if (packet->protocol != IPPROTO_TCP || packet->fragment || packet->transport != ip_header ||
		packet->length < ip_header + TCP_HEADER)
		return 0;
	tcp_header = (size_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
	if (tcp_header < TCP_HEADER || ip_header + tcp_header >= packet->length ||
		(tcp[TCP_FLAGS] & ~(TCP_PSH | TCP_ECE)) != TCP_ACK)
		return 0;
	return ip_header + tcp_header;
}

/* The sum of the pseudo header for a transport length of `len` bytes. */
static uint16_t pseudo_sum(const uint8_t *data, size_t len)
{
	/* Source and destination are adjacent in both families' headers. */
	uint32_t sum = is_v4(data) ? checksum_sum(&data[12], 8) : checksum_sum(&data[8], 32);

	return checksum_fold(sum + IPPROTO_TCP + (uint32_t)len);
}

static bool checksums_are_right(const struct packet *packet, const uint8_t *data)
{
	size_t ip_header = packet->transport, len = packet->length - ip_header;
	uint32_t sum = pseudo_sum(data, len);

	if (is_v4(data) && checksum_sum(data, ip_header) != UINT16_MAX)
		return false;
	return checksum_fold(sum + checksum_sum(&data[ip_header], len)) == UINT16_MAX;
}

bool gather_can_begin(const struct packet *packet, const uint8_t *data)
{
	return headers_of(packet, data) != 0 &&
		(data[packet->transport + TCP_FLAGS] & TCP_PSH) == 0 &&
		checksums_are_right(packet, data);
}

void gather_begin(struct gather *gather, const struct packet *packet, uint8_t *data)
{
	size_t headers = headers_of(packet, data);

	gather->data = data;
	gather->ip_header = packet->transport;
	gather->headers = (uint16_t)headers;
	gather->gso_size = (uint16_t)(packet->length - headers);
	gather->complete = false;
	gather->len = packet->length;
	gather->count = 1;
	gather->part[1] = (struct iovec){ .iov_base = data, .iov_len = packet->length };
}

bool gather_is_same_flow(
	const struct gather *gather, const struct packet *packet, const uint8_t *data)
{
	size_t addresses = 2 * address_size(packet);
	size_t at = packet->family == AF_INET ? 12 : 8;

	return packet->protocol == IPPROTO_TCP &&
		is_v4(gather->data) == (packet->family == AF_INET) &&
		memcmp(&gather->data[at], &data[at], addresses) == 0 &&
		(packet->length < (size_t)packet->transport + TCP_PORTS ||
			memcmp(&gather->data[gather->ip_header], &data[packet->transport],
				TCP_PORTS) == 0);
}

/*
 * True if the IP headers agree in every field that a superpacket has only once. `count` packets
 * came before.
 */
static bool ip_continues(const uint8_t *first, const uint8_t *data, size_t count)
{
	if (!is_v4(first)) /* version, traffic class and flow label */
		return memcmp(first, data, IPV6_LENGTH) == 0 &&
			first[IPV6_HOP_LIMIT] == data[IPV6_HOP_LIMIT];
	return first[IPV4_TOS] == data[IPV4_TOS] && first[IPV4_TTL] == data[IPV4_TTL] &&
		word16(first, IPV4_FRAGMENT) == word16(data, IPV4_FRAGMENT) &&
		(uint16_t)(word16(first, IPV4_ID) + count) == word16(data, IPV4_ID);
}

static bool tcp_continues(
	const struct gather *gather, const uint8_t *first, const uint8_t *tcp, size_t tcp_header)
{
	size_t before = gather->len - gather->headers;

	return word32(first, TCP_SEQUENCE) + (uint32_t)before == word32(tcp, TCP_SEQUENCE) &&
		word32(first, TCP_ACKNOWLEDGEMENT) == word32(tcp, TCP_ACKNOWLEDGEMENT) &&
		first[TCP_DATA_OFFSET] == tcp[TCP_DATA_OFFSET] &&
		(tcp[TCP_FLAGS] & ~TCP_PSH) == first[TCP_FLAGS] &&
		word16(first, TCP_WINDOW) == word16(tcp, TCP_WINDOW) &&
		word16(first, TCP_URGENT) == word16(tcp, TCP_URGENT) &&
		memcmp(&first[TCP_HEADER], &tcp[TCP_HEADER], tcp_header - TCP_HEADER) == 0;
}

int gather_add(struct gather *gather, const struct packet *packet, uint8_t *data)
{
	size_t headers = headers_of(packet, data), at = gather->ip_header;
	size_t payload = packet->length - headers;

	if (headers != gather->headers || gather->complete || payload > gather->gso_size ||
		gather->count == GATHER_PARTS_MAX || gather->len + payload > LENGTH_MAX)
		return -EINVAL;
	if (!ip_continues(gather->data, data, gather->count) ||
		!tcp_continues(gather, &gather->data[at], &data[at], headers - at) ||
		!checksums_are_right(packet, data))
		return -EINVAL;
	gather->part[++gather->count] = (struct iovec){ .iov_base = &data[headers],
		.iov_len = payload };
	gather->len += payload;
	gather->complete = payload < gather->gso_size || (data[at + TCP_FLAGS] & TCP_PSH) != 0;
	if ((data[at + TCP_FLAGS] & TCP_PSH) != 0)
		gather->data[at + TCP_FLAGS] |= TCP_PSH;
	return 0;
}

void gather_end(struct gather *gather, struct vnet *ret_vnet)
{
	uint8_t *data = gather->data;
	size_t transport = gather->len - gather->ip_header;

	*ret_vnet = (struct vnet){ .flags = 0 };
	if (gather->count == 1)
		return;
	if (is_v4(data))
		checksum_put(data, IPV4_LENGTH, (uint16_t)gather->len, IPV4_CSUM);
	else
		word16_put(data, IPV6_LENGTH, (uint16_t)transport);
	word16_put(data, (size_t)gather->ip_header + TCP_CSUM, pseudo_sum(data, transport));
	*ret_vnet = (struct vnet){
		.flags = VNET_NEEDS_CSUM,
		.gso_type = is_v4(data) ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6,
		.header_len = gather->headers,
		.gso_size = gather->gso_size,
		.csum_start = gather->ip_header,
		.csum_offset = TCP_CSUM,
	};
}
