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

/* Stores what passed since the last sample. */
static const struct congestion_slot *store(
	struct congestion *congestion, const struct tcp_path *path, bool limited)
{
	struct congestion_slot *slot = &congestion->slots[congestion->next];

	*slot = (struct congestion_slot){
		.sent = bytes_since(path->sent, congestion->sent),
		/* While nothing arrives at all, the path is broken, and not lossy. */
		.resent = path->acked != congestion->acked
			? bytes_since(path->resent, congestion->resent)
			: 0,
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
	unsigned losses;
};

static struct window sum(const struct congestion *congestion, uint32_t rtt_us)
{
	/* What one loss has cost is sent again within about a round trip, with pauses. */
	size_t pause = 1 + rtt_us / (CONGESTION_SAMPLE_MS * 1000), quiet = pause;
	size_t oldest = (congestion->next + CONGESTION_WINDOW - congestion->count) %
		CONGESTION_WINDOW;
	struct window window = { 0 };

	for (size_t i = 0; i < congestion->count; i++) {
		const struct congestion_slot
			*slot = &congestion->slots[(oldest + i) % CONGESTION_WINDOW];

		window.sent += slot->sent;
		window.resent += slot->resent;
		window.limited += slot->limited;
		window.losses += slot->resent > 0 && quiet >= pause;
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

static bool loses_without_queue(const struct congestion *congestion, const struct window *window)
{
	return congestion->count >= CONGESTION_WINDOW_LEAST &&
		rate_of(congestion, window) >= CONGESTION_SLOW &&
		(size_t)window->limited * 100 >= congestion->count * CONGESTION_LIMITED &&
		(size_t)window->queued * 100 <= congestion->count * CONGESTION_QUEUED &&
		window->losses >= CONGESTION_LOSSES && loss_ppm(window) >= CONGESTION_LOSS_PPM;
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
