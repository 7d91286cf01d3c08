/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_PACING_H
#define CULVERT_LANE_PACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "lane/holding.h"
#include "system/tcp_path.h"

/*
 * Limits the rate of one connection to a little less than its path takes. What waits then waits in
 * the lane's queue, where flows share and CoDel rules, and not in the path's. It knows neither
 * sockets nor timers: it gets a sample of the path every PACING_SAMPLE_MS, and says what the limit
 * should be.
 *
 *   NONE      no limit, until the round trip shows a queue for PACING_QUEUED_LEAST samples while the
 *             connection is limited, or carries bulk data: a window of its sender that is a little
 *             longer than the path waits there, and not in the lane. What arrives then is what the
 *             path takes.
 *   DRAINS    well below that, until the queue is gone. A queue that stays longer than it would if
 *             it were of this connection is of others, and not for this end to empty: NONE, for
 *             PACING_LEAVE_S.
 *   CRUISES   a little below what the path takes
 *   PROBES    a little above it for PACING_PROBE_LEAST samples. If more arrives, the path has become
 *             faster: again, and further up.
 *   HOLDS     in place of the last three on a short path, where the kernel can do it: no limit of the
 *             rate, but one of what is under way (lane/holding).
 */

enum {
	PACING_SAMPLE_MS = HOLDING_SAMPLE_MS,
	PACING_GAP_MS = 1000,
	PACING_MEMORY = 20,       /* samples: a second */
	PACING_QUEUED_LEAST = 5,  /* samples in a row with a queue, to begin */
	PACING_CRUISE_LEAST = 20, /* samples between two probes */
	PACING_PROBE_LEAST = 3,   /* samples of a probe, of which the last two count */
	PACING_DRAIN_MORE = 4,    /* samples more than a queue of its own needs to go */
	PACING_IDLE_MOST = 10,    /* samples without more to send: then no limit */
	PACING_REDRAINS = 2,      /* lower limits within one drain */
	PACING_DRAINS_MOST = 4,   /* without a probe between them that finds no queue */
	PACING_LEAVE_S = 30,
	/* Of what the path takes, in percent. */
	PACING_CRUISE = 99,
	PACING_DRAIN = 85,
	PACING_SATURATED = 80,
	PACING_LESS = 95,
	PACING_KEPT = 99,
	PACING_PROBE = 104,
	PACING_PROBE_MOST = 200,
	/* A probe that brings this much more has found a faster path. */
	PACING_FOUND = 102,
	/* What arrived is less than before by more bytes than this: it is another connection's. */
	PACING_SLIP = 1 << 20,
	PACING_LEAST = HOLDING_CAPACITY_LEAST,
	PACING_FAST = 62500000, /* bytes a second: 500 Mbit/s, above which nothing is limited */
};

enum pacing_state {
	PACING_NONE,
	PACING_DRAINS,
	PACING_CRUISES,
	PACING_PROBES,
	PACING_HOLDS,
};

struct pacing {
	enum pacing_state state;
	bool can_hold;  /* the kernel can limit what is under way, and take the limit away again */
	uint64_t rate;  /* bytes a second; 0: no limit */
	uint64_t acked; /* at the last sample */
	struct mono sampled, leave_until;
	uint64_t rates[PACING_MEMORY];
	size_t next, count;
	unsigned samples; /* in this state */
	unsigned queued, idle, drain_most, redrains;
	unsigned drains;      /* since a probe that found no queue */
	unsigned since_probe; /* samples */
	uint32_t rtt_us;
	uint32_t queue_us; /* at the last sample */
	unsigned probe;    /* percent */
	uint64_t capacity; /* bytes a second that the path takes */
	struct holding holding;
};

void pacing_init(struct pacing *pacing, bool can_hold);
/* The same, but the queue of others is still left to them. */
void pacing_begin_again(struct pacing *pacing);

/*
 * True: the connection sends less than it could for a while, or leaves the queue to others. Packets
 * then wait here that a usual queue would drop, and the flow would have to grow again.
 */
bool pacing_gives_way(const struct pacing *pacing, struct mono now);

/* What the connection has to send at a sample. */
enum pacing_load {
	PACING_SOME,
	PACING_BULK,    /* far more than it receives, but nothing waits in the lane */
	PACING_LIMITED, /* more than the connection takes: some waits in the lane */
};

/* Takes a sample, and sets the limits: pacing->rate, and pacing->holding.window. */
void pacing_judge(
	struct pacing *pacing, struct mono now, const struct tcp_path *path, enum pacing_load load);

#endif
