/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_SUPERPACKET_H
#define CULVERT_WIRE_SUPERPACKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/vnet.h"

/*
 * A superpacket is up to 64 KB of one flow behind one header, to be segmented later (TSO, USO). On
 * a slow link it would delay all other flows while it is sent, so it can be cut. A cut takes whole
 * segments off its front; each part is a packet or a smaller superpacket. The receiver's kernel
 * makes the same segments of all parts as it would of the whole. The remainder's payload stays
 * where it is; its headers move up to it, over payload that was taken. Pure and without allocation,
 * on a packet's path; any thread.
 *
 * TCP (RFC 9293): a part's sequence number is that of its first byte. FIN and PSH are only in the
 * last part, CWR (with VNET_GSO_ECN) only in the first. All else, with the options, is as in the
 * whole. UDP (virtio 1.2, VIRTIO_NET_HDR_GSO_UDP_L4): each part's length. IPv4: total length,
 * header checksum, and identification counted up by the segments before it. IPv6: payload length.
 * The transport checksum is partial (NEEDS_CSUM): the pseudo header's sum with the part's length,
 * which Linux adjusts for each segment (tcp_gso_segment, __udp_gso_segment). A part of one segment
 * needs no segmentation, only its checksum.
 *
 * Checksums are updated for the fields that change (RFC 1624) and never computed again. So a wrong
 * checksum of the whole is as wrong in every part.
 */

struct superpacket {
	uint8_t *data; /* the IP header of the remainder */
	size_t len;    /* of the remainder with its headers; 0: everything was taken */
	struct vnet vnet;
	uint16_t ip_header; /* bytes, including IPv6 extension headers */
	uint16_t headers;   /* bytes, including the transport header */
};

/*
 * Checks `data` and `vnet` against each other as vnet_check() does, so they may come from any
 * source. Borrows `data`, which superpacket_cut() and superpacket_skip() write to. -EINVAL: the
 * packet can only be sent whole. It needs no segmentation, has no TCP or UDP behind its IP header,
 * or its headers do not fit.
 */
int superpacket_init(
	struct superpacket *superpacket, uint8_t *data, size_t len, const struct vnet *vnet);

/* Segments that remain; 0: everything was taken. */
size_t superpacket_segments(const struct superpacket *superpacket);

/*
 * The size in bytes of the part that superpacket_cut() would make of `segments`, or of all that
 * remain; 0: it would make none.
 */
size_t superpacket_piece(const struct superpacket *superpacket, size_t segments);

/*
 * Appends the first `segments` (or all, if fewer remain) to `part` as a packet and takes them off.
 * `part` is other memory than the superpacket's. On failure nothing changes. -ENOBUFS: less room
 * than superpacket_piece() returns. -ENODATA: nothing remains. -EINVAL: `segments` is 0.
 */
int superpacket_cut(struct superpacket *superpacket, size_t segments, struct writer *part,
	struct vnet *ret_vnet);

/* Takes the first `segments` off and discards them. -ENODATA, -EINVAL: as superpacket_cut(). */
int superpacket_skip(struct superpacket *superpacket, size_t segments);

#endif
