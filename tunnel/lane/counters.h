/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_COUNTERS_H
#define CULVERT_LANE_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * A lane's counters: written by its worker alone, read by the main thread at any time. Relaxed
 * atomics with a single writer, so that an increment is a plain load and store.
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
 * A destination that the peer may not reach and sent a packet to, for a person to judge. The worker
 * writes it while it is not noted, the main thread reads it while it is.
 */
struct stray {
	atomic_bool noted;
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t bytes[16];
};

struct lane_counters {
	struct counter out_packets, out_bytes; /* IP bytes carried to the peer */
	struct counter in_packets, in_bytes;
	struct counter sent_bytes, received_bytes; /* on the TCP connection */
	struct counter in_control, out_control;    /* control messages */
	struct counter drops[DROP_REASON_COUNT];
	struct stray stray;            /* of DROP_IN_DESTINATION */
	struct counter marks;          /* ECN: congestion experienced, instead of a drop */
	struct counter queue_bytes;    /* that wait now */
	struct counter queue_delay_ns; /* what packets have lately waited in the queue */
	_Atomic int64_t heard_ns;      /* when bytes last came from the peer, CLOCK_MONOTONIC */
};

/*
 * Adds one lane's counters to sums that are the caller's alone; of delays the longest counts, of strays
 * the first.
 */
void counters_add(struct lane_counters *sums, const struct lane_counters *lane);

/* By the worker; does nothing where one is noted. `bytes`: 4 or 16. */
void stray_note(struct stray *stray, uint8_t family, const uint8_t *bytes);
/* By the main thread: room for another. */
void stray_clear(struct stray *stray);
/* By the main thread. False: there is none, *ret_stray is untouched. */
bool stray_read(const struct stray *stray, struct addr *ret_stray);

const char *drop_reason_text(enum drop_reason reason);

static inline void counter_add(struct counter *counter, uint64_t n)
{
	uint64_t before = atomic_load_explicit(&counter->value, memory_order_relaxed);
	atomic_store_explicit(&counter->value, before + n, memory_order_relaxed);
}

/* For what is a level, not a sum. */
static inline void counter_set(struct counter *counter, uint64_t value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

/* Moves a level by a 2^shift-th of the way to `value`. */
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
