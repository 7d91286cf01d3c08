/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_ROUTES_H
#define CULVERT_NETD_INTERFACE_ROUTES_H

#include "netd/interfaces.h"

/*
 * The routes that lead to our interfaces. Each has its interface's metric, and while the interface
 * is idle (the peer is not connected) a much larger one: any other route to the prefix then wins, and
 * without another one packets still go nowhere else. Interfaces with the same prefix and metric share
 * it: the kernel spreads flows between them. netd's only thread.
 */

enum { INTERFACE_METRIC_IDLE = 10000000 }; /* is added to the metric; SETTINGS_METRIC_MAX is less */

bool interface_has_route(const struct interface *interface, const struct prefix *prefix);

/*
 * Both idempotent. Negative errno with words: -EEXIST, -EBUSY (netlink_route_add()); -EUSERS: as many
 * interfaces as can share it have the prefix; -ENOMEM, the kernel's.
 */
int interface_route_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);
int interface_route_delete(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);

/* The metric that its routes are to have now. */
uint32_t interface_routes_metric(const struct interface *interface);
/* The table that all routes are to be in. */
uint32_t interface_route_table(const struct interfaces *interfaces);
/*
 * Puts a route that the registry has into the kernel once more; that it is there already is fine.
 * Errors of interface_route_add().
 */
int interface_route_put_back(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem);

/*
 * Packets arrive (`idle` false), or do not: the metrics follow. A route that cannot be moved stays as
 * it is, with a warning.
 */
void interface_set_idle(struct interfaces *interfaces, struct interface *interface, bool idle);

/*
 * Takes its routes out of the kernel, and puts them there again; in between its addresses may
 * change, with which routes go, and its peer's address, by which they are known. The registry keeps
 * them. restore: -ENODEV, the kernel's, with words.
 */
void interface_routes_lift(struct interfaces *interfaces, struct interface *interface);
int interface_routes_restore(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem);

/*
 * The interface is about to go. With the first of its links the kernel removes a shared IPv4 route
 * altogether, so the others are given their own before.
 */
void interface_routes_unshare(struct interfaces *interfaces, struct interface *interface);

#endif
