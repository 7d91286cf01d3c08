/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ON_LINK_H
#define CULVERT_NETD_ON_LINK_H

#include <stddef.h>

#include "base/addr.h"
#include "base/problem.h"
#include "netd/interfaces.h"

/*
 * Which networks and hosts a network namespace reaches directly, by links that are not Culvert's: what only
 * the kernel knows and netd/policy cannot. Nothing that a peer names may capture them. An address of a
 * tunnel in there would take the place of the router, the resolver or the printer that has it.
 *
 * The answers are those of one moment: the network may change right after. netd's only thread.
 */

/* The networks that a namespace is connected to; see on_link_read(). */
struct on_link {
	const struct interfaces *interfaces;
	const struct netns_id *netns;
	struct netlink_address *addresses;
	size_t count;
};

/*
 * Reads them. Borrows `interfaces` and `netns`, which is where `netlink` is. The caller frees with
 * on_link_free(). Negative errno of netlink_addresses(), with words.
 */
int on_link_read(struct on_link *on_link, const struct interfaces *interfaces,
	const struct netns_id *netns, struct netlink *netlink, struct problem *problem);
void on_link_free(struct on_link *on_link);

/*
 * -EADDRINUSE: the prefix is a network that the namespace is connected to otherwise, or, being longer, a
 * part of it; `why` names network and interface. A host's own address (a /32, a /128) is no network. A
 * prefix that is wider than the network is fine, as the kernel prefers the longer one. Else 0.
 */
int on_link_judge_route(
	const struct on_link *on_link, const struct prefix *prefix, struct problem *why);

/*
 * -EADDRINUSE: one of the four addresses (those of AF_UNSPEC are skipped) is inside a network that the
 * namespace is connected to otherwise, is an address of this host, the other end of somebody else's link,
 * or a gateway; `why` names it, and what has it. Two tunnels to one server have the same other end, which is
 * fine where the other one is a Culvert's: the first has it. 0: none is. Else what netlink_addresses() and
 * netlink_routes() return, with words: it is not known.
 */
int on_link_judge_addresses(const struct interfaces *interfaces, const struct netns_id *netns,
	struct netlink *netlink, const struct request_interface *wanted, struct problem *why);

#endif
