/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SUCCESSION_H
#define CULVERT_NETD_SUCCESSION_H

#include <stdbool.h>

#include "system/loop.h"

/*
 * The predecessor's half of a restart: netd leaves everything in the kernel as it is. It gives the
 * descriptors that keep that alive, with the registry (netd/bequest), to its supervisor or to the
 * process that succeeds it (netd/successor). It ends its engine without a goodbye, so that peers
 * keep their sessions, and then itself without removing anything. netd's only thread.
 */

struct netd;

struct succession {
	int listener; /* -1: none is offered */
	struct loop_watch offer;
	/* While a successor takes over: */
	struct loop_watch peer; /* fd -1: none */
	struct loop_timer patience;
	bool done; /* all is given away: nothing may be removed */
};

void succession_init(struct succession *succession);

/*
 * Offers the place to a successor, where netd is root and no supervisor runs it. A process of an
 * engine's user must not get it, so where the engine has netd's user nothing is offered. Logs its
 * failure.
 */
void succession_offer(struct netd *netd);

/*
 * A supervisor restarts the program. Returns true when it has all that the next run needs: then the
 * engine has ended, and netd has to end at once. Otherwise nothing has changed, and a failure is
 * logged.
 */
bool succession_to_supervisor(struct netd *netd);

/*
 * Prepares netd's end: afterwards the modules own nothing that they would remove. Does nothing
 * unless all is given away.
 */
void succession_leave(struct netd *netd);

/* Removes the offer. */
void succession_close(struct netd *netd);

#endif
