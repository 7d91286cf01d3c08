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
 * The opposite of cutting a superpacket (wire/superpacket.h): TCP segments of one flow that follow
 * each other byte for byte become one superpacket, which the kernel takes in one step instead of
 * forty (as its own GRO does with what a network card receives). Nothing is copied: the superpacket
 * is a list of places, the first packet whole and of the others the payload, and only the first
 * one's headers are written to, at the end.
 *
 * What is gathered can be taken apart again into exactly what came. So segments have to agree in
 * all that a superpacket says but once: addresses, ports, type of service, hop limit, don't
 * fragment, acknowledgement, window, options, flags (but PSH, which ends the superpacket). IPv4
 * identifications count up by one, and all segments are as long as the first, but for a shorter last. Only ACK and PSH, and
 * ECE on all, may be set. A checksum that is wrong would be made good by gathering, so all are
 * looked at first.
 *
 * Pure, allocation-free, on the path of every packet; any thread. RFC 9293, RFC 791, RFC 8200.
 */

enum { GATHER_PARTS_MAX = 64 };

struct gather {
	uint8_t *data;      /* the first packet; NULL: there is none */
	uint16_t ip_header; /* bytes */
	uint16_t headers;   /* bytes, with TCP's */
	uint16_t gso_size;  /* payload bytes of the first */
	bool complete;      /* nothing can follow */
	size_t len;         /* bytes of all parts */
	size_t count;       /* of packets, and so of parts */
	/* [0] is the caller's, for the offload header; [1] is the first packet, and so on. */
	struct iovec part[1 + GATHER_PARTS_MAX];
};

/*
 * Something could be gathered behind this packet, `packet` as packet_parse() saw it. False: it has
 * to go by itself.
 */
bool gather_can_begin(const struct packet *packet, const uint8_t *data);

/* Begins with such a packet; borrows `data` until the end. */
void gather_begin(struct gather *gather, const struct packet *packet, uint8_t *data);

/* The packet is of the same TCP connection and direction, so it must not overtake what is gathered. */
bool gather_is_same_flow(
	const struct gather *gather, const struct packet *packet, const uint8_t *data);

/* Appends a packet of the same flow. -EINVAL: it does not continue what is gathered. */
int gather_add(struct gather *gather, const struct packet *packet, uint8_t *data);

/*
 * Ends it: the first packet's headers speak for all, and *ret_vnet is the offload header in front
 * (all zero for a single packet, which is as it came). The parts are to be read before any of the
 * packets' memory is used anew.
 */
void gather_end(struct gather *gather, struct vnet *ret_vnet);

#endif
