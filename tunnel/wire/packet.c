/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum {
	IPV4_HEADER = 20,
	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_OFFSET_MASK = 0x1fff,
	IPV6_HEADER = 40,
	IPV6_OFFSET_MASK = 0xfff8,
	ICMP_HEADER = 8, /* of ICMP and ICMPv6 errors: type, code, checksum, four bytes */
	ICMP_REDIRECT_TYPE = 5,
};

static uint16_t big16(const struct view *view, size_t at)
{
	return (uint16_t)(view->data[at] << 8 | view->data[at + 1]);
}

static const uint8_t *field(const struct view *view, size_t at)
{
	return &view->data[at];
}

static int parse_v4(struct reader *reader, struct packet *ret_packet)
{
	size_t len = reader_left(reader);
	struct view header;
	unsigned header_len, fragment;

	if (reader_view(reader, IPV4_HEADER, &header) < 0)
		return -EBADMSG;
	header_len = (header.data[0] & 15u) * 4;
	if (header_len < IPV4_HEADER || header_len > len)
		return -EBADMSG;
	if (big16(&header, 2) != len)
		return -EMSGSIZE;
	fragment = big16(&header, 6);
	ret_packet->family = AF_INET;
	ret_packet->protocol = header.data[9];
	ret_packet->fragment = (fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) != 0;
	ret_packet->first = (fragment & IPV4_OFFSET_MASK) == 0;
	ret_packet->transport = ret_packet->first ? (uint16_t)header_len : 0;
	ret_packet->length = (uint32_t)len;
	ret_packet->source = field(&header, 12);
	ret_packet->destination = field(&header, 16);
	return 0;
}

/*
 * Skips the extension headers up to the transport header. In a later fragment it stops behind the
 * fragment header, since no header begins after that one.
 */
static int skip_extensions(struct reader *reader, struct packet *packet)
{
	for (int i = 0; i <= PACKET_EXTENSIONS_MAX; i++) {
		uint8_t protocol = packet->protocol;
		struct view head, rest;

		if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING &&
			protocol != IPPROTO_DSTOPTS && protocol != IPPROTO_FRAGMENT) {
			packet->transport = (uint16_t)reader->at;
			return 0;
		}
		if (reader_view(reader, 8, &head) < 0)
			return -EBADMSG;
		packet->protocol = head.data[0];
		if (protocol == IPPROTO_FRAGMENT) {
			packet->fragment = true;
			packet->first = (big16(&head, 2) & IPV6_OFFSET_MASK) == 0;
			if (!packet->first)
				return 0;
		} else if (reader_view(reader, (size_t)head.data[1] * 8, &rest) < 0) {
			return -EBADMSG;
		}
	}
	return -EBADMSG;
}

static int parse_v6(struct reader *reader, struct packet *ret_packet)
{
	size_t len = reader_left(reader);
	struct view header;

	if (reader_view(reader, IPV6_HEADER, &header) < 0)
		return -EBADMSG;
	/* A jumbogram's length of 0 cannot agree either: a jumbogram is longer than any frame. */
	if (big16(&header, 4) + (size_t)IPV6_HEADER != len)
		return -EMSGSIZE;
	ret_packet->family = AF_INET6;
	ret_packet->protocol = header.data[6];
	ret_packet->first = true;
	ret_packet->length = (uint32_t)len;
	ret_packet->source = field(&header, 8);
	ret_packet->destination = field(&header, 24);
	return skip_extensions(reader, ret_packet);
}

int packet_parse(const uint8_t *data, size_t len, struct packet *ret_packet)
{
	struct packet packet = { .family = AF_UNSPEC };
	struct reader reader;
	int r;

	if (len == 0)
		return -EBADMSG;
	reader_init(&reader, data, len);
	switch (data[0] >> 4) {
	case 4:
		r = parse_v4(&reader, &packet);
		break;
	case 6:
		r = parse_v6(&reader, &packet);
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	if (r == 0)
		*ret_packet = packet;
	return r;
}

static bool is_icmp(const struct packet *packet)
{
	return packet->protocol == (packet->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool is_error_type(uint8_t family, uint8_t type)
{
	if (family == AF_INET)
		return type == 3 || type == 4 || type == 11 || type == 12;
	return type < 128;
}

bool packet_is_error(const struct packet *packet, const uint8_t *data)
{
	struct reader reader;
	struct view before, type;

	if (!packet->first || !is_icmp(packet))
		return false;
	reader_init(&reader, data, packet->length);
	return reader_view(&reader, packet->transport, &before) < 0 ||
		reader_view(&reader, 1, &type) < 0 || is_error_type(packet->family, type.data[0]);
}

/*
 * True if the quoted packet is an ICMP error. `reader` is behind its fixed header; a quote may end
 * anywhere.
 */
static bool quotes_error(struct reader *reader, const struct view *header, uint8_t family)
{
	struct packet quoted = { .family = family, .first = true };
	struct view options, type;

	if (family == AF_INET) {
		size_t len = (size_t)(header->data[0] & 15u) * 4;

		quoted.protocol = header->data[9];
		quoted.first = (big16(header, 6) & IPV4_OFFSET_MASK) == 0;
		if (len < IPV4_HEADER || reader_view(reader, len - IPV4_HEADER, &options) < 0)
			return true;
	} else {
		quoted.protocol = header->data[6];
		if (skip_extensions(reader, &quoted) < 0)
			return true;
	}
	if (!quoted.first || !is_icmp(&quoted))
		return false;
	if (reader_view(reader, 1, &type) < 0)
		return true;
	return is_error_type(family, type.data[0]) ||
		(family == AF_INET && type.data[0] == ICMP_REDIRECT_TYPE);
}

bool packet_quoted(const struct packet *packet, const uint8_t *data, struct packet_quote *ret_quote)
{
	bool v4 = packet->family == AF_INET;
	struct reader reader;
	struct view before, icmp, quoted;

	if (!packet_is_error(packet, data))
		return false;
	reader_init(&reader, data, packet->length);
	if (reader_view(&reader, packet->transport, &before) < 0 ||
		reader_view(&reader, ICMP_HEADER, &icmp) < 0 ||
		reader_view(&reader, v4 ? IPV4_HEADER : IPV6_HEADER, &quoted) < 0)
		return false;
	if (quoted.data[0] >> 4 != (v4 ? 4 : 6))
		return false;
	*ret_quote = (struct packet_quote){
		.source = field(&quoted, v4 ? 12 : 8),
		.destination = field(&quoted, v4 ? 16 : 24),
		.error = quotes_error(&reader, &quoted, packet->family),
	};
	return true;
}

/* 0/8 is "this network" (RFC 1122, 3.2.1.3), 255.255.255.255 every host of a link. */
static bool is_noise_v4(const uint8_t *addr)
{
	static const uint8_t broadcast[] = { 255, 255, 255, 255 };

	return (addr[0] & 0xf0) == 0xe0 || (addr[0] == 169 && addr[1] == 254) || addr[0] == 127 ||
		addr[0] == 0 || memcmp(addr, broadcast, sizeof(broadcast)) == 0;
}

/* :: and ::1 differ in the last bit. */
static bool is_noise_v6(const uint8_t *addr)
{
	static const uint8_t zeros[15] = { 0 };

	return addr[0] == 0xff || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80) ||
		(memcmp(addr, zeros, sizeof(zeros)) == 0 && addr[15] <= 1);
}

bool packet_is_local_noise(const struct packet *packet)
{
	if (packet->family == AF_INET)
		return is_noise_v4(packet->source) || is_noise_v4(packet->destination);
	return is_noise_v6(packet->source) || is_noise_v6(packet->destination);
}
