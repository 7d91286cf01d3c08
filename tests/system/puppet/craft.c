/* SPDX-License-Identifier: Apache-2.0 */
#include "craft.h"

#include <stdlib.h>

/*
 * Makes the transport part first, with its checksum over the pseudo header (RFC 768, RFC 9293, RFC
 * 8200, 8.1).
 */

enum {
	IPV4_HEADER = 20,
	HOP_LIMIT = 64,
	UDP_HEADER = 8,
	UDP_CHECKSUM = 6,
	TCP_HEADER = 20,
	TCP_CHECKSUM = 16,
	TCP_ACK = 0x10,
	PORT = 12345,
};

/* RFC 1071; the result is not folded. */
static uint32_t sum(uint32_t total, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		total += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return total;
}

static uint16_t fold(uint32_t total)
{
	while (total > UINT16_MAX)
		total = (total & UINT16_MAX) + (total >> 16);
	return (uint16_t)~total;
}

static int write_ipv4(struct writer *writer, const struct addr *source,
	const struct addr *destination, uint8_t protocol, size_t len)
{
	uint8_t fixed[12] = { [0] = 0x45, [8] = HOP_LIMIT, [9] = protocol };
	struct writer length;

	writer_init(&length, fixed + 2, 2);
	int r = writer_u16(&length, IPV4_HEADER + len);
	if (r < 0)
		return r;
	uint32_t total = sum(0, fixed, sizeof(fixed));
	total = sum(sum(total, source->bytes, 4), destination->bytes, 4);
	writer_init(&length, fixed + 10, 2);
	writer_u16(&length, fold(total));
	return writer_copy(writer, fixed, sizeof(fixed));
}

static int write_ipv6(struct writer *writer, uint8_t protocol, size_t len)
{
	int r = writer_u32(writer, 6u << 28);
	if (r == 0)
		r = writer_u16(writer, len);
	if (r == 0)
		r = writer_u8(writer, protocol);
	if (r == 0)
		r = writer_u8(writer, HOP_LIMIT);
	return r;
}

/* Writes the IP header before `transport` and sets the checksum of `transport`. */
static int write_packet(struct writer *writer, const struct addr *source,
	const struct addr *destination, uint8_t protocol, struct writer *transport,
	size_t checksum_at)
{
	size_t size = addr_size(source);
	struct writer checksum;

	if (size == 0 || source->family != destination->family)
		return -EINVAL;
	uint32_t total = protocol + (uint32_t)transport->len;
	total = sum(sum(total, source->bytes, size), destination->bytes, size);
	writer_init(&checksum, transport->data + checksum_at, 2);
	writer_u16(&checksum, fold(sum(total, transport->data, transport->len)));

	int r = source->family == AF_INET
		? write_ipv4(writer, source, destination, protocol, transport->len)
		: write_ipv6(writer, protocol, transport->len);
	if (r == 0)
		r = writer_copy(writer, source->bytes, size);
	if (r == 0)
		r = writer_copy(writer, destination->bytes, size);
	if (r == 0)
		r = writer_copy(writer, transport->data, transport->len);
	return r;
}

int craft_udp(struct writer *writer, const struct addr *source, const struct addr *destination,
	uint16_t port, const char *text)
{
	uint8_t bytes[1500];
	struct writer transport;

	writer_init(&transport, bytes, sizeof(bytes));
	writer_u16(&transport, PORT);
	writer_u16(&transport, port);
	writer_u16(&transport, UDP_HEADER + strlen(text));
	writer_u16(&transport, 0);
	int r = writer_copy(&transport, text, strlen(text));
	if (r < 0)
		return r;
	return write_packet(writer, source, destination, IPPROTO_UDP, &transport, UDP_CHECKSUM);
}

int craft_tcp(struct writer *writer, const struct addr *source, const struct addr *destination,
	size_t len)
{
	struct writer transport;
	uint8_t *bytes = calloc(1, TCP_HEADER + len);

	if (!bytes)
		return -ENOBUFS;
	writer_init(&transport, bytes, TCP_HEADER + len);
	writer_u16(&transport, PORT);
	writer_u16(&transport, PORT);
	transport.len += 8; /* sequence numbers: zero */
	writer_u8(&transport, TCP_HEADER / 4 << 4);
	writer_u8(&transport, TCP_ACK);
	transport.len = TCP_HEADER + len;
	int r = write_packet(writer, source, destination, IPPROTO_TCP, &transport, TCP_CHECKSUM);
	free(bytes);
	return r;
}
