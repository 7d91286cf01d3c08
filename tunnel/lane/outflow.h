/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_OUTFLOW_H
#define CULVERT_LANE_OUTFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Measures how fast a connection takes bytes while more wait, and so how much to encrypt ahead. No
 * packet can overtake an encrypted one, nor can it be dropped, so a millisecond's worth is enough.
 * Less than the connection takes before we wake up would leave it idle. One owner.
 */

enum {
	OUTFLOW_AHEAD_US = 1000, /* that millisecond, unless outflow_look_ahead() changes it */
	/* In bytes. Limits the number of wake-ups, and has room for three full packets as one. */
	OUTFLOW_AHEAD_LEAST = 5 << 10,
	OUTFLOW_PACKET = 1500, /* with less room than this a batch is full */
	OUTFLOW_AHEAD_MOST = 128 << 10,
	OUTFLOW_WINDOW_MS = 10,  /* the time over which the rate is measured */
	OUTFLOW_SHORT_US = 1000, /* a shorter time counts as this long */
};

struct outflow {
	size_t ahead;      /* bytes */
	uint32_t ahead_us; /* the same in time */
	uint64_t rate;     /* bytes a second; 0: unknown */
	struct mono since; /* when the window began; 0: the connection has taken all */
	uint64_t sent;     /* bytes sent when the window began */
};

void outflow_init(struct outflow *outflow);
/* So many microseconds' worth from now on. */
void outflow_look_ahead(struct outflow *outflow, uint32_t us);
/* The connection takes no more for now. `sent`: bytes that it has taken in all. */
void outflow_full(struct outflow *outflow, struct mono now, uint64_t sent);
/* The connection took a whole `ahead` at once, and has room again. */
void outflow_ran(struct outflow *outflow);
/* The connection has taken everything. */
void outflow_free(struct outflow *outflow, struct mono now, uint64_t sent);

#endif
