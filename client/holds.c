/* SPDX-License-Identifier: Apache-2.0 */
#include "client/holds.h"

static void forget_ended(struct holds *holds, struct mono now)
{
	for (size_t i = holds->count; i-- > 0;) {
		if (!mono_before(now, holds->items[i].until))
			holds->items[i] = holds->items[--holds->count];
	}
}

static struct hold *find(struct holds *holds, const struct endpoint *outer, size_t remote)
{
	for (size_t i = 0; i < holds->count; i++) {
		struct hold *hold = &holds->items[i];

		if (hold->remote == remote && hold->outer.port == outer->port &&
			addr_equal(&hold->outer.addr, &outer->addr))
			return hold;
	}
	return NULL;
}

static struct hold *soonest(struct holds *holds)
{
	struct hold *first = NULL;

	for (size_t i = 0; i < holds->count; i++) {
		if (!first || mono_before(holds->items[i].until, first->until))
			first = &holds->items[i];
	}
	return first;
}

void holds_set(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now,
	struct duration wait)
{
	struct hold *hold;

	if (wait.ns > DURATION_S(HOLD_LONGEST_S).ns)
		wait = DURATION_S(HOLD_LONGEST_S);
	hold = find(holds, outer, remote);
	if (!hold && wait.ns > 0) {
		forget_ended(holds, now);
		hold = holds->count < HOLDS_MAX ? &holds->items[holds->count++] : soonest(holds);
	}
	if (hold)
		*hold = (struct hold){ *outer, remote, mono_add(now, wait) };
	forget_ended(holds, now);
}

bool holds_has(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now)
{
	forget_ended(holds, now);
	return find(holds, outer, remote) != NULL;
}

struct duration holds_shortest(struct holds *holds, struct mono now)
{
	forget_ended(holds, now);
	const struct hold *first = soonest(holds);
	return first ? mono_since(first->until, now) : (struct duration){ 0 };
}
