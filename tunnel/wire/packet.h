/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PACKET_H
#define CULVERT_WIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What Culvert needs to know of an IP packet: version, addresses, where the transport header
 * begins, and, for an ICMP error, which packet it quotes. Pure,
 * allocation-free, on the path of every packet; any thread. RFC 791, RFC 8200, RFC 792, RFC 4443.
 */

enum {
	/*
	 * IPv6 extension headers that are followed; a longer chain is refused, so that no packet
	 * costs more than a few steps (RFC 8504, 5.3 allows such a limit).
	 */
	PACKET_EXTENSIONS_MAX = 8,
};

struct packet {
	uint8_t family; /* AF_INET or AF_INET6 */
	/* Of the transport header; for IPv6 after the headers of hop-by-hop options, routing,
	 * destination options and fragment. */
	uint8_t protocol;
	bool fragment; /* any part of a fragmented packet */
	bool first;    /* the transport header is in this packet (no fragment, or the first) */
	/* Offset of the transport header, which may be cut or empty; 0 when it is not here. */
	uint16_t transport;
	uint32_t length;       /* as the IP header tells, and as given: they agree */
	const uint8_t *source; /* 4 or 16 bytes inside the packet */
	const uint8_t *destination;
};

/*
 * The fast part: version, header and total length, addresses, protocol and transport. Borrows
 * `data`. -EBADMSG: shorter than its headers, IPv4 header length under 20, or more IPv6 extension
 * headers than PACKET_EXTENSIONS_MAX; -EPROTONOSUPPORT: version neither 4 nor 6; -EMSGSIZE: the
 * length in the IP header is not `len`.
 */
int packet_parse(const uint8_t *data, size_t len, struct packet *ret_packet);

/*
 * True when the packet is an ICMP error, or an ICMP packet that hides its type: ICMP types 3, 4, 11
 * and 12 (no redirect: that is no word about a packet that failed); ICMPv6 types below 128, which
 * hosts hand to the sender of what is quoted even where they do not know the type (RFC 4443, 2.4).
 * False for a later fragment. `data` is what was parsed.
 */
bool packet_is_error(const struct packet *packet, const uint8_t *data);

struct packet_quote { /* the packet inside an ICMP error; family is that of the outer */
	const uint8_t *source;
	const uint8_t *destination;
	/* An ICMP error or redirect itself, about which no host sends an error; true also where the
	 * quote ends before it shows that. */
	bool error;
};

/*
 * True and *ret_quote set when packet_is_error() and the packet quotes at least an IP header of its
 * own family. `data` is what was parsed; the quote borrows it.
 */
bool packet_quoted(
	const struct packet *packet, const uint8_t *data, struct packet_quote *ret_quote);

/*
 * A source or destination that means nothing beyond one link or one host: multicast, link-local,
 * loopback, unspecified, the limited broadcast. Such a packet is dropped whatever routes say, a default
 * route at most: a kernel may deliver it to its own programs. It has a counter of its own, since a
 * fresh interface makes such packets itself.
 */
bool packet_is_local_noise(const struct packet *packet);

#endif
