/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/holding.h"

static uint32_t queue_us(const struct tcp_path *path)
{
	return path->rtt_us > path->least_rtt_us ? path->rtt_us - path->least_rtt_us : 0;
}

static void set_window(struct holding *holding)
{
	/* The socket is writable again when two thirds are used: the rest has to last that long. */
	uint64_t us = holding->us + (uint64_t)holding->least_rtt_us * 3 / 2;
	uint64_t bytes = holding->capacity * us / 1000000;

	if (bytes < HOLDING_BYTES_LEAST)
		bytes = HOLDING_BYTES_LEAST;
	bytes += HOLDING_BYTES_MORE;
	holding->window = holding->tries ? bytes / 100 * HOLDING_TRY_SHARE : bytes;
}

/* True: the queue is longer than the limit explains. */
static bool is_over(const struct holding *holding, const struct tcp_path *path)
{
	uint64_t own_us = holding->window * 1000000 / holding->capacity;

	return queue_us(path) > own_us * 5 / 4 + TCP_PATH_QUEUE_US;
}

static void settle(struct holding *holding, uint64_t capacity, const struct tcp_path *path)
{
	unsigned sample_us = HOLDING_SAMPLE_MS * 1000;

	holding->capacity = capacity > HOLDING_CAPACITY_LEAST ? capacity : HOLDING_CAPACITY_LEAST;
	holding->settles = 1 + queue_us(path) / sample_us + HOLDING_SETTLE_MORE;
	holding->over = holding->samples = 0;
	holding->over_sum = 0;
	holding->tries = false;
	set_window(holding);
}

void holding_begin(struct holding *holding, uint64_t capacity, const struct tcp_path *path)
{
	*holding = (struct holding){ .us = HOLDING_US, .least_rtt_us = path->least_rtt_us };
	settle(holding, capacity, path);
}

void holding_end(struct holding *holding)
{
	*holding = (struct holding){ .window = 0 };
}

static enum holding_verdict on_settle(struct holding *holding, bool over)
{
	if (!over)
		holding->settles = 0;
	else if (--holding->settles == 0)
		return HOLDING_IS_OF_OTHERS;
	return HOLDING_GOES_ON;
}

static enum holding_verdict lower(struct holding *holding, const struct tcp_path *path)
{
	uint64_t arrives = holding->over_sum / (holding->over - 1);

	if (++holding->lowered > HOLDING_LOWERED_MOST)
		return HOLDING_IS_OF_OTHERS;
	settle(holding, arrives < holding->capacity ? arrives : holding->capacity, path);
	return HOLDING_GOES_ON;
}

static void end_try(struct holding *holding, uint64_t arrives)
{
	uint32_t longer = holding->us / 2 * 3, shorter = holding->us / 16 * 15;

	if (arrives > holding->usual / 100 * HOLDING_FOUND)
		holding->us = longer < HOLDING_US_MOST ? longer : HOLDING_US_MOST;
	else
		holding->us = shorter > HOLDING_US ? shorter : HOLDING_US;
	holding->tries = false;
	holding->samples = holding->lowered = 0;
}

/*
 * Where round trips vary by themselves, as over radio, the least one is too short a measure: the
 * limit would keep the connection below what the path takes, and nothing would show that.
 */
static void try_more(struct holding *holding, uint64_t arrives)
{
	holding->samples++;
	if (holding->tries && holding->samples >= HOLDING_TRY_LAST) {
		end_try(holding, (arrives + holding->last) / 2);
	} else if (!holding->tries && holding->samples >= HOLDING_TRY_EVERY) {
		holding->usual = (arrives + holding->last + holding->before_last) / 3;
		holding->tries = true;
		holding->samples = 0;
	}
}

static void note(struct holding *holding, uint64_t arrives)
{
	/* What arrived behind a gap counts all at once when it is filled: one such sample is none. */
	uint64_t both = arrives < holding->last ? arrives : holding->last;

	if (both > holding->capacity)
		holding->capacity = both;
	holding->before_last = holding->last;
	holding->last = arrives;
}

enum holding_verdict holding_judge(
	struct holding *holding, uint64_t arrives, const struct tcp_path *path, bool limited)
{
	enum holding_verdict verdict = HOLDING_GOES_ON;
	bool over = is_over(holding, path);

	holding->least_rtt_us = path->least_rtt_us;
	if (holding->settles > 0) {
		verdict = on_settle(holding, over);
	} else if (over && limited) {
		/* The first sample was still of the path as it was. */
		holding->over_sum += holding->over++ > 0 ? arrives : 0;
		if (holding->over >= HOLDING_OVER_LEAST)
			verdict = lower(holding, path);
	} else {
		holding->over = 0;
		holding->over_sum = 0;
		if (limited)
			try_more(holding, arrives);
	}
	note(holding, arrives);
	set_window(holding);
	return verdict;
}
