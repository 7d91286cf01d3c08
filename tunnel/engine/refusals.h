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
 * Who was refused lately and why, for `culvert doctor`: the log has all of it, this has the last
 * few. Of the same peer (or, where nobody knows who it was, the same address) and cause it keeps
 * one and counts. Main thread.
 */

enum { REFUSALS_KEPT = 16, REFUSALS_LATELY_S = 3600 };

struct refusal {
	struct mono last;
	struct addr outer;
	char name[IDENTITY_MAX + 1]; /* "": it did not come so far as to have one */
	struct problem cause;        /* escaped */
	uint64_t count;              /* 0: this place is free */
};

struct refusals {
	struct refusal items[REFUSALS_KEPT];
};

/* Takes the place of the oldest, of the nameless first: strangers cannot push out peers. */
void refusals_add(struct refusals *refusals, const struct addr *outer, const char *name,
	const char *cause, struct mono now);

#endif
