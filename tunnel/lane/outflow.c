/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/outflow.h"

void outflow_init(struct outflow *outflow)
{
	*outflow = (struct outflow){ .ahead = OUTFLOW_AHEAD_MOST };
}

static size_t moment_of(uint64_t rate)
{
	uint64_t bytes = rate / 1000000 * OUTFLOW_AHEAD_US;

	if (bytes < OUTFLOW_AHEAD_LEAST)
		return OUTFLOW_AHEAD_LEAST;
	return bytes < OUTFLOW_AHEAD_MOST ? (size_t)bytes : OUTFLOW_AHEAD_MOST;
}

static uint64_t rate_since(const struct outflow *outflow, int64_t ns, uint64_t sent)
{
	int64_t us = ns / 1000 > OUTFLOW_SHORT_US ? ns / 1000 : OUTFLOW_SHORT_US;

	return (sent - outflow->sent) * 1000000 / (uint64_t)us;
}

/* True: the window was long enough, and its rate counts. */
static bool measure(struct outflow *outflow, struct mono now, uint64_t sent)
{
	int64_t ns = mono_since(now, outflow->since).ns;

	if (ns < DURATION_MS(OUTFLOW_WINDOW_MS).ns)
		return false;
	uint64_t rate = rate_since(outflow, ns, sent);
	rate = outflow->rate == 0 ? rate : (outflow->rate + rate) / 2;
	outflow->rate = rate > 0 ? rate : 1; /* a connection that stands still is known to */
	outflow->ahead = moment_of(outflow->rate);
	return true;
}

void outflow_full(struct outflow *outflow, struct mono now, uint64_t sent)
{
	if (outflow->since.ns != 0 && !measure(outflow, now, sent))
		return;
	outflow->since = now;
	outflow->sent = sent;
}

void outflow_free(struct outflow *outflow, struct mono now, uint64_t sent)
{
	if (outflow->since.ns == 0)
		return;
	if (!measure(outflow, now, sent)) {
		/* The time is too short to show a slow connection, but it can show a faster one. */
		uint64_t rate = rate_since(outflow, mono_since(now, outflow->since).ns, sent);
		if (outflow->rate != 0 && rate > outflow->rate) {
			outflow->rate = rate;
			outflow->ahead = moment_of(rate);
		}
	}
	outflow->since.ns = 0;
}

void outflow_ran(struct outflow *outflow)
{
	/*
	 * A connection that is never full is not measured, so it returns to the most step by step.
	 */
	size_t twice = outflow->ahead * 2;

	outflow->ahead = twice < OUTFLOW_AHEAD_MOST ? twice : OUTFLOW_AHEAD_MOST;
}
