/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ON_LINK_H
#define CULVERT_NETD_ON_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/problem.h"
#include "netd/interfaces.h"

/*
 * The networks and hosts that a network namespace reaches directly, by links that are not
 * Culvert's. Only the kernel knows them; netd/policy cannot. A prefix or address that a peer names
 * must not capture them: a tunnel's address among them would replace the router, the resolver or
 * the printer that has it.
 *
 * The answers are those of one moment; the network may change right after. netd's only thread.
 */

/* The networks that a namespace is connected to; on_link_read() fills it. */
struct on_link {
	const struct interfaces *interfaces;
	const struct netns_id *netns;
	struct netlink_address *addresses;
	size_t count;
};

/*
 * Reads the networks. Borrows `interfaces` and `netns`, the namespace of `netlink`. The caller
 * frees it with on_link_free(). Errors: those of netlink_addresses(). On failure *problem says why.
 */
int on_link_read(struct on_link *on_link, const struct interfaces *interfaces,
	const struct netns_id *netns, struct netlink *netlink, struct problem *problem);
void on_link_free(struct on_link *on_link);

/*
 * -EADDRINUSE: the prefix is a network that the namespace is connected to by another link, or a
 * part of such a network; *why names network and interface. A host's own address (a /32, a /128) is
 * no network. A prefix wider than the network is allowed, because the kernel prefers the longer
 * one. Returns 0 otherwise.
 */
int on_link_judge_route(
	const struct on_link *on_link, const struct prefix *prefix, struct problem *why);

/*
 * Returns true if the namespace is connected to exactly this network. The kernel prefers its own
 * route to it in the main table, whatever the metric of another.
 */
bool on_link_is_network(const struct on_link *on_link, const struct prefix *prefix);

/*
 * Returns 0 when none of the four addresses is in use; those of AF_UNSPEC are skipped. -EADDRINUSE:
 * one of them is inside a network that the namespace is connected to by another link. Or this host
 * has it, or a gateway, or the other end of another program's link. Then *why names it and its
 * user. Two tunnels to one server have the same peer address, and that is allowed: the first tunnel
 * has it. Else the errors of netlink_addresses() and netlink_routes(): *why has the reason, and the
 * answer is not known.
 */
int on_link_judge_addresses(const struct interfaces *interfaces, const struct netns_id *netns,
	struct netlink *netlink, const struct request_interface *wanted, struct problem *why);

#endif
