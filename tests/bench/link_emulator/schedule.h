/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_SCHEDULE_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * What a link does with packets, by numbers alone: told when a packet arrives and how long it is, it says when the
 * packet leaves at the far end, or that it does not. It never looks at a clock and never sleeps.
 *
 * A packet passes, in this order:
 *  - the queue: at most `queue_bytes` wait; a packet that does not fit is dropped. What is being sent waits no
 *    more; so a packet that finds the link idle is never dropped, however small the queue;
 *  - the serial link: `bytes` take bytes * 8 / rate seconds, rounded up to whole nanoseconds;
 *  - the wire: the packet is lost with the probability `loss`, each by itself. A lost one has waited and has used
 *    the link as any other;
 *  - the delay: `delay` and a uniform part between -jitter and +jitter. None overtakes: one that would arrive before
 *    its predecessor arrives together with it. With many packets in a time of `jitter`, most hence have a delay near
 *    the upper end.
 *
 * What is lost depends on the seed and on how many packets arrived before, on nothing else: not on time, not on what
 * the queue dropped.
 */

struct schedule_settings {
	uint64_t rate; /* bits a second; 0: no limit, and then no queue either */
	struct duration delay;
	struct duration jitter;
	uint64_t queue_bytes;
	double loss; /* 0 to 1 */
	uint64_t seed;
};

struct schedule_waiting {
	struct mono begins; /* to be sent */
	uint32_t bytes;
};

/* Read by its owner for `queued_max`, otherwise private. */
struct schedule {
	struct schedule_settings settings;
	uint64_t loss_below; /* of 2^53 */
	uint64_t loss_state, jitter_state;
	struct mono idle_at;      /* when the link has sent everything */
	struct mono last_arrival; /* at the far end */
	struct schedule_waiting *waiting;
	size_t capacity, first, count; /* a ring */
	uint64_t queued, queued_max;   /* bytes that wait */
};

enum schedule_fate { SCHEDULE_PASSES, SCHEDULE_LOST, SCHEDULE_DROPPED };

/*
 * `waiting_max` bounds the packets that wait, besides the bound in bytes. -ENOMEM. Two directions of a link want
 * different seeds, else both lose the same numbers.
 */
int schedule_init(
	struct schedule *schedule, const struct schedule_settings *settings, size_t waiting_max);
void schedule_release(struct schedule *schedule);

/* Arrivals are told in their order. *ret_arrives is set for a packet that passes. */
enum schedule_fate schedule_packet(
	struct schedule *schedule, struct mono now, size_t bytes, struct mono *ret_arrives);

#endif
