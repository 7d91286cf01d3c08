/* SPDX-License-Identifier: Apache-2.0 */
#include "base/backoff.h"

void backoff_reset(struct backoff *backoff)
{
	backoff->attempt = 0;
}

/* min(first × 2^attempt, longest), without overflow. */
static int64_t limit_ns(const struct backoff *backoff)
{
	int64_t limit = backoff->first.ns;

	for (unsigned i = 0; i < backoff->attempt && limit < backoff->longest.ns; i++)
		limit = limit > backoff->longest.ns / 2 ? backoff->longest.ns : limit * 2;
	return limit < backoff->longest.ns ? limit : backoff->longest.ns;
}

struct duration backoff_next(struct backoff *backoff, uint64_t random)
{
	int64_t limit = limit_ns(backoff);
	int64_t least = limit / 2;
	uint64_t choices = (uint64_t)(limit - least) + 1;

	/*
	 * After 63 doublings the limit is long reached; a count that stops there keeps the loop
	 * short.
	 */
	if (backoff->attempt < 63)
		backoff->attempt++;
	return (struct duration){ .ns = least + (int64_t)(random % choices) };
}
