/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ANNOUNCER_H
#define CULVERT_ENGINE_ANNOUNCER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "engine/routes.h"
#include "system/loop.h"

/*
 * Tells one peer what is announced to it: all of it when a connection begins, later only what has
 * changed since. Changes that come in quick succession go out together, so that a script that adds
 * a thousand routes one by one is no flood at the peer. Main thread.
 */

enum { ANNOUNCER_HOLD_MS = 50 }; /* least time between two changes that are sent */

struct announcer {
	struct loop *loop;
	struct routes *routes;            /* whose peer is told */
	const struct prefix_list *wanted; /* what it is to know, sorted; the session's */
	struct prefix_list told;          /* what it knows */
	bool up;
	bool changed; /* during the hold */
	struct loop_timer hold;
};

void announcer_init(struct announcer *announcer, struct loop *loop, struct routes *routes,
	const struct prefix_list *wanted);
void announcer_free(struct announcer *announcer);

/* A connection has begun, and the peer knows nothing yet: announces all. -ENOMEM. */
int announcer_begin(struct announcer *announcer);
/* The connection is gone. */
void announcer_end(struct announcer *announcer);
/*
 * `wanted` has changed: the peer hears of it at once, or when the hold is over. -ENOMEM: the next
 * change tries again.
 */
int announcer_changed(struct announcer *announcer);

#endif
