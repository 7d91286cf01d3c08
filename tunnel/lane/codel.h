/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_CODEL_H
#define CULVERT_LANE_CODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * CoDel (RFC 8289): decides whether packets wait too long in a queue. It judges each packet about
 * to leave, by the time that the packet has waited. When packets have waited longer than `target`
 * for a whole `interval`, it drops one now and then, more and more often, until a sender slows
 * down. Pure arithmetic; one owner.
 *
 * In one point it differs from the RFC: the first drops pause while the queue gets shorter. The
 * sender has then slowed down already, which packets notice only a whole wait later. Without the
 * pause, a flow that began with three times what the path holds was left with two thirds of it. At
 * 40 ms it took ten seconds to grow again. A sender that does not slow down has more than
 * CODEL_PAUSES_MOST drops soon, and no pauses from then on.
 */

enum {
	/* The queue gets shorter by at least this much of the time that passes, in percent. */
	CODEL_FALLS = 10,
	CODEL_PAUSES_MOST = 16,
};

struct codel_limits {
	struct duration target; /* an acceptable wait */
	/* How long a longer wait is acceptable: the longest usual round trip. */
	struct duration interval;
};

/* Begins zeroed. */
struct codel {
	struct mono above_since; /* waits are too long since then; 0: they are not */
	struct mono drop_next;
	uint32_t count; /* drops since dropping began */
	uint32_t last_count;
	bool dropping;
	/* At the last drop, or when the next one was put off. */
	uint32_t bytes;
	struct mono decided;
};

/* The packet that is about to leave. */
struct codel_head {
	struct duration waited;
	/* What waits in the queue, with this packet. */
	uint32_t bytes;
	/*
	 * No packet waits behind it, so the queue is not too long, however long this packet has
	 * waited (RFC 8289, 4.4).
	 */
	bool last;
};

/* True: the caller drops or marks the packet. */
bool codel_judge(struct codel *codel, const struct codel_limits *limits, struct mono now,
	const struct codel_head *head);

/* The queue is empty. */
void codel_idle(struct codel *codel);

#endif
