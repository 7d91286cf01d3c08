/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_TRACKED_H
#define CULVERT_NETD_TRACKED_H

#include "base/clock.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Finds the prefixes of the networks that `announce` tracks: the networks on an interface, the
 * routes of a table. The kernel notifies that something has changed, but not always what. So after
 * a burst of notifications netd reads the tracked routes again and compares them with the last
 * ones. A route without carrier counts as missing. An item that yields nothing is logged once,
 * until it yields something. netd's only thread.
 */

enum { TRACKED_GATHER_MS = 100 }; /* from the first change of a burst to the check */

struct tracked {
	struct loop *loop;
	const struct settings *settings;
	const struct interfaces *interfaces;
	struct netlink_monitor *monitor; /* NULL: not open */
	struct loop_watch watch;
	struct loop_timer gathering;
	struct duration pause; /* so that reading takes at most a tenth of the time */
	struct prefix *items;  /* sorted, each once; at most REQUEST_TRACKED_MAX */
	size_t count;
	bool unsent;                       /* the present set has not been passed on */
	bool logged_limit, logged_failure; /* reset when the condition is over */
	bool *logged_empty;                /* for each item of `announce`: that it yields nothing */
	/*
	 * Called when the set has changed. It returns a negative errno when it could not pass the
	 * set on, and is then called again.
	 */
	int (*changed)(struct tracked *tracked);
};

/*
 * Reads the first set, and starts watching; does nothing where `announce` tracks nothing. Borrows
 * its arguments. On failure (negative errno) *problem says why.
 */
int tracked_open(struct tracked *tracked, struct loop *loop, const struct settings *settings,
	const struct interfaces *interfaces, int (*changed)(struct tracked *tracked),
	struct problem *problem);
/* Does nothing when *tracked is zeroed or opening failed. */
void tracked_close(struct tracked *tracked);

/*
 * Returns whether a route of the kernel is to be announced. It is not when Culvert made it, when it
 * leads to an interface of ours or overlaps a pool, or when it cannot be announced at all
 * (route_rule_form()).
 */
bool tracked_takes(const struct settings *settings, const struct interfaces *interfaces,
	const struct netlink_seen_route *route);

#endif
