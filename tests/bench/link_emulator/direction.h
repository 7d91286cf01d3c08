/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_DIRECTION_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_DIRECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/problem.h"
#include "port.h"
#include "schedule.h"

/*
 * One direction of a link. It takes the frames of one port, keeps those that pass until they are
 * due, and sends them out of the other. All memory is allocated at the start; only the kernel
 * copies a frame.
 */

enum { DIRECTION_BATCH = 64 };

struct direction_counters {
	uint64_t packets, bytes; /* all that arrived, dropped ones included */
	uint64_t lost;           /* by --loss */
	uint64_t dropped;        /* because the queue was full */
	uint64_t sent, sent_bytes;
	/* Losses that no real link has: a measurement that sees one is invalid. */
	uint64_t overrun;     /* more frames in transit than memory */
	uint64_t refused;     /* superpackets, and frames longer than the MTU */
	uint64_t undelivered; /* the far interface did not accept them */
	struct duration late_sum, late_max;
};

/* A frame in transit. */
struct direction_transit {
	struct mono due;
	uint32_t slot, len; /* length with the header */
};

struct direction_batch {
	struct mmsghdr messages[DIRECTION_BATCH];
	struct iovec vectors[DIRECTION_BATCH];
};

struct direction {
	struct port *from, *to;
	struct schedule schedule;
	struct direction_counters counters;
	uint8_t *slots;
	size_t slot_size;
	uint32_t *free; /* a stack, so that memory in the cache is used first */
	size_t free_count;
	struct direction_transit *transit; /* a ring */
	size_t first, count;
	struct mono last_read; /* arrival of the last frame */
	uint32_t spare[DIRECTION_BATCH];
	struct direction_batch in, out;
	uint8_t control[DIRECTION_BATCH][64]; /* the kernel's time stamps */
};

/* The caller keeps both ports, which must be open. -ENOMEM. */
int direction_init(struct direction *direction, struct port *from, struct port *to,
	const struct schedule_settings *settings);
void direction_release(struct direction *direction);

/*
 * Fetches at most a batch of frames. Returns their number or a negative errno; -ENETDOWN: the
 * interface went down.
 */
int direction_receive(struct direction *direction);

/* Sends the frames that are due and returns their number. */
size_t direction_send(struct direction *direction);

/* The time of the next due frame. False: nothing is in transit. */
bool direction_next(const struct direction *direction, struct mono *ret_due);

/* Prints one line of JSON to stdout. */
void direction_print(struct direction *direction, const char *name);

#endif
