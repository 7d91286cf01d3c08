/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_GUARD_H
#define CULVERT_NETD_FULL_TUNNEL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/interfaces.h"
#include "system/netlink_nft.h"

/*
 * What policy rules cannot do for a full tunnel, done by a firewall table. It is the first to come into force and the last to go:
 *
 * What leaves. Rules may be refused by the kernel or removed by another program, and a socket that names an interface
 * (IP_UNICAST_IF, SO_BINDTODEVICE) goes past any of them: systemd-resolved asks each question that way. So whatever this host
 * sends leaves by the tunnel, by loopback, to `bypass`, as an outer connection (TCP with the mark to a port, and where it is known the address, of `remotes` or `proxy`), gets an address (netd/getting_an_address),
 * or is refused and counted; lookups are counted by themselves. Link-local addresses are no exception: a router's resolver has one.
 * What this host forwards is held to the same, since no rule holds it back between a removal and netd's answer. Only what
 * goes from a bridge to a bridge is left to the rules while these are in force: br_netfilter shows what one bridge passes
 * between its own ports in that way.
 *
 * The tunnel's addresses. Linux answers for them on every interface, and the check of sources
 * (netd/reverse_path) is off: a neighbour could find out which they are and meddle with connections inside
 * (CVE-2019-14899). What comes for them by another interface is dropped.
 *
 * The table belongs to netd's socket and goes with it. Where the kernel has no nf_tables the rules alone
 * hold packets back, and the log says what that means. netd's only thread.
 */

#define FULL_TUNNEL_GUARD_TABLE "culvert-full-tunnel-"

struct full_tunnel_guard {
	const struct settings *settings; /* borrowed */
	struct netlink_nft *nft;         /* NULL: there is no table */
	bool rules;                      /* policy rules are in force, too */
	uint32_t index;                  /* of the tunnel's interface; 0: none yet */
	struct addr local4, local6;      /* its addresses */
	bool told;                       /* that there can be none */
};

/*
 * In force from now on, and nothing leaves by a tunnel yet. `rules`: policy rules hold packets back as well. Fine when it
 * is in force: the tunnel stays what it is. Errors of netlink_nft_open() and netlink_nft_commit(), with words:
 * it is as before.
 */
int full_tunnel_guard_close(struct full_tunnel_guard *guard, bool rules, struct problem *problem);

/* The tunnel is this interface from now on. Errors as full_tunnel_guard_close(); -ENODEV: it is not in force. */
int full_tunnel_guard_let(struct full_tunnel_guard *guard, const struct interface *interface,
	struct problem *problem);

/* The end. Fine when there is no table. */
void full_tunnel_guard_lift(struct full_tunnel_guard *guard);

#endif
