/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_DRAIN_H
#define CULVERT_DAEMON_DRAIN_H

#include <stdbool.h>

#include "base/clock.h"
#include "daemon/admission.h"
#include "engine/engine.h"
#include "engine/peers.h"
#include "system/loop.h"

/*
 * Empties a server before it ends: `culvert drain`. No new session is admitted from then on, while
 * a client that has one may still return to it. The sessions hear "use another server" one after
 * the other, evenly over the given time, so the other server does not get all of them at once. When
 * none is left, the program ends with status 0, which a supervisor takes for its wish. Main thread
 * only.
 */

enum {
	DRAIN_TICK_MS = 100,
	DRAIN_LONGEST_S = 86400,
};

struct drain {
	struct engine *engine;       /* borrowed; NULL: it does not drain */
	struct admission *admission; /* borrowed */
	struct loop_timer timer;
	struct duration over;
	unsigned total; /* sessions when it began */
	bool ended;     /* netd was asked to end the program */
};

/* Begins, or goes on within another time from now on: 0 is all at once. */
void drain_begin(struct drain *drain, struct engine *engine, struct admission *admission,
	struct duration over);
void drain_stop(struct drain *drain);
/*
 * How many sessions should be left of `total` when `passed` of `over` is over. All of `over` passed
 * leaves none.
 */
unsigned drain_left(unsigned total, struct duration passed, struct duration over);

#endif
