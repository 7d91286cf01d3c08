/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_HOLDING_H
#define CULVERT_LANE_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "system/tcp_path.h"

/*
 * Limits what one connection has under way on a short path: to what the path takes in a round trip,
 * and a moment more. What else there is to send waits in the lane's queue. A limit of the rate
 * would have to be raised again and again to find out whether the path has become faster. This one
 * need not: on a faster path the same bytes arrive sooner, and the lane sends the next ones. On a
 * long path such a limit would have to be longer than the queue that it is to prevent (lane/pacing
 * limits the rate there).
 *
 * What arrives is no measure of the path while others fill its queue: the fewer bytes are under
 * way, the fewer arrive. So the limit is lowered in one step, and then the round trip has to fall
 * to what the limit explains, within the time that the connection's own queue needs. If it does
 * not, the queue is of others.
 *
 * It knows neither sockets nor timers: lane/pacing passes each sample on.
 */

enum {
	HOLDING_SAMPLE_MS = 50,
	/* bytes a second: what a path takes is never judged to be less */
	HOLDING_CAPACITY_LEAST = 125000,
	HOLDING_SHORT_US = 5000, /* round trips of short paths are shorter than this */
	HOLDING_US = 1500,       /* the moment more */
	HOLDING_US_MOST = 12000,
	/* The least, for a path so slow that a moment is less than three packets. */
	HOLDING_BYTES_LEAST = 4500,
	HOLDING_BYTES_MORE = 2048, /* the kernel counts its own overhead as well */
	/* Samples: */
	HOLDING_OVER_LEAST = 5,   /* in a row with a longer round trip, to lower the limit */
	HOLDING_SETTLE_MORE = 4,  /* more than the own queue needs to go */
	HOLDING_TRY_EVERY = 20,   /* between two tries of a higher limit */
	HOLDING_TRY_LAST = 4,     /* of a try, of which the second half counts */
	HOLDING_LOWERED_MOST = 4, /* times, without a try between them */
	/* Percent: */
	HOLDING_TRY_SHARE = 150, /* a try, of the limit */
	HOLDING_FOUND = 102,     /* what has to arrive in a try, for a longer moment */
};

enum holding_verdict {
	HOLDING_GOES_ON,
	HOLDING_IS_OF_OTHERS, /* the queue stays: it is not for this connection to empty */
};

struct holding {
	/* the limit, in bytes; what the kernel has not sent yet counts too; 0: none */
	uint64_t window;
	uint64_t capacity; /* bytes a second that the path takes */
	uint32_t us;       /* the moment more, now */
	uint32_t least_rtt_us;
	unsigned settles; /* samples until the own queue has to be gone; 0: it is */
	unsigned over;    /* samples in a row with a longer round trip than the limit explains */
	unsigned lowered;
	unsigned samples; /* since the last try ended, or since this one began */
	bool tries;
	uint64_t last, before_last; /* bytes a second that arrived */
	uint64_t usual;             /* their average before a try */
	uint64_t over_sum;          /* of `over` samples but the first */
};

/* Begins with a path that takes `capacity` bytes a second, and its latest sample. */
void holding_begin(struct holding *holding, uint64_t capacity, const struct tcp_path *path);
/* No limit. */
void holding_end(struct holding *holding);

/*
 * Takes a sample: `arrives` bytes a second, and `limited` says whether more waits in the lane. Sets
 * holding->window, and holding->capacity if the path has become faster or slower. A verdict other
 * than HOLDING_GOES_ON leaves it to the caller to end.
 */
enum holding_verdict holding_judge(
	struct holding *holding, uint64_t arrives, const struct tcp_path *path, bool limited);

#endif
