/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_OUTFLOW_H
#define CULVERT_LANE_OUTFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * How fast a connection takes bytes while there are more, and so how much is to be encrypted ahead
 * of it: what is encrypted can neither be overtaken nor dropped, so it is to be a moment's worth;
 * but not so little that the connection would run dry before we are woken. One owner.
 */

enum {
	OUTFLOW_AHEAD_US = 1000,       /* that moment */
	OUTFLOW_AHEAD_LEAST = 4 << 10, /* bytes; the number of wake-ups stays bearable */
	OUTFLOW_AHEAD_MOST = 128 << 10,
	OUTFLOW_WINDOW_MS = 10,  /* over which is measured */
	OUTFLOW_SHORT_US = 1000, /* a shorter time counts as so long */
};

struct outflow {
	size_t ahead;      /* bytes */
	uint64_t rate;     /* bytes a second; 0: not known yet */
	struct mono since; /* the window's beginning; 0: the connection has taken all */
	uint64_t sent;     /* at that moment */
};

void outflow_init(struct outflow *outflow);
/* The connection takes no more for now; `sent`: bytes it has taken in all. */
void outflow_full(struct outflow *outflow, struct mono now, uint64_t sent);
/* It has taken a whole `ahead` at once, and passed it on. */
void outflow_ran(struct outflow *outflow);
/* It has taken everything that there was. */
void outflow_free(struct outflow *outflow, struct mono now, uint64_t sent);

#endif
