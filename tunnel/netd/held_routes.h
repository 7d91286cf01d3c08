/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_HELD_ROUTES_H
#define CULVERT_NETD_HELD_ROUTES_H

#include <stdint.h>

#include "netd/interfaces.h"

/*
 * The routes of an idle interface, whose peer is not connected. Its own routes are out of the
 * kernel, so routing daemons and other programs see none. Unreachable routes stand in for them
 * (RTPROT_CULVERT_HELD), so that packets for the peer do not leave in clear by a default route. A
 * held route gives way to each live way to the same destination:
 *
 *  - A route to the same prefix wins by its metric, whichever program made it.
 *  - A live way to a covering prefix: the covering prefix is held instead of the peer's own. The
 *    live way wins there by its metric. When it goes, the held route is there already, and no
 *    packet leaves in clear.
 *
 * Live ways are routes of Culvert, of this process or another, and routes that a routing daemon has
 * put into the same table. Both vanish when they stop leading anywhere. These are no live ways:
 *
 *  - Other routes to a covering prefix: networks of this host's LAN, routes of DHCP, static ones.
 *    Nothing says that they lead to the peer's network rather than past the tunnel.
 *  - Prefixes shorter than SETTINGS_WAY_MIN bits, which stand for the whole Internet.
 *  - Routes into an idle interface.
 *  - A way that the kernel would not take, because of a longer prefix that is no live way.
 *
 * The metric has the number of the interface's link. So each interface has held routes of its own,
 * and the number tells whether the owner of a held route lives. Unlike other routes a held one does
 * not vanish with the link. netd's only thread.
 */

enum {
	/* of a held route: this plus the link's number; SETTINGS_METRIC_MAX is less */
	HELD_ROUTES_METRIC = 10000000,
};

/* Returns the metric of the interface's held routes. */
uint32_t held_routes_metric(const struct interface *interface);

/*
 * Holds the prefixes of the interface's routes. Call it before its own routes are removed.
 * Negative: the kernel's first error, or -ENOMEM; the others are held all the same. On failure
 * *problem says why.
 */
int held_routes_begin(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem);
/* Holds one more prefix. Errors as above. */
int held_routes_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);
/*
 * Removes all of the interface's held routes. Call it after its own routes are in place, or before
 * its link is deleted. Logs failures.
 */
void held_routes_end(struct interfaces *interfaces, struct interface *interface);

/* Makes one held route in the kernel again; succeeds when the kernel has it. */
int held_routes_put_back(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, struct problem *problem);

/* True: an interface of the namespace is idle and has, or had, routes. */
bool held_routes_any(const struct interfaces *interfaces, const struct netns_id *netns);
/*
 * Compares the held routes of the namespace, which `netlink` belongs to, with the live ways that
 * the kernel has now, and changes them. It adds before it removes. -EAGAIN, -ENOMEM, or the
 * kernel's errors: call it again. On failure *problem says why.
 */
int held_routes_update(struct interfaces *interfaces, const struct netns_id *netns,
	struct netlink *netlink, struct problem *problem);

/*
 * Removes the held routes whose interface is gone, since its netd was killed. Returns how many, or
 * a negative errno, and *problem says why.
 */
int held_routes_sweep(struct netlink *netlink, struct problem *problem);
/* Counts them only. Needs no privilege. */
int held_routes_find_left(struct netlink *netlink, struct problem *problem);

#endif
