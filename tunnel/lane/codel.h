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
 */

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
};

/*
 * True: the caller drops or marks the packet. `last`: no packet waits behind it, so the queue is
 * not too long, however long this packet has waited (RFC 8289, 4.4).
 */
bool codel_judge(struct codel *codel, const struct codel_limits *limits, struct mono now,
	struct duration waited, bool last);

/* The queue is empty. */
void codel_idle(struct codel *codel);

#endif
