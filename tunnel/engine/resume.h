/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_RESUME_H
#define CULVERT_ENGINE_RESUME_H

#include "base/clock.h"
#include "system/loop.h"

/*
 * Tells when the host was suspended. Timers do not count the time asleep (CLOCK_MONOTONIC stands
 * still), so without this a peer that has long given up is found out about much later. A timer that
 * is cancelled by any jump of the wall clock, which a resume is, wakes the loop; whether the host
 * slept, and for how long, CLOCK_BOOTTIME tells, which runs ahead of CLOCK_MONOTONIC by all the time
 * asleep. Main thread.
 */

enum { RESUME_LEAST_MS = 1000 }; /* asleep for less does not count */

struct resume {
	struct loop *loop;
	struct loop_watch watch;
	struct duration asleep; /* since the host's start, as last seen */
	void (*resumed)(struct resume *resume, struct duration slept);
};

/* -EMFILE, -ENFILE, -ENOMEM; -EINVAL: this kernel has no such timer. */
int resume_open(struct resume *resume, struct loop *loop,
	void (*resumed)(struct resume *resume, struct duration slept));
/* Fine when it is not open but zeroed, or when opening failed. */
void resume_close(struct resume *resume);

/*
 * How long the host slept between two looks at the time asleep; 0: not for longer than
 * RESUME_LEAST_MS. Raises *asleep to `now`, never lowers it: a look that was interrupted shows less
 * than there is, and must not make the next one show a sleep that was not.
 */
struct duration resume_slept(struct duration *asleep, struct duration now);

#endif
