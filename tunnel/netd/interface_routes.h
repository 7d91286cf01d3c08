/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_ROUTES_H
#define CULVERT_NETD_INTERFACE_ROUTES_H

#include "netd/interfaces.h"

/*
 * The routes that lead to netd's interfaces. A route has its interface's metric. While the
 * interface is idle (the peer is not connected), its routes are in the registry only, and
 * netd/held_routes stand in for them. Interfaces with the same prefix and metric share the route:
 * the kernel distributes flows between them. netd's only thread.
 */

bool interface_has_route(const struct interface *interface, const struct prefix *prefix);

/*
 * Add a route to the registry and the kernel; delete it from both. They do nothing when the route
 * is there, or is not there, already. -EEXIST, -EBUSY: as netlink_route_add(); -EUSERS: the prefix
 * has as many interfaces as can share it; -ENOMEM; else the kernel's errors. On failure *problem
 * says why.
 */
int interface_route_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);
int interface_route_delete(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);

/*
 * Makes a route of the registry, or a held one of an idle interface, in the kernel again; succeeds
 * when the kernel has it. Errors: those of interface_route_add().
 */
int interface_route_put_back(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);

/*
 * Sets whether packets arrive at the interface's peer (`idle` false) or not, and exchanges its
 * routes and the held ones. At each moment one of the two is in the kernel. If the held routes
 * cannot be made, the others stay, and netd logs a warning.
 */
void interface_set_idle(struct interfaces *interfaces, struct interface *interface, bool idle);

/*
 * Remove an interface's routes from the kernel, and add them again; the registry keeps them. Both
 * do nothing while the interface is idle. The caller changes the interface's addresses in between:
 * with an address the kernel deletes the routes, and it identifies them by the peer's address.
 * restore: -ENODEV; else the kernel's errors. On failure *problem says why.
 */
void interface_routes_lift(struct interfaces *interfaces, struct interface *interface);
int interface_routes_restore(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem);

/*
 * Call it before an interface is deleted. When one link of a shared IPv4 route is deleted, the
 * kernel removes the whole route. So this gives the other interfaces routes of their own.
 */
void interface_routes_unshare(struct interfaces *interfaces, struct interface *interface);

#endif
