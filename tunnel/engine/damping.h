/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_DAMPING_H
#define CULVERT_ENGINE_DAMPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

/*
 * Damping of prefixes that come and go. A prefix that was added may be added again after
 * DAMPING_FIRST_MS, and each time that it comes back soon it has to wait twice as long, up to
 * DAMPING_LAST_MS. Withdrawals never wait. Main thread only.
 */

enum {
	DAMPING_FIRST_MS = 1000,
	DAMPING_LAST_MS = 64000,
};

/* Of one prefix; zeroed: it was never added. */
struct damping {
	struct mono added;
	struct duration hold; /* from `added` until it may be added again; 0: it was never added */
};

/* Returns when the prefix may be added; a time in the past: now. */
struct mono damping_due(const struct damping *damping);
/* It is added now. */
void damping_add(struct damping *damping, struct mono now);
/* Forgets the past: it was not the peer that took the prefix away. */
void damping_forgive(struct damping *damping);

/* Prefixes that are not announced any more, with their damping. A zeroed list is empty. */
struct damping_list {
	struct damping_entry *items; /* sorted by prefix */
	size_t count, capacity;
};

void damping_list_free(struct damping_list *list);
/*
 * Keeps the prefix's damping, unless it is over. The list has at most `most` items: then the one
 * that would be over first gives way. Out of memory: it is not kept.
 */
void damping_list_keep(struct damping_list *list, const struct prefix *prefix,
	const struct damping *damping, size_t most, struct mono now);
/* Takes the prefix out of the list, and returns its damping; zeroed if it is not there. */
struct damping damping_list_take(struct damping_list *list, const struct prefix *prefix);

#endif
