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

bool rate_take(struct rate *rate, struct mono now)
{
	if (mono_before(rate->last, now)) {
		rate->tokens += duration_seconds(mono_since(now, rate->last)) * rate->per_second;
		if (rate->tokens > rate->burst)
			rate->tokens = rate->burst;
		rate->last = now;
	}
	if (rate->tokens < 1)
		return false;
	rate->tokens -= 1;
	return true;
}
