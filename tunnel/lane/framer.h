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
 * How packets and control messages stand in a lane's stream: chosen once, after the handshake. A
 * lane reads each packet from its TUN to `headroom` bytes past the end of what is staged, so that a
 * framer can put its header in front without moving the packet. Pure functions on the worker's
 * thread; no state, so one constant object serves all lanes.
 */

struct framer {
	const char *name;
	size_t packet_max;      /* largest packet it can carry */
	bool packet_per_record; /* each packet must be a TLS record of its own */
	size_t headroom;        /* bytes in front of a packet that append() may use */

	/*
	 * `staged` holds `headroom` bytes of room at its end, then the packet of `packet_len` bytes
	 * (already inside capacity, not yet counted in len). Frames it: the offload header goes
	 * along unless it is plain. The frame is then counted in staged->len. -EMSGSIZE: longer
	 * than packet_max.
	 */
	int (*append)(struct writer *staged, size_t packet_len, const struct vnet *vnet);
	/* Appends one control message. -EMSGSIZE, -ENOBUFS. */
	int (*append_control)(struct writer *staged, const void *message, size_t len);
	/* Takes one frame from the stream: as frame_decode() does. */
	int (*parse)(struct reader *stream, struct frame *ret_frame);
};

extern const struct framer framer_native;

#endif
