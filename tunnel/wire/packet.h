/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PACKET_H
#define CULVERT_WIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses what Culvert needs of an IP packet: version, addresses, the position of the transport
 * header, and the packet that an ICMP error quotes. Pure and without allocation, on the path of
 * every packet; any thread. RFC 791, RFC 8200, RFC 792, RFC 4443.
 */

enum {
	/*
	 * The most IPv6 extension headers that the parser follows. It refuses a longer chain, so
	 * that no packet costs more than a few steps (RFC 8504, 5.3 allows such a limit).
	 */
	PACKET_EXTENSIONS_MAX = 8,
};

struct packet {
	uint8_t family; /* AF_INET or AF_INET6 */
	/*
	 * Of the transport header. In IPv6 the parser skips hop-by-hop options, routing,
	 * destination options and fragment headers first.
	 */
	uint8_t protocol;
	bool fragment; /* any part of a fragmented packet */
	bool first;    /* the transport header is in this packet (no fragment, or the first) */
	/* Offset of the transport header, which may be cut or empty; 0 if this packet has none. */
	uint16_t transport;
	uint32_t length;       /* the IP header's length, which equals the given one */
	const uint8_t *source; /* 4 or 16 bytes inside the packet */
	const uint8_t *destination;
};

/*
 * Parses version, header and total length, addresses, protocol and transport. *ret_packet borrows
 * `data`. -EBADMSG: shorter than its headers, an IPv4 header length under 20, or more IPv6
 * extension headers than PACKET_EXTENSIONS_MAX. -EPROTONOSUPPORT: the version is neither 4 nor 6.
 * -EMSGSIZE: the IP header's length is not `len`.
 */
int packet_parse(const uint8_t *data, size_t len, struct packet *ret_packet);

/*
 * The most instructions that packet_parse() and vnet_check() take for a packet, which
 * tests/system/input_cost.sh counts.
 */
enum {
	PACKET_COST_MAX = 500,
	PACKET_BYTE_COST_MAX = 5, /* for each byte of the input */
};

/*
 * True for an ICMP error, or an ICMP packet too short to show its type. ICMP: types 3, 4, 11 and
 * 12, not redirect, which reports no failed packet. ICMPv6: types below 128; hosts hand even
 * unknown ones to the sender of the quoted packet (RFC 4443, 2.4). False for a later fragment.
 * `data` is the parsed packet.
 */
bool packet_is_error(const struct packet *packet, const uint8_t *data);

/* The packet that an ICMP error quotes; of the error's own family. */
struct packet_quote {
	const uint8_t *source;
	const uint8_t *destination;
	/*
	 * The quoted packet is an ICMP error or redirect, about which no host sends an error. True
	 * also if the quote is too short to show it.
	 */
	bool error;
};

/*
 * True if packet_is_error() and the packet quotes at least an IP header of its own family.
 * *ret_quote is then set and borrows `data`, the parsed packet.
 */
bool packet_quoted(
	const struct packet *packet, const uint8_t *data, struct packet_quote *ret_quote);

/*
 * True if source or destination has no meaning beyond one link or host: multicast, link-local,
 * loopback, unspecified, limited broadcast. Such a packet is always dropped, even if a route such
 * as a default route covers it: a kernel may deliver it to its own programs. It has a counter of
 * its own, since a new interface sends such packets itself.
 */
bool packet_is_local_noise(const struct packet *packet);

#endif
