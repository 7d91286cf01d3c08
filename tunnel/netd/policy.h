/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_POLICY_H
#define CULVERT_NETD_POLICY_H

#include "base/problem.h"
#include "base/route_rule.h"
#include "config/settings.h"
#include "netd/interfaces.h"
#include "wire/request.h"

/*
 * Decides what an engine may ask for. These are pure functions of netd's own copy of the
 * configuration and of the registry of interfaces: they make nothing and log nothing. The engine is
 * assumed to be subverted. Whatever it asks for, it cannot reach the host's own addresses, routes
 * and interfaces, and no peer gets what the configuration gives to another.
 */

/* Return 0, or -EPERM; then *problem has the end of the sentence "engine asked for …". */

int policy_socket(const struct settings *settings, uint8_t family, struct problem *problem);
int policy_interface(const struct settings *settings, const struct interfaces *live,
	const struct request_interface *wanted, struct problem *problem);
/* The caller checks that the interface exists. */
int policy_dns(
	const struct settings *settings, const struct request_dns *wanted, struct problem *problem);
/* Only a client chooses the ends of its paths; a server's endpoints are those of all its clients. */
int policy_silent(const struct settings *settings, struct problem *problem);
/* Finds the target in this end's own configuration. */
int policy_probe(const struct settings *settings, const struct prefix *prefix,
	struct endpoint *ret_target, struct problem *problem);
int policy_exit(uint8_t code, struct problem *problem);

/*
 * Returns the name, or the template of names, and the network namespace of the peer's interface.
 * Borrows from the settings.
 */
struct interface_target policy_interface_target(
	const struct settings *settings, const struct identity *peer);

/*
 * Decides whether the prefix may become a route to the interface `own` of the registry. Other
 * interfaces may have the same prefix: their metrics decide. Only the kernel knows the prefixes
 * that are on-link here, so netd/on_link refuses those, also with ROUTE_LOCAL.
 */
enum route_verdict policy_route(
	const struct settings *settings, const struct interface *own, const struct prefix *prefix);

#endif
