/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_GATHER_H
#define CULVERT_WIRE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "wire/packet.h"
#include "wire/vnet.h"

/*
 * Gathers TCP segments of one flow that follow each other into one superpacket: the opposite of
 * wire/superpacket.h. The kernel takes it in one step instead of forty, as its own GRO does for a
 * network card. Nothing is copied: the superpacket is a list of parts, the whole first packet and
 * the payload of the others. Only the first packet's headers are written to, at the end.
 *
 * A superpacket can be cut again into exactly the packets that were gathered. So segments must
 * agree in every field that a superpacket has only once. These are addresses, ports, type of
 * service, hop limit, don't fragment, acknowledgement, window, options and flags (but PSH, which
 * ends the superpacket). IPv4 identifications count up by one. All segments are as long as the
 * first; only the last may be shorter. Only ACK and PSH may be set, and ECE if all have it.
 * Gathering would replace a wrong checksum by a right one, so every checksum is checked first.
 *
 * Pure and without allocation, on the path of every packet; any thread. RFC 9293, RFC 791, RFC
 * 8200.
 */

enum { GATHER_PARTS_MAX = 64 };

struct gather {
	uint8_t *data;      /* the first packet; NULL: nothing is gathered */
	uint16_t ip_header; /* bytes */
	uint16_t headers;   /* bytes, including TCP's */
	uint16_t gso_size;  /* payload bytes of the first packet */
	bool complete;      /* nothing can follow */
	size_t len;         /* bytes of all parts */
	size_t count;       /* packets, and so parts */
	/* [0] is the caller's, for the offload header; [1] is the first packet, and so on. */
	struct iovec part[1 + GATHER_PARTS_MAX];
};

/*
 * True if another packet could be gathered behind this one. `packet` comes from packet_parse().
 * False: the packet must go alone.
 */
bool gather_can_begin(const struct packet *packet, const uint8_t *data);

/* Begins with a packet that gather_can_begin() accepted. Borrows `data` until gather_end(). */
void gather_begin(struct gather *gather, const struct packet *packet, uint8_t *data);

/*
 * True if the packet belongs to the same TCP connection and direction, and so must not overtake the
 * gathered packets.
 */
bool gather_is_same_flow(
	const struct gather *gather, const struct packet *packet, const uint8_t *data);

/*
 * Appends a packet of the same flow and borrows `data`. -EINVAL: it does not continue the gathered
 * packets.
 */
int gather_add(struct gather *gather, const struct packet *packet, uint8_t *data);

/*
 * Ends the superpacket: writes the first packet's headers for all, and sets *ret_vnet to the
 * offload header (all zero for a single packet, which stays unchanged). Use the parts before the
 * memory of any gathered packet is used again.
 */
void gather_end(struct gather *gather, struct vnet *ret_vnet);

#endif
