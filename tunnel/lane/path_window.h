/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_PATH_WINDOW_H
#define CULVERT_LANE_PATH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Limits what a connection over several paths (MPTCP) has on its way. The kernel hands data to each
 * path until the path's send buffer is full, and no packet can overtake it there. What the paths
 * together take in one and a half of the longest round trip without a queue keeps all of them busy;
 * with less, a path waits for another one's acknowledgements. One owner.
 */

enum {
	PATH_WINDOW_SAMPLE_MS = 200,
	PATH_WINDOW_SAMPLES = 25,      /* the best rate of so many counts */
	PATH_WINDOW_LEAST = 256 << 10, /* bytes */
	/* bytes a second: 500 Mbit/s, above which nothing is limited */
	PATH_WINDOW_RATE_MOST = 62500000,
	PATH_WINDOW_RETRY_MS = 1, /* while the limit is reached, the connection is asked so often */
};

/* Zeroed at first. */
struct path_window {
	uint64_t limit; /* bytes that are not acknowledged; 0: none */
	uint64_t acked; /* at the last sample */
	struct mono since;
	uint64_t rates[PATH_WINDOW_SAMPLES]; /* bytes a second */
	unsigned next;
};

/*
 * Notes a sample, if it is due, and sets the limit. `acked`: bytes that arrived, in all. `limited`:
 * more data waits for the connection. `least_rtt_us`: the longest of the paths' least round trips.
 */
void path_window_note(struct path_window *window, struct mono now, uint64_t acked, bool limited,
	uint32_t least_rtt_us);

#endif
