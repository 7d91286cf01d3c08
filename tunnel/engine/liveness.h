/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_LIVENESS_H
#define CULVERT_ENGINE_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "system/loop.h"

/*
 * Decides whether the peer of a lane is alive. Its users report events; all timing is here. After
 * `ping_interval` of silence it sends a ping; after `dead_after` of silence the peer is dead. Any
 * byte from the peer ends the silence. A user that doubts the path asks for a probe, which has less
 * patience. If this process itself did not run (stopped, swapped out), that silence does not count:
 * the peer gets LIVENESS_PROBE_MS to answer. Main thread only.
 */

enum {
	/*
	 * How long a probe waits for a byte from the peer: this many round trips. Not less than TCP
	 * needs to retransmit twice (RFC 6298: 200 ms on Linux, then twice that), nor more than a
	 * person would wait.
	 */
	LIVENESS_PROBE_RTTS = 8,
	LIVENESS_PROBE_LEAST_MS = 600,
	LIVENESS_PROBE_MS = 2000, /* the most, and the value until a round trip is measured */
	LIVENESS_ASK_MS = 1000,   /* from one ping to the next that liveness_ask() sends */
	LIVENESS_LATE_MS = 1000,  /* a timer this late means that the process did not run */
};

struct liveness;

struct liveness_events {
	struct mono (*heard)(struct liveness *liveness); /* when bytes last came from the peer */
	/* Sends a ping with this number. */
	void (*send_ping)(struct liveness *liveness, uint64_t time);
	/* The silence was too long; liveness has stopped itself. */
	void (*dead)(struct liveness *liveness);
};

struct liveness {
	const struct liveness_events *events;
	struct loop *loop;
	struct loop_timer timer;
	struct duration ping_interval, dead_after;
	struct mono pinged;       /* when the last ping went out */
	struct mono due;          /* when the timer is due */
	struct mono excused;      /* silence before this does not count against the peer */
	struct mono probed;       /* when the pending probe began */
	struct duration patience; /* how long that probe waits */
	bool probing;             /* a probe is pending: nothing has come since it began */
	bool measured;            /* the round-trip times below are known */
	struct duration rtt_last, rtt_smooth, rtt_least;
};

/* Starts: the lane carries packets. The first ping goes out at once, to measure the round trip. */
void liveness_start(struct liveness *liveness, struct loop *loop,
	const struct liveness_events *events, struct duration ping_interval,
	struct duration dead_after);
void liveness_stop(struct liveness *liveness);
/*
 * The path may be broken: the network has changed, the host was asleep, or data is not
 * acknowledged. Sends a ping at once. The peer is dead if nothing comes from it for as long as a
 * probe waits, or earlier if `dead_after` is over. Does nothing while a probe is pending, or when
 * stopped.
 */
void liveness_probe(struct liveness *liveness);
/*
 * Sends a ping unless one went out within the last second: the caller wants to hear from the peer
 * and leaves it the time of `dead_after`. Does nothing when stopped.
 */
void liveness_ask(struct liveness *liveness);
/*
 * Takes a pong, which repeats a ping's number. A number that cannot be ours is ignored. The smooth
 * time is 7/8 old and 1/8 new (RFC 6298, 2).
 */
void liveness_pong(struct liveness *liveness, uint64_t time);

#endif
