/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_BACKOFF_H
#define CULVERT_BASE_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"

/*
 * Exponential backoff with jitter. The n-th wait is drawn evenly from [limit/2, limit], with limit
 * = min(first × 2^n, longest). One owner; not thread-safe.
 */

struct backoff {
	struct duration first;
	struct duration longest;
	unsigned attempt; /* waits drawn since the last reset */
};

void backoff_reset(struct backoff *backoff);
/*
 * Draws the next wait. `random` is any evenly distributed number; the caller passes it so that
 * tests can choose it.
 */
struct duration backoff_next(struct backoff *backoff, uint64_t random);

#endif
