/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_LOCAL_BRIDGES_H
#define CULVERT_NETD_LOCAL_BRIDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/needs.h"
#include "system/netlink_links.h"

/*
 * The networks of this host's own containers and virtual machines (`bypass_local_bridges`). A full
 * tunnel and a kill switch leave them alone, because a packet to them does not leave the host.
 *
 * A local link is one that has no way to the outside:
 *  - a bridge, all of whose ports are veth, TUN or TAP, or dummy links (docker0, podman0, virbr0),
 *    or that has no port;
 *  - a veth that is no port of a bridge, as some container networks use them.
 * Any other port, such as a network card, a VLAN or a bond, leads outside. So does a veth whose
 * other end is a port of something here: it joins two bridges. And so does a link
 *  - that is itself a port;
 *  - by which a route with a gateway leads, in any table: a container's eth0 is a veth, too;
 *  - by which a route leads that is wider than /8;
 *  - on which the other end of an outer connection is.
 *
 * The networks of a local link are the destinations that the main table has directly on it. The
 * answer is that of one moment; netd asks again when its network changes. netd's only thread.
 */

enum {
	LOCAL_BRIDGES_NETWORKS_MAX = 32, /* more are left out, with a warning */
};

struct local_network {
	uint32_t link;
	struct prefix prefix;
};

struct local_bridges {
	/* Borrowed. */
	const struct settings *settings;
	struct netlink *netlink;
	/* Called when the networks have changed. */
	void (*changed)(struct local_bridges *local);
	struct local_network networks[LOCAL_BRIDGES_NETWORKS_MAX]; /* sorted */
	size_t count;
	bool logged_limit, logged_failure;
};

/*
 * Begins without any network. They stay none where the settings do not want them, or nothing on
 * this host is held back.
 */
void local_bridges_init(struct local_bridges *local, const struct settings *settings,
	struct netlink *netlink, void (*changed)(struct local_bridges *local));

/*
 * Asks the kernel again, and calls changed() if the networks are others now. Where the kernel cannot
 * be asked there are none. Logs its failures.
 */
void local_bridges_refresh(struct local_bridges *local);

/* Returns true if this is one of the networks now. Accepts NULL. */
bool local_bridges_have(
	const struct local_bridges *local, uint32_t link, const struct prefix *prefix);

/* ---- the decision, also for doctor and for the unit test ---- */

/* The kernel's state. `routes` has those of all tables; `outer` the ends of outer connections. */
struct local_bridges_host {
	const struct netlink_link *links;
	size_t link_count;
	const struct netlink_seen_route *routes;
	size_t route_count;
	const struct needs *outer; /* NULL: none */
};

/* Returns true if the link has no way to the outside. */
bool local_bridges_is_local(const struct local_bridges_host *host, uint32_t link);

/*
 * Writes the networks of local links, sorted, without those inside `except`. Returns how many there
 * are, also where that is more than fit.
 */
size_t local_bridges_find(const struct local_bridges_host *host, const struct prefix_list *except,
	struct local_network out[static LOCAL_BRIDGES_NETWORKS_MAX]);

/* Asks the kernel whether a link is local; false also when it cannot be asked. For doctor. */
bool local_bridges_ask(struct netlink *netlink, uint32_t link);

#endif
