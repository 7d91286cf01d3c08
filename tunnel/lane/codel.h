/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_CODEL_H
#define CULVERT_LANE_CODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * CoDel (RFC 8289): does a queue stand? Asked about each packet that is about to leave, with the
 * time it has waited. While packets have waited longer than `target` for a whole `interval`, one is
 * to go now and then, more and more often, until a sender notices. Pure arithmetic; one owner.
 */

struct codel_limits {
	struct duration target;   /* a wait that is fine */
	struct duration interval; /* for how long a longer one is: a round trip, at its worst */
};

struct codel { /* all zero is where it begins */
	struct mono
		first_above; /* when waits will have been too long for an interval; 0: they are not */
	struct mono drop_next;
	uint32_t count; /* since dropping began */
	uint32_t last_count;
	bool dropping;
};

/*
 * True: the packet is to be dropped or marked. `last`: nothing waits behind it, so the queue does
 * not stand, however long this one has waited (RFC 8289, 4.4).
 */
bool codel_judge(struct codel *codel, const struct codel_limits *limits, struct mono now,
	struct duration waited, bool last);

/* The queue has run empty. */
void codel_rest(struct codel *codel);

#endif
