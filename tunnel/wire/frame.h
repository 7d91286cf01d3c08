/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_FRAME_H
#define CULVERT_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * The native frame: a header of 4 bytes (type: 1, length of the payload: 3, big-endian), then the
 * payload. Frames form a stream that is independent of TLS records. Pure functions; any thread.
 */

enum frame_type {
	FRAME_PACKET = 1,  /* a bare IP packet */
	FRAME_OFFLOAD = 2, /* struct virtio_net_hdr (10 bytes, little-endian), then an IP packet */
	FRAME_CONTROL = 3, /* one control message (wire/message.h) */
};

enum {
	FRAME_HEADER = 4,
	FRAME_VNET = 10,       /* the offload header before a FRAME_OFFLOAD's packet */
	FRAME_PACKET_MIN = 20, /* the shortest IP packet */
	FRAME_PACKET_MAX = 65535,
	FRAME_CONTROL_MIN = 4,     /* the header of a control message */
	FRAME_CONTROL_MAX = 16384, /* payload of a control frame */
	FRAME_MAX = FRAME_HEADER + FRAME_VNET + FRAME_PACKET_MAX,
};

struct frame {
	enum frame_type type;
	struct view payload; /* without the header; FRAME_OFFLOAD: with the offload header */
};

/*
 * Writes the 4 header bytes. -ERANGE: unknown type, or a length outside the type's limits.
 * -ENOBUFS.
 */
int frame_encode_header(struct writer *writer, enum frame_type type, size_t length);

/*
 * Takes one frame from the stream. 0: *ret_frame is set and borrows the reader's memory. On error
 * it consumes nothing. It reports an error as soon as the bytes that prove it are there: the first
 * byte of a length can already refuse it. -EAGAIN: the frame is valid so far, but not whole.
 * -EPROTONOSUPPORT: unknown type. -EMSGSIZE: length outside the type's limits (0, too short for a
 * header or packet, past the maximum).
 */
int frame_decode(struct reader *stream, struct frame *ret_frame);

/* The most instructions that frame_decode() takes, which tests/system/input_cost.sh counts. */
enum {
	FRAME_COST_MAX = 500,
	FRAME_BYTE_COST_MAX = 10, /* for each byte of the input */
};

#endif
