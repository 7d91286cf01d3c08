/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_VNET_H
#define CULVERT_WIRE_VNET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/offload.h"
#include "wire/packet.h"

/*
 * The offload header of a packet: struct virtio_net_hdr, 10 bytes, little-endian (TUNSETVNETLE). It
 * comes from the peer, so every field is checked against the packet before the kernel reads it.
 * Pure and without allocation, on the path of every packet; any thread. Source: virtio 1.2, 5.1.6;
 * include/uapi/linux/virtio_net.h.
 */

struct vnet {
	uint8_t flags;        /* VNET_NEEDS_CSUM, VNET_DATA_VALID */
	uint8_t gso_type;     /* VNET_GSO_*; the TCP types may also have VNET_GSO_ECN */
	uint16_t header_len;  /* bytes of all headers */
	uint16_t gso_size;    /* payload bytes of a segment */
	uint16_t csum_start;  /* where the bytes under the checksum begin */
	uint16_t csum_offset; /* the checksum's offset from csum_start */
};

enum {
	VNET_SIZE = 10,

	VNET_NEEDS_CSUM = 1,
	VNET_DATA_VALID = 2,

	VNET_GSO_NONE = 0,
	VNET_GSO_TCPV4 = 1,
	VNET_GSO_TCPV6 = 4,
	VNET_GSO_UDP_L4 = 5, /* missing in older headers */
	VNET_GSO_ECN = 0x80,

	/*
	 * Limits that protect a host whose outgoing interface has no offload, so that it must cut
	 * superpackets itself. Each segment costs that host some 0.7 us, and one frame of one-byte
	 * segments 50 ms. Small TCP segments are honest if a network driver gathered them, which
	 * takes at most 64 at a time (NAPI_POLL_WEIGHT).
	 */
	VNET_TCP_SEGMENT_MIN = 48, /* payload bytes: the kernel's smallest MSS (TCP_MIN_SND_MSS) */
	VNET_TCP_SMALL_MAX = 64,   /* segments that may be smaller than that */
	VNET_UDP_SEGMENTS_MAX = 128, /* the kernel's UDP_MAX_SEGMENTS */
};

int vnet_decode(struct reader *reader, struct vnet *ret_vnet);   /* -EBADMSG: too short */
int vnet_encode(struct writer *writer, const struct vnet *vnet); /* -ENOBUFS */

/*
 * True if neither segmentation nor a checksum is open, so the packet needs no header (DATA_VALID
 * alone does not count). False for a header with unknown bits.
 */
bool vnet_is_plain(const struct vnet *vnet);

/*
 * The offloads that the header uses, as enum offload bits. UINT32_MAX for unknown flags or
 * segmentation types, and for ECN without TCP segmentation.
 */
uint32_t vnet_offloads(const struct vnet *vnet);

/*
 * Checks the offload header against its packet; `packet` comes from packet_parse() of `data`. 0:
 * the kernel may have the header, and *vnet is cleaned. DATA_VALID is then cleared, and fields
 * without a meaning are zero. header_len is the headers' true length if segmentation is requested,
 * else zero. On failure *vnet is unchanged.
 *
 * -EINVAL: an unknown flag or type; a fragment; segmentation without NEEDS_CSUM, with gso_size 0,
 * or of another protocol or family than the packet's. Also csum_start not at the transport header,
 * or csum_offset not that of TCP (16), UDP (6) or ICMPv6 (2). Also a transport header that is cut,
 * or an impossible TCP data offset. With UDP segmentation, also a UDP length that is not the
 * packet's. A gso_size past the payload is valid: it needs no segmentation.
 *
 * -E2BIG: valid, but too expensive to cut: more than VNET_TCP_SMALL_MAX segments of TCP under
 * VNET_TCP_SEGMENT_MIN, or more than VNET_UDP_SEGMENTS_MAX of UDP. -EOPNOTSUPP: valid, but uses an
 * offload outside `accepted`.
 */
int vnet_check(
	struct vnet *vnet, const struct packet *packet, const uint8_t *data, uint32_t accepted);

/*
 * Makes a header that vnet_check() has cleaned a plain one if its packet, of `len` bytes, is one segment.
 * The kernel does so, too, but counts no TCP options (virtio_net_hdr_to_skb): a full segment behind
 * options stays a superpacket there, and tcp_gso_segment() drops it.
 */
void vnet_drop_useless(struct vnet *vnet, size_t len);

/*
 * True if the open checksum is that of the packet's own transport header, which vnet_check()
 * accepts, or if none is open. False: it belongs to a packet inside this one. A host with a tunnel
 * of its own (VXLAN, GRE) may leave it so, and only that host can interpret it.
 */
bool vnet_is_outermost(const struct vnet *vnet, const struct packet *packet);

/*
 * Computes the open checksum and marks it as done in the header. The result is never zero, which in
 * UDP means "no checksum" (RFC 768); the other protocols accept that. -EINVAL: segmentation is
 * open, too, or the header's offsets are outside the packet.
 */
int vnet_finish(struct vnet *vnet, uint8_t *data, size_t len);

#endif
