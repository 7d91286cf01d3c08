/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_FRAMER_H
#define CULVERT_LANE_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/frame.h"
#include "wire/vnet.h"

/*
 * How a lane's stream carries packets and control messages. The framer is chosen once, after the
 * handshake. A lane reads each packet from TUN to `headroom` bytes behind the staged frames, so
 * that a framer can write its header without moving the packet. Pure functions on the worker's
 * thread: one constant object serves all lanes.
 */

struct framer {
	const char *name;
	size_t packet_max;      /* the largest packet that it can carry */
	bool packet_per_record; /* each packet must have a TLS record of its own */
	size_t headroom;        /* room in front of a packet for append(), in bytes */

	/*
	 * Frames a packet. Behind its content, `staged` has `headroom` bytes of room and then the
	 * packet of `packet_len` bytes, within its capacity. The frame has an offload header unless
	 * `vnet` is plain. Adds the frame to staged->len. -EMSGSIZE: the packet is longer than
	 * packet_max; -ENOBUFS: it is beyond the capacity.
	 */
	int (*append)(struct writer *staged, size_t packet_len, const struct vnet *vnet);
	/* Appends a control message. -EMSGSIZE: it is too long; -ENOBUFS: no room. */
	int (*append_control)(struct writer *staged, const void *message, size_t len);
	/* Takes one frame from the stream, as frame_decode() does. */
	int (*parse)(struct reader *stream, struct frame *ret_frame);
};

extern const struct framer framer_native;

#endif
