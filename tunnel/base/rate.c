/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

void rate_init(struct rate *rate, double per_second, double burst, struct mono now)
{
	*rate = (struct rate){
		.per_second = per_second,
		.burst = burst,
		.tokens = burst,
		.last = now,
	};
}

static void refill(struct rate *rate, struct mono now)
{
	if (mono_before(rate->last, now)) {
		rate->tokens += duration_seconds(mono_since(now, rate->last)) * rate->per_second;
		if (rate->tokens > rate->burst)
			rate->tokens = rate->burst;
		rate->last = now;
	}
}

bool rate_take(struct rate *rate, struct mono now)
{
	refill(rate, now);
	if (rate->tokens < 1)
		return false;
	rate->tokens -= 1;
	return true;
}

void rate_charge(struct rate *rate, double tokens, struct mono now)
{
	refill(rate, now);
	rate->tokens -= tokens;
}

struct duration rate_wait(struct rate *rate, double tokens, struct mono now)
{
	struct duration wait = { 0 };

	refill(rate, now);
	if (rate->tokens < tokens)
		wait.ns = (int64_t)((tokens - rate->tokens) / rate->per_second * 1e9) + 1;
	return wait;
}
