/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_POLICY_H
#define CULVERT_NETD_POLICY_H

#include "base/problem.h"
#include "base/route_rule.h"
#include "config/settings.h"
#include "netd/interfaces.h"
#include "wire/request.h"

/*
 * What an engine may ask for. Pure functions of netd's own copy of the configuration and of the
 * registry of what is there: they make nothing and log nothing. The engine is taken for subverted:
 * whatever it says, the host's own addresses, routes and interfaces stay out of its reach, and no
 * peer gets what the configuration gives to another.
 */

/* 0, or -EPERM with words that end the sentence "engine asked for …". */

int policy_socket(const struct settings *settings, uint8_t family, struct problem *problem);
int policy_interface(const struct settings *settings, const struct interfaces *live,
	const struct request_interface *wanted, struct problem *problem);
/* Its interface has to be live; that is the caller's to look. */
int policy_dns(
	const struct settings *settings, const struct request_dns *wanted, struct problem *problem);
int policy_exit(uint8_t code, struct problem *problem);

/*
 * The peer's interface: its name or template of names, and its network namespace. Borrows from the
 * settings.
 */
struct interface_place policy_interface_place(
	const struct settings *settings, const struct identity *peer);

/*
 * Whether the prefix may become a route to the live interface `own`. Others may have the same: their
 * metrics decide. The prefixes that are on-link here (ROUTE_LOCAL as well) only the kernel knows:
 * netd/on_link.
 */
enum route_verdict policy_route(
	const struct settings *settings, const struct interface *own, const struct prefix *prefix);

#endif
