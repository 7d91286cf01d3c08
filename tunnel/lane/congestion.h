/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_CONGESTION_H
#define CULVERT_LANE_CONGESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "system/tcp_path.h"

/*
 * Chooses the congestion control of one connection, for `congestion = "auto"`. The choice knows
 * neither sockets nor timers: it gets a sample of the path every CONGESTION_SAMPLE_MS while the
 * connection is in use, and says what to change.
 *
 *   KERNEL   the kernel's default. CUBIC takes each loss for a full queue, and at 40 ms with 1 % of
 *            loss is left with 2 % of the link.
 *   BBR      a loss means little to it. It paces, which costs CPU on a fast path.
 *
 * KERNEL → BBR: in the last CONGESTION_WINDOW samples, or fewer at the beginning, the network limits
 * the rate. Segments are lost more than once, and one of two things shows that no queue is full.
 *
 *   1. The round trip stays near its least. It takes a third of a second at best: what an inner
 *      connection loses meanwhile costs it ten seconds.
 *   2. The round trip stands above its least, but does not explain the losses. A full queue drops at
 *      the peak of the round trip, and keeps the rate as it is. Here losses come at any round trip, and the
 *      rate goes with the window. The round trip then varies by itself (Wi-Fi, a busy host), or
 *      the way has become longer. Chance is out after CONGESTION_RANKS losses.
 *
 * The kernel's CUBIC ends slow start when round trips become longer, which they also do by what passes
 * the other way. If that happens while little is sent, a transfer that begins later finds a small
 * window, which grows for ten seconds at 40 ms until the link is full. So slow start begins again
 * with the transfer, if nothing was ever lost.
 *
 * BBR → KERNEL: for CONGESTION_CLEAN_S nothing is lost at CONGESTION_FAST or more. Changes are
 * CONGESTION_HOLD_S apart.
 * A path that is lossy again after a return has to be clean for twice as long the next time.
 */

enum {
	CONGESTION_SAMPLE_MS = 50,
	CONGESTION_GAP_MS = 1000, /* a longer pause between samples begins a new window */
	CONGESTION_WINDOW = 60,   /* samples: three seconds */
	CONGESTION_WINDOW_LEAST = 6,
	/* Of a window, in percent: samples in which the network limits, at least … */
	CONGESTION_LIMITED = 60,
	/* … and samples whose round trip shows a queue, at most. */
	CONGESTION_QUEUED = 25,
	/* … and losses in such a sample or right after one, at most. */
	CONGESTION_LOST_QUEUED = 33,
	/*
	 * The rank of a loss is the share of samples with a shorter round trip, in percent. On
	 * average it was 80 to 99 at full queues of 5 to 300 ms, and 45 to 65 for losses at random.
	 */
	CONGESTION_RANKS = 8,
	CONGESTION_RANK_RANDOM = 65, /* at most, if the round trip stands above its least */
	CONGESTION_RANK_NEAR = 80,   /* at most, if it is near it, where a short queue is too */
	/*
	 * By how much samples differ from the average in what they send, in percent, at least, if the
	 * round trip stands above its least. It was 18 to 38 with losses at random. It was 2 to 7 on a
	 * link that one connection fills; there 50 ms may be too long to see the peaks.
	 */
	CONGESTION_VARIES = 8,
	/* Losses in a window, at least. Those with less than a round trip between them are one. */
	CONGESTION_LOSSES = 2,
	/* Fewer lost bytes in a million leave CUBIC's rate as it is. */
	CONGESTION_LOSS_PPM = 200,
	CONGESTION_SLOW =
		50000, /* bytes a second: a lane that sends less is not held up by losses */
	CONGESTION_HOLD_S = 10,
	CONGESTION_CLEAN_S = 10,
	CONGESTION_CLEAN_MOST_S = 640,
	CONGESTION_FAR_US = 5000,   /* nearer, a window grows soon enough by itself */
	CONGESTION_FAST = 62500000, /* bytes a second: 500 Mbit/s */
};

enum congestion_control {
	CONGESTION_KERNEL,
	CONGESTION_BBR,
};

/* Why a connection has the congestion control that it has. */
enum congestion_reason {
	CONGESTION_BEGAN,  /* it began so */
	CONGESTION_LOSS,   /* losses without a queue: BBR */
	CONGESTION_CLEAN,  /* clean and fast: the kernel's default again */
	CONGESTION_KEPT,   /* the same, but the kernel refuses to go back */
	CONGESTION_ABSENT, /* losses without a queue, but the kernel has no BBR */
};

/* For people; "" for CONGESTION_BEGAN. */
const char *congestion_reason_text(enum congestion_reason reason);

/* What the window of a change has shown, for a person. */
struct congestion_view {
	uint32_t loss_ppm; /* of the bytes that were sent */
	uint32_t rtt_us, least_rtt_us;
	uint64_t rate; /* bytes a second that were sent */
};

enum { CONGESTION_VIEW_TEXT_MAX = 128 };

/* "1.0 % lost, round trip 40.1 ms, least 40.0 ms, 2.2 Mbit/s"; returns `text`. */
const char *congestion_view_text(
	char text[CONGESTION_VIEW_TEXT_MAX], const struct congestion_view *view);

struct congestion_slot {
	uint32_t sent, resent; /* bytes since the sample before */
	uint32_t rtt_us;
	bool limited, queued;
};

struct congestion {
	enum congestion_control control;
	struct mono changed, sampled, clean_since; /* 0: never */
	struct duration clean_for;                 /* how long a path has to be clean, this time */
	uint64_t sent, resent, acked;              /* at the last sample */
	uint32_t rtt_us;                           /* the same */
	struct congestion_slot slots[CONGESTION_WINDOW];
	size_t count, next;
	uint8_t ranks[CONGESTION_RANKS]; /* of the last losses */
	size_t rank_count, rank_next;
	size_t quiet;             /* samples since one with losses */
	bool ended_early;         /* slow start was over, and nothing waited to be sent */
	struct mono slow_started; /* when it was begun again; 0: never */
};

/* A connection with the kernel's default. */
void congestion_init(struct congestion *congestion);

/*
 * Takes a sample. `limited`: the connection has more to send than the network takes. Returns the control
 * that the connection should have; *ret_view is written if that is another one than it has. The
 * caller then tries it and calls congestion_changed().
 */
enum congestion_control congestion_judge(struct congestion *congestion, struct mono now,
	const struct tcp_path *path, bool limited, struct congestion_view *ret_view);

/*
 * Takes the same sample. `waits`: packets wait to be sent. True: slow start should begin again. Not
 * more often than every CONGESTION_HOLD_S.
 */
bool congestion_begins_again(
	struct congestion *congestion, struct mono now, const struct tcp_path *path, bool waits);

/* The connection has this control now. */
void congestion_changed(
	struct congestion *congestion, enum congestion_control control, struct mono now);

#endif
