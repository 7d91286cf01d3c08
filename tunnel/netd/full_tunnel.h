/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_H
#define CULVERT_NETD_FULL_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/rate.h"
#include "config/settings.h"
#include "netd/full_tunnel_guard.h"
#include "netd/interfaces.h"
#include "netd/reverse_path.h"
#include "system/loop.h"

/*
 * Full tunnel: everything but the outer connections themselves goes by a table of our own, which is
 * asked before the main one. So it does not matter what others put into the main table, a DHCP server
 * with 0.0.0.0/1 (CVE-2024-3661) or a local network that says it is 203.0.113.0/24; nor which network
 * the host is in, for the rules name none of it. For IPv4 and IPv6, with the priorities of number N
 * from FULL_TUNNEL_FIRST + 4 N on:
 *
 *	+0  to each of `bypass`, and to fe80::/10:  goto +2
 *	+1  without the outer mark:                 lookup table FULL_TUNNEL_FIRST + N
 *	+2  nop
 *
 * The table holds an unreachable default route for each family, and before it whatever the server
 * offers: so what the server does not offer does not leave in the clear, nor does anything while the
 * interface is gone. All routes of ours are in there, since the main table is not asked.
 *
 * From the first welcome until netd ends in good order no packet of this host leaves but by the tunnel, with the outer
 * mark, or to `bypass`. So three things come before the interface, and before netd judges what the welcome says: a firewall
 * table that holds everything back (netd/full_tunnel_guard), the claim, the rules. Where the rules cannot be, no interface
 * is made and the table stays closed until they can. Where there can be neither, netd ends: full_tunnel_holds().
 * They do not ask what the server offers or withdraws, whether the engine or the session lives, or
 * whether the network changes; what others remove is put back (full_tunnel_network_changed()).
 * When netd is killed the interface goes with its routes, but they stay; each carries Culvert's protocol
 * number. The next start of any Culvert in this network namespace removes them (full_tunnel_sweep()).
 *
 * A claim tells living ones from those that are left over: a TUN named FULL_TUNNEL_CLAIM and N, which
 * stays down and carries nothing. It is as wide as the tables, the kernel removes it when netd dies, and
 * nobody makes one without CAP_NET_ADMIN in this network namespace. A claim of Culvert's is never
 * something that any user can make, such as an abstract socket or a port. One that another program deletes is made again
 * at once, before the start of another Culvert takes the rules for left over; so are the rules. netd's only thread.
 *
 * Rules alone do not hold back a socket that is bound to another interface (SO_BINDTODEVICE): a kernel that finds no
 * route then takes every IPv4 address for a neighbour there. The firewall table does.
 */

#define FULL_TUNNEL_CLAIM "cvclaim"

enum {
	FULL_TUNNEL_FIRST = 25462,  /* of tables and of priorities: 0x6376, "cv" */
	FULL_TUNNEL_COUNT = 16,     /* at the same time in one network namespace */
	FULL_TUNNEL_PRIORITIES = 4, /* of each; the last is not in use */
};

struct full_tunnel {
	const struct settings *settings; /* borrowed, as are the interfaces */
	struct interfaces *interfaces;
	struct loop *loop;
	struct loop_watch claim; /* of the TUN; fd -1: there is none */
	struct loop_timer reclaim;
	uint32_t number;
	bool claimed;  /* the table is ours, also while the claim has to be made again */
	bool in_force; /* the rules are there */
	struct netlink_route peers[2]; /* to the other end's addresses; AF_UNSPEC: none */
	struct reverse_path reverse_path;
	struct full_tunnel_guard guard;
	struct rate warnings;
};

void full_tunnel_init(struct full_tunnel *full_tunnel, const struct settings *settings,
	struct interfaces *interfaces);
/* Before full_tunnel_enforce(): the loop that notices the end of a claim. Borrowed. */
void full_tunnel_run_in(struct full_tunnel *full_tunnel, struct loop *loop);

/*
 * A welcome has come: closes the firewall table, claims the routing table, into which all routes go from now on
 * (interfaces->table), and makes the rules. Does nothing where the settings want no full tunnel, and
 * when it is done. -EBUSY: all tables are in use; tun_open()'s and netlink's errors. With words; no rule
 * is there then, and the caller must not let the session carry anything.
 */
int full_tunnel_enforce(struct full_tunnel *full_tunnel, struct problem *problem);
/* Packets are held back, by rules or by the firewall table. False after full_tunnel_enforce() has failed: nothing can do it. */
bool full_tunnel_holds(const struct full_tunnel *full_tunnel);
/*
 * The tunnel is this interface, with the addresses that it has now. Does nothing where it is not in force.
 * Errors of full_tunnel_guard_let(), with words: the interface carries nothing.
 */
int full_tunnel_follow(struct full_tunnel *full_tunnel, const struct interface *interface,
	struct problem *problem);

/*
 * This host's links have changed, or its policy rules: systemd-networkd, for one, removes those of
 * others when it is started anew. What is missing is put back.
 */
void full_tunnel_network_changed(struct full_tunnel *full_tunnel);

/* The end in good order. Fine at any time after full_tunnel_init(). */
void full_tunnel_lift(struct full_tunnel *full_tunnel);

/*
 * Removes the rules and routes of those that are no more. How many places had some, or negative errno
 * with words. Leaves those of a netd that lives alone.
 */
int full_tunnel_sweep(struct netlink *netlink, struct problem *problem);

/*
 * A table whose rules are in force though its netd is no more; *ret_table 0: none. Needs no privilege.
 * Errors of netlink_rules(), with words.
 */
int full_tunnel_find_left(struct netlink *netlink, uint32_t *ret_table, struct problem *problem);

#endif
