/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_SCHEDULE_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * A link as numbers alone. Given a packet's arrival time and length, it computes when the packet
 * leaves at the far end, or that it is dropped. It never reads a clock and never sleeps.
 *
 * A packet passes, in this order:
 * - the queue: at most `queue_bytes` wait; a packet that does not fit is dropped. A packet that is
 *   being sent no longer waits, so a packet at an idle link is never dropped, however small the
 *   queue;
 * - the serial link: `bytes` take bytes * 8 / rate seconds, rounded up to whole nanoseconds;
 * - the wire: each packet is lost with the probability `loss`. A lost one has waited and used the
 *   link like any other;
 * - the delay: `delay` plus a uniform value between -jitter and +jitter. No packet overtakes: one
 *   that would arrive before its predecessor arrives together with it. So with many packets in a
 *   time of `jitter`, most have a delay near the upper end.
 *
 * Loss depends only on the seed and on the number of packets that arrived before. It depends
 * neither on time nor on drops by the queue.
 */

struct schedule_settings {
	uint64_t rate; /* bits a second; 0: no limit, and no queue */
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

/* Its owner reads `queued_max`; all else is private. */
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
 * `waiting_max` limits the number of waiting packets, besides the limit in bytes. Give the two
 * directions of a link different seeds, or both lose the same numbers. -ENOMEM.
 */
int schedule_init(
	struct schedule *schedule, const struct schedule_settings *settings, size_t waiting_max);
void schedule_release(struct schedule *schedule);

/*
 * Other settings from now on. Packets that were taken before keep their times, and the new seed is not used.
 */
void schedule_change(struct schedule *schedule, const struct schedule_settings *settings);

/* Call it in the order of arrival. Sets *ret_arrives for a packet that passes. */
enum schedule_fate schedule_packet(
	struct schedule *schedule, struct mono now, size_t bytes, struct mono *ret_arrives);

#endif
