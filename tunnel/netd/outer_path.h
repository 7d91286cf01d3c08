/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_OUTER_PATH_H
#define CULVERT_NETD_OUTER_PATH_H

#include <stdbool.h>

#include "base/problem.h"
#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Keeps the packets of outer connections out of tunnels, whether the route or the connection came
 * first. A spoke may connect from an address inside a prefix that another spoke has announced, and
 * one Culvert's hub may be inside a prefix that another Culvert's hub has announced. netd/needs
 * refuses a route that comes after the connection; this module handles a connection that comes
 * after the route.
 *
 * Outer sockets, listeners included, carry a mark (settings_mark()), and so do the kernel's answers
 * to connection requests. netd checks the marked connections while it has routes in the main table
 * or gives addresses to peers. Each second it checks those that are being opened. After each new
 * interface it checks all, because the pool may have given one peer the outer address of another.
 * When the path to one of them leads into a tunnel, netd puts two policy rules for marked packets
 * in force until it ends. They come before the main table and behind other programs' rules:
 *
 *	lookup main, but a route to a link of Culvert's (group INTERFACES_GROUP) counts as none
 *	lookup table OUTER_PATH_TABLE
 *
 * The table is a copy of the main one without Culvert's routes (system/netlink_mirror), and follows
 * the main one. It is used only when the first rule has found a tunnel. Packets that a server sends
 * from an address that it announces are left out: they belong to a connection that has come in by a
 * tunnel.
 *
 * A held route (netd/held_routes) is no route to such a link, so the first rule would stop there.
 * While one is in the main table, two more rules come before those two, whether or not they are in
 * force:
 *
 *	to the kernel's rule for main, from an address that a server announces
 *	lookup table OUTER_PATH_TABLE
 *
 * Any host can send a connection request with a forged source, and so bring the rules about. They
 * do no harm: they do not apply to packets without the mark, and no route is removed.
 *
 * Rules and table are the same for all Culverts of a network namespace. Each Culvert removes them
 * when it ends, and the others restore them at once if they need them. The next start or `culvert
 * sweep` removes the leftovers of a killed one. netd's only thread.
 */

enum {
	OUTER_PATH_TABLE = 25461,
	/* the last before the main table's; rules of other programs may have it, too */
	OUTER_PATH_PRIORITY = 32765,
	OUTER_PATH_HELD = 32764, /* while routes are held; the exceptions have the one before it */
	OUTER_PATH_GATHER_MS = 50, /* from the first change of a burst to the check */
	OUTER_PATH_POLL_MS = 1000,
	OUTER_PATH_OPENING_MAX = 64,   /* connections that one check asks the kernel about */
	OUTER_PATH_ANNOUNCED_MAX = 16, /* announced prefixes that are left out; more are not */
};

struct outer_path {
	struct loop *loop; /* NULL: not started */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct loop_timer polling;
	bool in_force;
	bool held;   /* routes are held, and so the rules for that are in force */
	bool made;   /* an interface was made since the last check */
	bool logged; /* that the rules cannot be made */
	/* While any rules are in force: */
	struct netlink_monitor *monitor; /* NULL: changes are not noticed */
	struct loop_watch watch;
	struct loop_timer gathering;
	struct desired_item item; /* the rules */
};

/*
 * Starts the checks, removes the leftovers of a killed netd, and logs failures. Before that,
 * `in_force` and `held` may have been inherited from the run before; else *outer_path is zeroed. Borrows all three
 * arguments. Does nothing in `culvert run`, whose outer connections are an ordinary user's.
 */
void outer_path_start(struct outer_path *outer_path, struct loop *loop,
	const struct settings *settings, struct interfaces *interfaces);
/* The interface is new (`made`), or has got a route. Does nothing when *outer_path is zeroed. */
void outer_path_follow(struct outer_path *outer_path, const struct interface *interface, bool made);
/*
 * The held routes may have changed: puts the rules for them in force, or ends them. Does nothing
 * when *outer_path is zeroed.
 */
void outer_path_hold(struct outer_path *outer_path);
/*
 * Removes rules and table. Call it after the interfaces are removed. Does nothing when *outer_path
 * is zeroed.
 */
void outer_path_stop(struct outer_path *outer_path);

/*
 * Removes rules and table, whichever program made them. Returns 1 if there were rules, 0 if not, or
 * a negative errno, and *problem says why.
 */
int outer_path_sweep(struct netlink *netlink, struct problem *problem);

#endif
