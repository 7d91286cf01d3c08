/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_VNET_H
#define CULVERT_WIRE_VNET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/offload.h"
#include "wire/packet.h"

/*
 * The offload header in front of a packet: struct virtio_net_hdr, 10 bytes, little-endian
 * (TUNSETVNETLE). It comes from the peer, so every field is held against the packet before the
 * kernel sees it. Pure, allocation-free, on the path of every packet; any thread. Source: virtio
 * 1.2, 5.1.6; include/uapi/linux/virtio_net.h.
 */

struct vnet {
	uint8_t flags;        /* VNET_NEEDS_CSUM, VNET_DATA_VALID */
	uint8_t gso_type;     /* VNET_GSO_*; VNET_GSO_ECN may be added to the TCP ones */
	uint16_t header_len;  /* bytes of all headers */
	uint16_t gso_size;    /* payload bytes of a segment */
	uint16_t csum_start;  /* where the checksum's cover begins */
	uint16_t csum_offset; /* where it stands, counted from there */
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
	 * The most that a host must cut whose way out has no offload: each segment costs it some
	 * 0.7 us, and one frame of one-byte segments 50 ms. Small segments of TCP are honest where
	 * a network driver gathered them, which takes no more than 64 in one go (NAPI_POLL_WEIGHT).
	 */
	VNET_TCP_SEGMENT_MIN = 48,   /* payload bytes: the kernel's least MSS (TCP_MIN_SND_MSS) */
	VNET_TCP_SMALL_MAX = 64,     /* segments that may be smaller than that */
	VNET_UDP_SEGMENTS_MAX = 128, /* UDP_MAX_SEGMENTS of the kernel */
};

int vnet_decode(struct reader *reader, struct vnet *ret_vnet);   /* -EBADMSG: too short */
int vnet_encode(struct writer *writer, const struct vnet *vnet); /* -ENOBUFS */

/*
 * True: neither segmentation nor a checksum is left to do, the packet can go bare (DATA_VALID alone
 * does not count). False for a header with unknown bits.
 */
bool vnet_is_plain(const struct vnet *vnet);

/*
 * Which offloads the header uses, as enum offload bits. Unknown flags or segmentation types, and
 * ECN without TCP segmentation: UINT32_MAX.
 */
uint32_t vnet_offloads(const struct vnet *vnet);

/*
 * Holds the header against the packet it stands before, `data` and `packet` as packet_parse() saw
 * them. 0: the kernel may see it; *vnet is then cleaned: DATA_VALID is cleared, fields without a
 * meaning are zero, and header_len is the headers' true length where segmentation is asked for,
 * else zero. Otherwise *vnet is as it was:
 *
 * -EINVAL: anything that does not fit: an unknown flag or type; segmentation without NEEDS_CSUM,
 * with gso_size 0, or of another protocol or family than the packet's; a fragment; csum_start not
 * at the transport header; csum_offset not that of TCP (16), UDP (6) or ICMPv6 (2); a transport
 * header that is cut; a TCP data offset that is impossible; with UDP segmentation, a UDP length that
 * is not that of the packet. (A gso_size past the payload is fine: nothing is to be segmented.)
 * -E2BIG: fits, but cutting it costs too much: more than VNET_TCP_SMALL_MAX segments of TCP under
 * VNET_TCP_SEGMENT_MIN, or more than VNET_UDP_SEGMENTS_MAX of UDP. -EOPNOTSUPP: fits, but uses an offload outside `accepted`.
 */
int vnet_check(
	struct vnet *vnet, const struct packet *packet, const uint8_t *data, uint32_t accepted);

/*
 * The checksum that the header leaves to do is one that vnet_check() takes, that of the packet's own
 * transport header; also true where none is left. False: it stands in a packet inside this one, as a
 * host that makes a tunnel of its own (VXLAN, GRE) may leave it, and nobody but the sender knows of it.
 */
bool vnet_is_outermost(const struct vnet *vnet, const struct packet *packet);

/*
 * Makes the checksum that the header leaves to do, and then says in the header that nothing is left.
 * The checksum is never zero, which UDP has no other use for (RFC 768) and the others do not mind.
 * -EINVAL: segmentation is left as well, or the header's places are not in the packet.
 */
int vnet_finish(struct vnet *vnet, uint8_t *data, size_t len);

#endif
