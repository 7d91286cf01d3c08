/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_GUARD_H
#define CULVERT_NETD_FULL_TUNNEL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/settings.h"
#include "netd/interfaces.h"
#include "system/netlink_nft.h"

/*
 * What policy rules cannot do for a full tunnel, done by a firewall table while it is in force:
 *
 * Lookups. A socket that names an interface (IP_UNICAST_IF, SO_BINDTODEVICE) goes past any policy rule.
 * systemd-resolved does that with each question to a resolver that it has from a network, and for
 * the domains that the network's DHCP names it asks there whatever the tunnel says. So DNS, and DNS over TLS,
 * leaves by the tunnel, to `bypass`, or not at all. With `use_dns = false` the resolvers are the user's business.
 *
 * The tunnel's addresses. Linux answers for them on every interface, and the check of sources
 * (netd/reverse_path) is off: a neighbour could find out which they are and meddle with connections inside
 * (CVE-2019-14899). What comes for them by another interface is dropped.
 *
 * The table belongs to netd's socket and goes with it. Where the kernel has no nf_tables a full tunnel is
 * in force without it, and the log says what that means. netd's only thread.
 */

#define FULL_TUNNEL_GUARD_TABLE "culvert-full-tunnel-"

struct full_tunnel_guard {
	const struct settings *settings; /* borrowed */
	struct netlink_nft *nft;         /* NULL: there is no table */
	uint32_t index;                  /* of the interface that it is for */
	struct addr local4, local6;      /* its addresses */
	bool told;                       /* that there can be none */
};

/* For this interface from now on. Logs what it cannot. */
void full_tunnel_guard_put(struct full_tunnel_guard *guard, const struct interface *interface);

/* The end. Fine when there is no table. */
void full_tunnel_guard_lift(struct full_tunnel_guard *guard);

#endif
