/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/*
 * Control messages from the peer, on their way to the main thread. They have a budget, so that a
 * peer cannot take the main thread's time. What exceeds it waits here, in order, and the lane reads
 * nothing more from its socket meanwhile. So no more than one burst waits.
 */

/* What a message costs: its part of LANE_CONTROL_WHOLE bytes, within limits. */
static double cost_of(size_t len)
{
	double cost = (double)len / LANE_CONTROL_WHOLE;

	if (cost < 1.0 / LANE_CONTROL_LEAST)
		return 1.0 / LANE_CONTROL_LEAST;
	return cost > 1 ? 1 : cost;
}

static enum lane_verdict post(struct lane *lane, const uint8_t *data, size_t len, struct mono now)
{
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_CONTROL, len);

	if (!report)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	report->len = len;
	memcpy(report->data, data, len);
	rate_charge(&lane->control_rate, cost_of(len), now);
	lane_report_post(lane, report);
	return LANE_GOES_ON;
}

static bool has_budget(struct lane *lane, struct mono now)
{
	return rate_wait(&lane->control_rate, 1, now).ns == 0;
}

static enum lane_verdict hold(struct lane *lane, const struct view *payload)
{
	struct lane_message *message = malloc(sizeof(*message) + payload->len);

	if (!message)
		return lane_must_close(lane, LANE_END_INTERNAL, "out of memory");
	if (worker_is_overdrawn(lane->worker)) {
		free(message);
		return lane_must_close(lane, LANE_END_STUCK,
			"control messages of all peers have used up the memory for them");
	}
	message->len = payload->len;
	memcpy(message->data, payload->data, payload->len);
	STAILQ_INSERT_TAIL(&lane->unheard, message, link);
	worker_account(lane->worker, (ptrdiff_t)(sizeof(*message) + message->len));
	return LANE_GOES_ON;
}

enum lane_verdict lane_hear_message(struct lane *lane, const struct view *payload)
{
	struct mono now = mono_now();

	counter_add(&lane->counters.in_control, 1);
	if (STAILQ_EMPTY(&lane->unheard) && has_budget(lane, now))
		return post(lane, payload->data, payload->len, now);
	return hold(lane, payload);
}

bool lane_hears_late(const struct lane *lane)
{
	return !STAILQ_EMPTY(&lane->unheard);
}

static void drop_first(struct lane *lane)
{
	struct lane_message *message = STAILQ_FIRST(&lane->unheard);

	STAILQ_REMOVE_HEAD(&lane->unheard, link);
	worker_account(lane->worker, -(ptrdiff_t)(sizeof(*message) + message->len));
	free(message);
}

enum lane_verdict lane_hear_late(struct lane *lane)
{
	enum lane_verdict verdict = LANE_GOES_ON;
	struct mono now = mono_now();

	while (verdict == LANE_GOES_ON && lane_hears_late(lane) && has_budget(lane, now)) {
		const struct lane_message *message = STAILQ_FIRST(&lane->unheard);

		verdict = post(lane, message->data, message->len, now);
		drop_first(lane);
	}
	/* It is this end that does not listen. */
	atomic_store_explicit(&lane->counters.heard_ns, now.ns, memory_order_relaxed);
	return verdict;
}

struct mono lane_hears_next(struct lane *lane)
{
	struct mono now = mono_now();
	struct duration wait = rate_wait(&lane->control_rate, 1, now);

	if (wait.ns < DURATION_MS(LANE_CONTROL_PAUSE_MS).ns)
		wait = DURATION_MS(LANE_CONTROL_PAUSE_MS);
	return mono_add(now, wait);
}

void lane_hear_nothing(struct lane *lane)
{
	while (lane_hears_late(lane))
		drop_first(lane);
}
