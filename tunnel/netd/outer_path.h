/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_OUTER_PATH_H
#define CULVERT_NETD_OUTER_PATH_H

#include <stdbool.h>

#include "base/problem.h"
#include "config/settings.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * The packets of outer connections do not get lost in a tunnel, whichever came first, the route or the
 * connection: a spoke may call from an address inside what another spoke has announced, and the hub of
 * one Culvert may be inside what another Culvert's hub has announced. netd/needs refuses the routes that come
 * second; this is for connections that do.
 *
 * Outer sockets carry a mark (settings_mark()), those that listen too, and so do the kernel's answers to
 * calls. While this netd has routes in the main table, or gives addresses to peers, it looks each second at
 * the marked connections that are being opened, and after each new interface at all of them: the pool may have dealt
 * one peer the outer address of another. When the way to one leads into a tunnel, netd puts two policy rules for marked packets
 * in force, before the main table and behind the rules of others, until it ends:
 *
 *	lookup main, but a route to a link of Culvert's (group INTERFACES_GROUP) counts as none
 *	lookup table OUTER_PATH_TABLE
 *
 * The table is a copy of the main one without Culvert's routes (system/netlink_mirror). It is asked only
 * when the first rule has found a tunnel, and follows the main table. A server's packets that come from an
 * address it announces are left out: they belong to a connection that has come in by a tunnel.
 *
 * Anybody can send a call with a forged source, and so bring the rules about. They do no harm: packets
 * without the mark do not notice them, and no route is removed.
 *
 * Rules and table are the same for all Culverts of a network namespace. Each removes them when it ends;
 * those that live and need them put them back at once. What a killed one leaves, the next start or
 * `culvert sweep` removes. netd's only thread.
 */

enum {
	OUTER_PATH_TABLE = 25461,
	OUTER_PATH_PRIORITY =
		32765, /* the last before the main table's; rules of others may have it, too */
	OUTER_PATH_GATHER_MS = 50, /* from the first change of a burst to the look at it */
	OUTER_PATH_POLL_MS = 1000,
	OUTER_PATH_OPENING_MAX = 64, /* connections that one look asks the kernel about */
	OUTER_PATH_ANNOUNCED_MAX =
		16, /* announced prefixes that are left out; further ones are not */
};

struct outer_path {
	struct loop *loop; /* NULL: it has not been started */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct loop_timer polling;
	bool in_force;
	bool made; /* an interface has come since the last look */
	bool told; /* that it cannot be done */
	/* While it is in force: */
	struct netlink_monitor *monitor; /* NULL: changes are not noticed */
	struct loop_watch watch;
	struct loop_timer gathering;
};

/*
 * From now on. Borrows all three, removes what a killed one has left, and logs what it cannot. Does nothing in
 * `culvert run`, whose outer connections are an ordinary user's.
 */
void outer_path_start(struct outer_path *outer_path, struct loop *loop,
	const struct settings *settings, struct interfaces *interfaces);
/* The interface is new (`made`), or has got a route. Fine when outer_path is zeroed. */
void outer_path_follow(struct outer_path *outer_path, const struct interface *interface, bool made);
/* Fine when it is zeroed. After the interfaces. */
void outer_path_stop(struct outer_path *outer_path);

/* Removes rules and table, whoever made them. Whether there were any; negative errno with words. */
int outer_path_sweep(struct netlink *netlink, struct problem *problem);

#endif
