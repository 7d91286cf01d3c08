/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_GUARD_H
#define CULVERT_NETD_FULL_TUNNEL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/interfaces.h"
#include "netd/local_bridges.h"
#include "system/netlink_nft.h"

/*
 * The firewall table of a full tunnel, for what policy rules cannot do. It is the first part to
 * come into force and the last to be removed. It covers two directions:
 *
 * Outgoing packets. The kernel may refuse the rules or another program may remove them. A socket
 * that names an interface (IP_UNICAST_IF, SO_BINDTODEVICE) bypasses all rules: systemd-resolved
 * sends each question that way. So the table accepts packets of this host only by the tunnel, by
 * loopback, to `bypass`, in an outer connection, or to get an address (netd/getting_an_address). An
 * outer connection is TCP with the mark to a port of `remotes` or `proxy`, and to the address where
 * it is known. All other packets are refused and counted, and DNS lookups have a counter of their
 * own. Link-local addresses are no exception: a router's resolver has one.
 *
 * Forwarded packets obey the same rules, because no policy rule holds them back between its removal
 * and netd's reaction. While policy rules are in force, the table accepts packets from one bridge
 * to a bridge: br_netfilter presents what a bridge passes between its own ports in that way.
 *
 * Incoming packets. Linux answers for the tunnel's addresses on every interface, and the check of
 * sources (netd/reverse_path) is off: a neighbour could find out the addresses and interfere with
 * connections inside (CVE-2019-14899). So the table drops packets for these addresses that come in
 * by another interface.
 *
 * The table belongs to netd's netlink socket and disappears with it. Where the kernel has no
 * nf_tables the rules alone hold packets back, and netd logs what that means. netd's only thread.
 */

#define FULL_TUNNEL_GUARD_TABLE "culvert-full-tunnel-"

struct full_tunnel_guard {
	const struct settings *settings;   /* borrowed */
	const struct local_bridges *local; /* borrowed; NULL: none */
	struct netlink_nft *nft;           /* NULL: there is no table */
	bool rules;                        /* policy rules are in force, too */
	uint32_t index;                    /* of the tunnel's interface; 0: none yet */
	struct addr local4, local6;        /* the tunnel's addresses */
	bool logged;                       /* that there can be no table */
	struct desired_item item;
};

/* Begins without a table. Borrows the settings. */
void full_tunnel_guard_init(struct full_tunnel_guard *guard, const struct settings *settings);

/*
 * Puts the table in force, with no tunnel to leave by at first. `rules`: policy rules hold packets
 * back as well. If the table is in force already, the tunnel stays as it is. Errors: those of
 * netlink_nft_open() and netlink_nft_commit(). On failure *problem says why, and nothing has
 * changed.
 */
int full_tunnel_guard_close(struct full_tunnel_guard *guard, bool rules, struct problem *problem);

/*
 * Makes this interface the tunnel. -ENODEV: the table is not in force; else errors as
 * full_tunnel_guard_close().
 */
int full_tunnel_guard_open_for(struct full_tunnel_guard *guard, const struct interface *interface,
	struct problem *problem);

/*
 * The networks of local bridges have changed. Does nothing without a table. Errors as
 * full_tunnel_guard_close().
 */
int full_tunnel_guard_renew(const struct full_tunnel_guard *guard, struct problem *problem);

/* Removes the table. Does nothing when there is none. */
void full_tunnel_guard_lift(struct full_tunnel_guard *guard);

#endif
