/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_RATE_H
#define CULVERT_BASE_RATE_H

#include <stdbool.h>

#include "base/clock.h"

/*
 * A token bucket: `burst` at once, `per_second` sustained. Not thread-safe; one owner. Starts full.
 */
struct rate {
	double per_second;
	double burst;
	double tokens;
	struct mono last;
};

void rate_init(struct rate *rate, double per_second, double burst, struct mono now);
/* True: allowed, one token taken. */
bool rate_take(struct rate *rate, struct mono now);

#endif
