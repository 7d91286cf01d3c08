/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ROUTE_CHECK_H
#define CULVERT_NETD_ROUTE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "config/settings.h"
#include "netd/dns.h"
#include "netd/interfaces.h"
#include "netd/needs.h"
#include "netd/on_link.h"
#include "netd/policy.h"

/*
 * Decides whether a prefix may become a route on this host as it is now, for new routes and for
 * installed ones. netd/policy judges by the configuration, netd/on_link by the networks that are
 * on-link here, and netd/needs by the paths that the tunnels themselves need.
 *
 * A route that was accepted elsewhere may be wrong here: a laptop comes into a network that has the
 * prefix on-link, and its printer would be sought in the tunnel. So when the networks of the host
 * have changed, netd judges every installed route again and removes those that it would refuse. An
 * outer connection is no reason here, as netd/outer_path takes care of it. The engine then asks for
 * refused ones again, which may be free now. netd's only thread.
 */

struct route_check {
	/* All are borrowed. */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct dns *dns;
	bool logged_needs; /* that not all needs can be read */
	uint64_t seen;     /* a fingerprint of what the routes were judged by last; 0: never */
};

/* The host's state at one moment, by which routes are judged. */
struct route_surroundings {
	struct netlink *netlink; /* of the interface's namespace; borrowed */
	struct on_link on_link;
	struct needs needs; /* none where no route can take their path */
};

/*
 * Looks at the namespace of the interface. On success the caller calls route_check_free(). A
 * negative errno: *problem says why. Call interfaces_leave() afterwards.
 */
int route_check_look_around(struct route_check *check, const struct interface *interface,
	struct route_surroundings *ret_around, struct problem *problem);
void route_check_free(struct route_surroundings *around);

/*
 * Judges a route, new or installed. A network that is on-link here is refused, with the exception
 * of `override_routes`. *why names the conflict, or is empty.
 */
enum route_verdict route_check_judge(const struct route_check *check,
	const struct interface *interface, const struct route_surroundings *around,
	const struct prefix *prefix, struct problem *why);

/* A route that was removed, with the reason. */
struct route_judged {
	uint32_t interface; /* netd's number */
	struct prefix prefix;
	enum route_verdict verdict;
	struct problem why;
};

/*
 * Judges all installed routes again if the networks of this host differ from those of the last
 * call, and removes those that may not stay. Calls removed() before each removal: a negative errno
 * means that the engine cannot be told, and the route stays until the next call. Returns true when
 * the networks have changed. Logs its failures.
 */
bool route_check_again(struct route_check *check,
	int (*removed)(void *context, const struct route_judged *judged), void *context);

#endif
