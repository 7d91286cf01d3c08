/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_LIVENESS_H
#define CULVERT_ENGINE_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "system/loop.h"

/*
 * Is the peer alive? Fed by named events; all its timing is here. After `ping_interval` of silence
 * a ping goes out; after `dead_after` of silence the peer is dead. Any byte from the peer ends the
 * silence. Who has a reason to doubt the path asks for a probe, which is impatient. Who was not
 * running himself (stopped, swapped out) judges nobody by that time, but asks first. Main thread.
 */

enum {
	/*
	 * How long a probe waits for a sign of life: so many round trips, but not less than for a
	 * retransmission (RFC 6298: 200 ms on Linux, then twice that), nor more than a person would.
	 */
	LIVENESS_PROBE_RTTS = 8,
	LIVENESS_PROBE_LEAST_MS = 600,
	LIVENESS_PROBE_MS = 2000, /* the most, and while no round trip has been measured */
	LIVENESS_LATE_MS = 1000,  /* a look that is so late says that this process did not run */
};

struct liveness;

struct liveness_events {
	struct mono (*heard)(struct liveness *liveness); /* when bytes last came */
	void (*send_ping)(
		struct liveness *liveness, uint64_t time); /* a ping with this number is due */
	void (*dead)(struct liveness *liveness); /* silence for too long; the watch has stopped */
};

struct liveness {
	const struct liveness_events *events;
	struct loop *loop;
	struct loop_timer timer;
	struct duration ping_interval, dead_after;
	struct mono pinged;       /* when the last ping went out */
	struct mono due;          /* of the next look */
	struct mono excused;      /* silence before this is not held against the peer */
	struct mono probed;       /* when the pending probe began */
	struct duration patience; /* of that probe */
	bool probing;             /* one is pending: nothing has been seen to come since */
	bool measured;            /* the round-trip times below are known */
	struct duration rtt_last, rtt_smooth, rtt_least;
};

/* The session is up: the first ping goes out at once, to measure. */
void liveness_start(struct liveness *liveness, struct loop *loop,
	const struct liveness_events *events, struct duration ping_interval,
	struct duration dead_after);
void liveness_stop(struct liveness *liveness);
/*
 * Something says that the path may be gone: the network has changed, the host was asleep, data is
 * not acknowledged. A ping goes out at once, and the peer is dead when nothing comes from it after
 * this moment for as long as a probe waits, or earlier, when `dead_after` says so. Changes nothing while a
 * probe is pending; ignored when stopped.
 */
void liveness_probe(struct liveness *liveness);
/*
 * A pong came, repeating the number of a ping; one that we cannot have sent is ignored. Smoothing:
 * 7/8 old, 1/8 new (RFC 6298, 2).
 */
void liveness_pong(struct liveness *liveness, uint64_t time);

#endif
