/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/congestion.h"

#include <stdio.h>

static const struct duration clean_first = { CONGESTION_CLEAN_S * INT64_C(1000000000) };
static const struct duration clean_most = { INT64_C(1000000000) * CONGESTION_CLEAN_MOST_S };
static const struct duration hold = { INT64_C(1000000000) * CONGESTION_HOLD_S };

static void begin_window(struct congestion *congestion)
{
	congestion->count = 0;
	congestion->next = 0;
	congestion->clean_since.ns = 0;
	congestion->rank_count = 0;
	congestion->rank_next = 0;
	congestion->quiet = CONGESTION_WINDOW;
}

void congestion_init(struct congestion *congestion)
{
	*congestion = (struct congestion){ .control = CONGESTION_KERNEL, .clean_for = clean_first };
}

static uint32_t bytes_since(uint64_t now, uint64_t before)
{
	uint64_t bytes = now > before ? now - before : 0;

	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* What one loss has cost is sent again within about a round trip, with pauses of so many samples. */
static size_t pause_of(uint32_t rtt_us)
{
	return 1 + rtt_us / (CONGESTION_SAMPLE_MS * 1000);
}

/* In percent; equal ones count half. */
static uint8_t rank_of(const struct congestion *congestion, uint32_t rtt_us)
{
	size_t halves = 0;

	for (size_t i = 0; i < congestion->count; i++) {
		uint32_t other = congestion->slots[i].rtt_us;

		halves += other < rtt_us ? 2 : other == rtt_us;
	}
	return (uint8_t)(halves * 50 / congestion->count);
}

/* Call it before the sample is stored. The round trip may have fallen since the loss. */
static void rank_loss(struct congestion *congestion, uint32_t rtt_us)
{
	uint32_t longer = rtt_us > congestion->rtt_us ? rtt_us : congestion->rtt_us;

	if (congestion->count < CONGESTION_WINDOW_LEAST)
		return;
	congestion->ranks[congestion->rank_next] = rank_of(congestion, longer);
	congestion->rank_next = (congestion->rank_next + 1) % CONGESTION_RANKS;
	if (congestion->rank_count < CONGESTION_RANKS)
		congestion->rank_count++;
}

/* The average rank is at most this, of so many losses at least. */
static bool ranks_within(const struct congestion *congestion, size_t least, unsigned most)
{
	size_t sum = 0;

	for (size_t i = 0; i < congestion->rank_count; i++)
		sum += congestion->ranks[i];
	return congestion->rank_count >= least && sum <= congestion->rank_count * most;
}

/* Stores what passed since the last sample. */
static const struct congestion_slot *store(
	struct congestion *congestion, const struct tcp_path *path, bool limited)
{
	struct congestion_slot *slot = &congestion->slots[congestion->next];
	/* While nothing arrives at all, the path is broken, and not lossy. */
	uint32_t resent = path->acked != congestion->acked
		? bytes_since(path->resent, congestion->resent)
		: 0;

	if (resent > 0 && congestion->quiet >= pause_of(path->rtt_us))
		rank_loss(congestion, path->rtt_us);
	congestion->quiet = resent > 0 ? 0 : congestion->quiet + 1;
	*slot = (struct congestion_slot){
		.sent = bytes_since(path->sent, congestion->sent),
		.resent = resent,
		.rtt_us = path->rtt_us,
		.limited = limited,
		/*
		 * The smoothed round trip of an idle connection counts delayed acknowledgements,
		 * and falls for a while.
		 */
		.queued = tcp_path_is_queued(path) && path->rtt_us >= congestion->rtt_us,
	};
	congestion->next = (congestion->next + 1) % CONGESTION_WINDOW;
	if (congestion->count < CONGESTION_WINDOW)
		congestion->count++;
	congestion->sent = path->sent;
	congestion->resent = path->resent;
	congestion->acked = path->acked;
	congestion->rtt_us = path->rtt_us;
	return slot;
}

struct window {
	uint64_t sent, resent;
	unsigned limited, queued; /* samples */
	unsigned losses, losses_queued;
};

static struct window sum(const struct congestion *congestion, uint32_t rtt_us)
{
	size_t pause = pause_of(rtt_us), quiet = pause;
	size_t oldest = (congestion->next + CONGESTION_WINDOW - congestion->count) %
		CONGESTION_WINDOW;
	struct window window = { 0 };
	bool was_queued = false;

	for (size_t i = 0; i < congestion->count; i++) {
		const struct congestion_slot
			*slot = &congestion->slots[(oldest + i) % CONGESTION_WINDOW];

		window.sent += slot->sent;
		window.resent += slot->resent;
		window.limited += slot->limited;
		if (slot->resent > 0 && quiet >= pause) {
			window.losses++;
			window.losses_queued += slot->queued || was_queued;
		}
		was_queued = slot->queued;
		quiet = slot->resent > 0 ? 0 : quiet + 1;
		window.queued += slot->queued;
	}
	return window;
}

static uint32_t loss_ppm(const struct window *window)
{
	return window->sent > 0 ? (uint32_t)(window->resent * 1000000 / window->sent) : 0;
}

/* Bytes a second. The kernel's own measure keeps its value while little is sent. */
static uint64_t rate_of(const struct congestion *congestion, const struct window *window)
{
	return congestion->count > 0
		? window->sent * 1000 / (congestion->count * CONGESTION_SAMPLE_MS)
		: 0;
}

static bool is_near_least(const struct congestion *congestion, const struct window *window)
{
	return (size_t)window->queued * 100 <= congestion->count * CONGESTION_QUEUED &&
		window->losses_queued * 100 <= window->losses * CONGESTION_LOST_QUEUED &&
		ranks_within(congestion, 0, CONGESTION_RANK_NEAR);
}

/* A link that is full takes the same all the time. */
static bool rate_varies(const struct congestion *congestion, const struct window *window)
{
	uint64_t average = window->sent / congestion->count, sum = 0;

	for (size_t i = 0; i < congestion->count; i++) {
		uint64_t sent = congestion->slots[i].sent;

		sum += sent > average ? sent - average : average - sent;
	}
	return sum * 100 >= window->sent * CONGESTION_VARIES;
}

static bool is_unexplained(const struct congestion *congestion, const struct window *window)
{
	return ranks_within(congestion, CONGESTION_RANKS, CONGESTION_RANK_RANDOM) &&
		rate_varies(congestion, window);
}

static bool loses_without_queue(const struct congestion *congestion, const struct window *window)
{
	return congestion->count >= CONGESTION_WINDOW_LEAST &&
		rate_of(congestion, window) >= CONGESTION_SLOW &&
		(size_t)window->limited * 100 >= congestion->count * CONGESTION_LIMITED &&
		window->losses >= CONGESTION_LOSSES && loss_ppm(window) >= CONGESTION_LOSS_PPM &&
		(is_near_least(congestion, window) || is_unexplained(congestion, window));
}

static bool is_clean_and_fast(
	struct congestion *congestion, const struct congestion_slot *last, struct mono now)
{
	uint64_t rate = (uint64_t)last->sent * 1000 / CONGESTION_SAMPLE_MS;

	if (last->resent > 0 || rate < CONGESTION_FAST) {
		congestion->clean_since.ns = 0;
		return false;
	}
	if (congestion->clean_since.ns == 0)
		congestion->clean_since = now;
	return mono_since(now, congestion->clean_since).ns >= congestion->clean_for.ns;
}

enum congestion_control congestion_judge(struct congestion *congestion, struct mono now,
	const struct tcp_path *path, bool limited, struct congestion_view *ret_view)
{
	bool first = congestion->sampled.ns == 0 ||
		mono_since(now, congestion->sampled).ns > DURATION_MS(CONGESTION_GAP_MS).ns;
	const struct congestion_slot *last;
	struct window window;
	bool change;

	congestion->sampled = now;
	if (first) {
		begin_window(congestion);
		congestion->sent = path->sent;
		congestion->resent = path->resent;
		congestion->acked = path->acked;
		congestion->rtt_us = path->rtt_us;
		return congestion->control;
	}
	last = store(congestion, path, limited);
	window = sum(congestion, path->rtt_us);
	change = congestion->control == CONGESTION_KERNEL
		? loses_without_queue(congestion, &window)
		: is_clean_and_fast(congestion, last, now);
	if (!change ||
		(congestion->changed.ns != 0 && mono_since(now, congestion->changed).ns < hold.ns))
		return congestion->control;
	*ret_view = (struct congestion_view){
		.loss_ppm = loss_ppm(&window),
		.rtt_us = path->rtt_us,
		.least_rtt_us = path->least_rtt_us,
		.rate = rate_of(congestion, &window),
	};
	return congestion->control == CONGESTION_KERNEL ? CONGESTION_BBR : CONGESTION_KERNEL;
}

bool congestion_begins_again(
	struct congestion *congestion, struct mono now, const struct tcp_path *path, bool waits)
{
	bool ended_early = congestion->ended_early;

	congestion->ended_early = path->slow_start_over && path->resent == 0 && !waits;
	if (!ended_early || !waits || congestion->control != CONGESTION_KERNEL ||
		tcp_path_is_queued(path) || path->least_rtt_us < CONGESTION_FAR_US ||
		(congestion->slow_started.ns != 0 &&
			mono_since(now, congestion->slow_started).ns < hold.ns))
		return false;
	congestion->slow_started = now;
	return true;
}

void congestion_changed(
	struct congestion *congestion, enum congestion_control control, struct mono now)
{
	/* Lossy again after a return: the next one takes longer. */
	if (control == CONGESTION_BBR && congestion->changed.ns != 0 &&
		congestion->clean_for.ns < clean_most.ns)
		congestion->clean_for.ns *= 2;
	congestion->control = control;
	congestion->changed = now;
	begin_window(congestion);
}

const char *congestion_view_text(
	char text[CONGESTION_VIEW_TEXT_MAX], const struct congestion_view *view)
{
	snprintf(text, CONGESTION_VIEW_TEXT_MAX,
		"%.2f %% lost, round trip %.1f ms, least %.1f ms, %.1f Mbit/s",
		view->loss_ppm / 10000.0, view->rtt_us / 1000.0, view->least_rtt_us / 1000.0,
		(double)view->rate * 8 / 1e6);
	return text;
}

const char *congestion_reason_text(enum congestion_reason reason)
{
	switch (reason) {
	case CONGESTION_BEGAN:
		return "";
	case CONGESTION_LOSS:
		return "the path loses packets without a full queue";
	case CONGESTION_CLEAN:
		return "the path is fast and loses nothing";
	case CONGESTION_KEPT:
		return "the path is fast and loses nothing, but the kernel refuses the way back "
		       "(net.ipv4.tcp_allowed_congestion_control)";
	case CONGESTION_ABSENT:
		return "the path loses packets without a full queue, but this kernel has no BBR "
		       "(modprobe tcp_bbr)";
	}
	return "unknown";
}
