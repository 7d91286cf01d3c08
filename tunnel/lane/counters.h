/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_COUNTERS_H
#define CULVERT_LANE_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * A lane's counters. Its worker alone writes them; the main thread reads them at any time. They are
 * relaxed atomics with one writer, so an increment is a plain load and store.
 */

/* Why a packet was dropped; "out" is towards the peer, "in" is from it. Name, text for people. */
#define DROP_REASONS(X)                                                                            \
	X(DROP_OUT_MALFORMED, "out_malformed")     /* not an IP packet */                          \
	X(DROP_OUT_NOISE, "out_link_local")        /* packet_is_local_noise() */                   \
	X(DROP_OUT_SOURCE, "out_source")           /* not ours to send */                          \
	X(DROP_OUT_DESTINATION, "out_destination") /* not the peer's */                            \
	X(DROP_OUT_STALE, "out_stale")             /* waited while there was no connection */      \
	X(DROP_OUT_OFFLOAD, "out_offload")         /* the peer does not accept this offload */     \
	X(DROP_OUT_SEGMENTS, "out_segments")       /* cutting it would cost too much */            \
	X(DROP_OUT_QUEUE, "out_queue")             /* the queue was full */                        \
	X(DROP_OUT_DELAY, "out_delay")             /* its flow's queue did not shrink (CoDel) */   \
	X(DROP_IN_MALFORMED, "in_malformed")       /* bad version, length or header */             \
	X(DROP_IN_NOISE, "in_link_local")                                                          \
	X(DROP_IN_SOURCE, "in_source")           /* the peer does not own the source */            \
	X(DROP_IN_DESTINATION, "in_destination") /* nor is the destination for it to reach */      \
	X(DROP_IN_OFFLOAD, "in_offload")         /* offload header that does not fit the packet */ \
	X(DROP_IN_SEGMENTS, "in_segments")       /* cutting it would cost too much */              \
	X(DROP_IN_NOT_READY, "in_not_ready")     /* came before the interface was there */         \
	X(DROP_IN_TUN, "in_tun")                 /* the kernel refused it */

enum drop_reason {
#define X(name, text) name,
	DROP_REASONS(X)
#undef X
		DROP_REASON_COUNT
};

struct counter {
	_Atomic uint64_t value;
};

/*
 * A destination to which the peer sent a packet that it may not reach: for a person to see. The
 * worker writes it while `noted` is false, the main thread reads it while `noted` is true.
 */
struct stray {
	atomic_bool noted;
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t bytes[16];
};

struct lane_counters {
	struct counter out_packets, out_bytes; /* packets and IP bytes carried to the peer */
	struct counter in_packets, in_bytes;
	struct counter sent_bytes, received_bytes; /* bytes on the TCP connection */
	struct counter in_control, out_control;    /* control messages */
	struct counter drops[DROP_REASON_COUNT];
	struct stray stray;            /* a packet of DROP_IN_DESTINATION */
	struct counter marks;          /* packets marked (ECN) instead of dropped */
	struct counter queue_bytes;    /* bytes that wait now */
	struct counter queue_delay_ns; /* how long packets waited lately */
	/* The connection's limits by lane/pacing: bytes a second, bytes under way; 0: none. */
	struct counter limit_rate, limit_window;
	_Atomic int64_t heard_ns; /* when bytes last came from the peer, CLOCK_MONOTONIC */
};

/*
 * Adds one lane's counters to `sums`, which only the caller uses. Of the delays the longest counts,
 * of the strays the first. `heard_ns` is not added.
 */
void counters_add(struct lane_counters *sums, const struct lane_counters *lane);

/* The worker's thread. Notes a stray; does nothing while one is noted. `bytes`: 4 or 16. */
void stray_note(struct stray *stray, uint8_t family, const uint8_t *bytes);
/* Main thread only. Forgets the stray: the worker may note another. */
void stray_clear(struct stray *stray);
/* Main thread only. False: none is noted, and *ret_stray is untouched. */
bool stray_read(const struct stray *stray, struct addr *ret_stray);

const char *drop_reason_text(enum drop_reason reason);

static inline void counter_add(struct counter *counter, uint64_t n)
{
	uint64_t before = atomic_load_explicit(&counter->value, memory_order_relaxed);
	atomic_store_explicit(&counter->value, before + n, memory_order_relaxed);
}

/* For a counter that is a level, not a sum. */
static inline void counter_set(struct counter *counter, uint64_t value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

/* Moves a level towards `value`, by 1/2^shift of the way. */
static inline void counter_smooth(struct counter *counter, uint64_t value, unsigned shift)
{
	uint64_t before = atomic_load_explicit(&counter->value, memory_order_relaxed);
	counter_set(counter, before - (before >> shift) + (value >> shift));
}

static inline uint64_t counter_read(const struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

#endif
