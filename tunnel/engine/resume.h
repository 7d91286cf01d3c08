/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_RESUME_H
#define CULVERT_ENGINE_RESUME_H

#include "base/clock.h"
#include "system/loop.h"

/*
 * Reports that the host was suspended. Timers do not count that time (CLOCK_MONOTONIC stops), so
 * without this a dead peer would be noticed much later. A timer that any jump of the wall clock
 * cancels wakes the loop, and a resume is such a jump. CLOCK_BOOTTIME then shows whether the host
 * slept: it runs ahead of CLOCK_MONOTONIC by the time asleep. Without a sleep the clock was set, as it
 * is after a virtual machine was paused, whose clocks all stood still. Main thread only.
 */

enum { RESUME_LEAST_MS = 1000 }; /* a shorter sleep or step is ignored */

struct resume {
	struct loop *loop;
	struct loop_watch watch;
	struct duration asleep; /* total since boot, when last read */
	struct duration ahead;  /* the wall clock, of CLOCK_BOOTTIME, when last read */
	void (*resumed)(struct resume *resume, struct duration slept);
	/* The wall clock was set by so much, without a sleep. May be NULL; set after resume_open(). */
	void (*clock_set)(struct resume *resume, struct duration by);
};

/* -EMFILE, -ENFILE, -ENOMEM; -EINVAL: this kernel has no such timer. */
int resume_open(struct resume *resume, struct loop *loop,
	void (*resumed)(struct resume *resume, struct duration slept));
/* Does nothing when it is zeroed or resume_open() failed. */
void resume_close(struct resume *resume);

/*
 * The length of a sleep between two readings of the total; 0 if shorter than RESUME_LEAST_MS.
 * Raises *asleep to `now` and never lowers it. A reading that was interrupted comes out too low,
 * and must not make the next one report a sleep.
 */
struct duration resume_slept(struct duration *asleep, struct duration now);

#endif
