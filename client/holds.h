/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_HOLDS_H
#define CULVERT_CLIENT_HOLDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"

/*
 * The servers that asked the client to wait, each with its time. A server holds only itself, and
 * for five minutes at most. So neither a lying nor a faulty server keeps the client from the other
 * remotes. A hold is on an endpoint and the remote behind it: without a proxy `remote` is always 0,
 * with a proxy it is the remote's index. A plain value, one owner.
 */

enum {
	HOLDS_MAX = 64, /* holds; a further one replaces the hold that ends first */
	HOLD_LONGEST_S = 300,
};

struct hold {
	struct endpoint outer;
	size_t remote;
	struct mono until;
};

struct holds {
	struct hold items[HOLDS_MAX];
	size_t count;
};

/* Holds this endpoint for `wait`, at most HOLD_LONGEST_S; a `wait` of 0 ends the hold. */
void holds_set(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now,
	struct duration wait);
bool holds_has(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now);
/* The time until the first hold ends; 0: there is none. */
struct duration holds_shortest(struct holds *holds, struct mono now);

#endif
