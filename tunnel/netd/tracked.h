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
 * What this host has of the networks that `announce` tracks: the networks on an interface, the routes
 * of a table. The kernel tells that something has changed, not always what; so each time, at most
 * once for a burst, the routes that are asked for are read anew and compared with those before.
 * What was dead (no carrier) is as good as gone. netd's only thread.
 */

enum { TRACKED_GATHER_MS = 100 }; /* from the first change of a burst to the look at it */

struct tracked {
	struct loop *loop;
	const struct settings *settings;
	const struct interfaces *interfaces;
	struct netlink_monitor *monitor; /* NULL: not open */
	struct loop_watch watch;
	struct loop_timer gathering;
	struct duration pause; /* so that reading takes a tenth of the time at most */
	struct prefix *items;  /* sorted, each once; at most REQUEST_TRACKED_MAX */
	size_t count;
	bool unsent;                   /* the present set has not been passed on */
	bool told_limit, told_failure; /* in the log, until it is over */
	/* The set is another one. Negative errno: it could not be passed on, and is to be again. */
	int (*changed)(struct tracked *tracked);
};

/*
 * Takes the first look; does nothing where `announce` tracks nothing. Borrows all of them. Negative
 * errno with words.
 */
int tracked_open(struct tracked *tracked, struct loop *loop, const struct settings *settings,
	const struct interfaces *interfaces, int (*changed)(struct tracked *tracked),
	struct problem *problem);
/* Fine when it is not open but zeroed, or when opening failed. */
void tracked_close(struct tracked *tracked);

/*
 * Whether a route that the kernel has is to be announced: not what Culvert made, nor what leads to
 * an interface of ours, overlaps a pool, or cannot be announced at all (route_rule_form()).
 */
bool tracked_takes(const struct settings *settings, const struct interfaces *interfaces,
	const struct netlink_seen_route *route);

#endif
