/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/path_window.h"

static uint64_t best_rate(const struct path_window *window)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < PATH_WINDOW_SAMPLES; i++) {
		if (window->rates[i] > best)
			best = window->rates[i];
	}
	return best;
}

static uint64_t limit_of(uint64_t rate, uint32_t least_rtt_us)
{
	uint64_t bytes = rate * least_rtt_us / 1000000;

	if (rate == 0 || rate > PATH_WINDOW_RATE_MOST)
		return 0;
	bytes += bytes / 2;
	return bytes > PATH_WINDOW_LEAST ? bytes : PATH_WINDOW_LEAST;
}

void path_window_note(struct path_window *window, struct mono now, uint64_t acked, bool limited,
	uint32_t least_rtt_us)
{
	int64_t passed = duration_ms(mono_since(now, window->since));
	uint64_t rate;

	if (window->since.ns != 0 && passed < PATH_WINDOW_SAMPLE_MS)
		return;
	if (window->since.ns != 0 && acked >= window->acked) {
		rate = (acked - window->acked) * 1000 / (uint64_t)passed;
		/* A sender with little to send does not show what the paths take. */
		if (limited || rate > best_rate(window)) {
			window->rates[window->next] = rate;
			window->next = (window->next + 1) % PATH_WINDOW_SAMPLES;
		}
	}
	window->since = now;
	window->acked = acked;
	window->limit = limit_of(best_rate(window), least_rtt_us);
}
