/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ANNOUNCER_H
#define CULVERT_ENGINE_ANNOUNCER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "engine/routes.h"
#include "system/loop.h"

/*
 * Announces prefixes to one peer: all of them when a connection begins, later only the changes.
 * Changes that follow each other quickly are sent together. So a script that adds a thousand routes
 * one by one does not flood the peer. Main thread only.
 */

enum { ANNOUNCER_HOLD_MS = 50 }; /* shortest time between two batches of changes */

struct announcer {
	struct loop *loop;
	struct routes *routes; /* of the peer's session; they send the messages */
	/* what the peer should know: sorted; borrowed from the session */
	const struct prefix_list *wanted;
	struct prefix_list sent; /* what the peer knows of: sorted */
	bool up;
	bool changed; /* `wanted` has changed since the last batch */
	struct loop_timer hold;
};

void announcer_init(struct announcer *announcer, struct loop *loop, struct routes *routes,
	const struct prefix_list *wanted);
void announcer_free(struct announcer *announcer);

/* Begins with a new connection, whose peer knows nothing yet: announces everything. -ENOMEM. */
int announcer_begin(struct announcer *announcer);
/* The connection is lost: sends nothing until announcer_begin(). */
void announcer_end(struct announcer *announcer);
/*
 * `wanted` has changed: sends the difference at once, or when the hold is over. Does nothing
 * without a connection. -ENOMEM: tries again when the hold is over.
 */
int announcer_changed(struct announcer *announcer);

#endif
