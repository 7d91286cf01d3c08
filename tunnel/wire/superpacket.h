/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_SUPERPACKET_H
#define CULVERT_WIRE_SUPERPACKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/vnet.h"

/*
 * A superpacket is up to 64 KB of one flow behind one header, to be segmented later (TSO, USO). On
 * a slow link it would hold up everybody else for as long as it takes to send it, so it can be cut:
 * whole segments are taken off its front, each part a packet or a smaller superpacket of its own,
 * such that what the receiver's kernel makes of all parts is what it would have made of the whole.
 * The rest stays where its payload is; its headers are moved up to it, over payload that was taken.
 * Pure, allocation-free, on the path of a packet; any thread.
 *
 * TCP (RFC 9293): each part's sequence number is that of its first byte; FIN and PSH only in the
 * last, CWR (and VNET_GSO_ECN, which tells of it) only in the first; everything else, options too,
 * as in the whole. UDP (virtio 1.2, VIRTIO_NET_HDR_GSO_UDP_L4): each part's length. IPv4: total
 * length, identification counted up by the segments before it, header checksum. IPv6: payload
 * length. The transport checksum is partial (NEEDS_CSUM): the pseudo header's sum with the length
 * of the part (Linux, tcp_gso_segment and __udp_gso_segment adjust it from there). A part of one
 * segment asks for no segmentation any more, only for its checksum.
 *
 * Checksums follow the fields that change (RFC 1624) and are never made anew: one that was wrong in
 * the whole is as wrong in every part.
 */

struct superpacket {
	uint8_t *data; /* the IP header of what is left */
	size_t len;    /* of what is left, headers and all; 0: everything was taken */
	struct vnet vnet;
	uint16_t ip_header; /* bytes, with IPv6 extension headers */
	uint16_t headers;   /* bytes, with the transport header */
};

/*
 * `data` and `vnet` are held against each other as by vnet_check(), so that they may come from
 * anywhere. Borrows `data`, which superpacket_cut() and superpacket_skip() write to. -EINVAL: not
 * to be segmented, or not TCP or UDP behind its IP header, or headers that do not fit: it can only
 * be sent whole.
 */
int superpacket_init(
	struct superpacket *superpacket, uint8_t *data, size_t len, const struct vnet *vnet);

/* Segments that are left; 0: everything was taken. */
size_t superpacket_segments(const struct superpacket *superpacket);

/*
 * Bytes of the part that superpacket_cut() would make of so many segments, or of all there are. 0:
 * it would make none.
 */
size_t superpacket_part(const struct superpacket *superpacket, size_t segments);

/*
 * Appends the first `segments` (more than there are: all) as a packet to `part`, and takes them
 * off. -ENOBUFS: less room than superpacket_part() says; -ENODATA: nothing is left; -EINVAL: no
 * segments asked for. Nothing has changed then. `part` is other memory than the superpacket's.
 */
int superpacket_cut(struct superpacket *superpacket, size_t segments, struct writer *part,
	struct vnet *ret_vnet);

/* Takes them off and throws them away. -ENODATA, -EINVAL: as superpacket_cut(). */
int superpacket_skip(struct superpacket *superpacket, size_t segments);

#endif
