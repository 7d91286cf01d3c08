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
 * silence. Main thread.
 */

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
	struct mono pinged; /* when the last ping went out */
	bool measured;      /* the round-trip times below are known */
	struct duration rtt_last, rtt_smooth, rtt_least;
};

/* The session is up: the first ping goes out at once, to measure. */
void liveness_start(struct liveness *liveness, struct loop *loop,
	const struct liveness_events *events, struct duration ping_interval,
	struct duration dead_after);
void liveness_stop(struct liveness *liveness);
/*
 * A pong came, repeating the number of a ping; one that we cannot have sent is ignored. Smoothing:
 * 7/8 old, 1/8 new (RFC 6298, 2).
 */
void liveness_pong(struct liveness *liveness, uint64_t time);

#endif
