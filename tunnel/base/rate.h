/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_RATE_H
#define CULVERT_BASE_RATE_H

#include <stdbool.h>

#include "base/clock.h"

/*
 * A token bucket: at most `burst` events at once and `per_second` in the long run. It starts full.
 * One owner; not thread-safe.
 */
struct rate {
	double per_second;
	double burst;
	double tokens;
	struct mono last;
};

void rate_init(struct rate *rate, double per_second, double burst, struct mono now);
/* Takes one token. True: the event is allowed. */
bool rate_take(struct rate *rate, struct mono now);
/*
 * Takes so many tokens, for events that cannot be refused. A debt is paid by the tokens that come.
 */
void rate_charge(struct rate *rate, double tokens, struct mono now);
/* The time until the bucket has so many tokens (at most `burst`); 0: it has them. */
struct duration rate_wait(struct rate *rate, double tokens, struct mono now);

#endif
