/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_HOLDS_H
#define CULVERT_CLIENT_HOLDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"

/*
 * Which servers asked the client to stay away, and until when. The rule: a server speaks for itself
 * alone and for five minutes at most, so that neither a server that lies nor one that errs keeps the
 * client from the other remotes. A way is an endpoint and the remote that is reached through it:
 * without a proxy `remote` is 0 for all, with one the remote's index. A plain value, one owner.
 */

enum {
	HOLDS_MAX = 64, /* ways; a further one takes the place of the hold that ends first */
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

/* This way is not taken for `wait` or HOLD_LONGEST_S; a `wait` of 0 ends the hold. */
void holds_set(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now,
	struct duration wait);
bool holds_has(struct holds *holds, const struct endpoint *outer, size_t remote, struct mono now);
/* How long it is until the first hold ends; 0: there is none. */
struct duration holds_shortest(struct holds *holds, struct mono now);

#endif
