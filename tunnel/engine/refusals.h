/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_REFUSALS_H
#define CULVERT_ENGINE_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/problem.h"

/*
 * Remembers the peers refused last, and why, for `culvert doctor`; the log has all of them.
 * Refusals of one peer for one cause share an entry with a count. A peer without a known name is
 * known by its address. Main thread only.
 */

enum { REFUSALS_KEPT = 16, REFUSALS_LATELY_S = 3600 };

struct refusal {
	struct mono last;
	struct addr outer;
	char name[IDENTITY_MAX + 1]; /* "": the peer had shown no identity yet */
	struct problem cause;        /* escaped */
	uint64_t count;              /* 0: this entry is free */
};

struct refusals {
	struct refusal items[REFUSALS_KEPT];
};

/*
 * Adds a refusal. Without a free entry it replaces the oldest one, nameless ones first: strangers
 * cannot push out peers.
 */
void refusals_add(struct refusals *refusals, const struct addr *outer, const char *name,
	const char *cause, struct mono now);

#endif
