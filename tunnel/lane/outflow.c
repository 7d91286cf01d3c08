/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/outflow.h"

void outflow_init(struct outflow *outflow)
{
	*outflow = (struct outflow){ .ahead = OUTFLOW_AHEAD_MOST, .ahead_us = OUTFLOW_AHEAD_US };
}

static size_t moment_of(const struct outflow *outflow)
{
	uint64_t bytes = outflow->rate / 1000000 * outflow->ahead_us;

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
	outflow->rate = rate > 0 ? rate : 1; /* a rate of 0 would mean "unknown" */
	outflow->ahead = moment_of(outflow);
	return true;
}

void outflow_look_ahead(struct outflow *outflow, uint32_t us)
{
	if (us == outflow->ahead_us)
		return;
	outflow->ahead_us = us;
	if (outflow->rate > 0)
		outflow->ahead = moment_of(outflow);
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
			outflow->ahead = moment_of(outflow);
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
