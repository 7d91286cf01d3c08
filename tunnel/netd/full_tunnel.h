/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_H
#define CULVERT_NETD_FULL_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/rate.h"
#include "config/settings.h"
#include "netd/bequest.h"
#include "netd/desired_item.h"
#include "netd/full_tunnel_guard.h"
#include "netd/interfaces.h"
#include "netd/local_bridges.h"
#include "netd/reverse_path.h"
#include "system/loop.h"

/*
 * Full tunnel: all packets except those of outer connections are routed by a table of netd's own,
 * before the main table. So routes in the main table do not matter, such as a DHCP server's
 * 0.0.0.0/1 (CVE-2024-3661) or a local network that claims 203.0.113.0/24. The host may also change
 * networks, because no rule names one. The full tunnels of a network namespace are numbered from 0.
 * Number N has these rules for IPv4 and IPv6, with priorities from FULL_TUNNEL_FIRST + 4 N on:
 *
 *	+0  to each of `bypass`, and to fe80::/10:  goto +2
 *	+0  with the mark of answer_inbound:        goto +2
 *	+1  without the outer mark:                 lookup table FULL_TUNNEL_FIRST + N
 *	+2  nop
 *
 * The table has an unreachable default route for each family, and the routes that the server
 * offers. So packets for anything that the server does not offer are refused, and so are all
 * packets while the interface is missing. All of netd's routes are in this table, since the main
 * one is not asked. It also has the networks of this host's own containers (netd/local_bridges),
 * as routes to their bridges: no route of the main table can lead their packets elsewhere.
 *
 * From the first welcome until netd ends in good order, packets leave this host only by the tunnel,
 * with the outer mark, or to `bypass`. So netd makes three things before it judges the welcome and
 * makes the interface: a firewall table that holds all packets back (netd/full_tunnel_guard), the
 * claim, and the rules. While the rules cannot be made, netd makes no interface and the firewall
 * table stays closed. If netd can make neither, it ends: full_tunnel_holds(). The rules and the
 * table stay through every change of routes, engine, session or network; netd restores what other
 * programs remove (netd/desired_state). When netd is killed, the kernel removes the
 * interface and its routes, but not the rules and the other routes. All carry Culvert's protocol
 * number, and the next start of any Culvert in this network namespace removes them
 * (full_tunnel_sweep()).
 *
 * A claim distinguishes rules in use from leftovers. It is a TUN named FULL_TUNNEL_CLAIM and N,
 * which stays down and carries nothing. Like the tables it belongs to one network namespace, and
 * the kernel removes it when netd dies. Making one needs CAP_NET_ADMIN there, so no ordinary user
 * can, unlike an abstract socket or a port. When another program deletes the claim, netd makes it
 * again at once, before another Culvert that starts could take the rules for leftovers; it restores
 * the rules, too. netd's only thread.
 *
 * Rules alone do not hold back a socket that is bound to another interface (SO_BINDTODEVICE): a
 * kernel that finds no route then assumes that every IPv4 address is a neighbour there. The
 * firewall table holds these packets back.
 */

#define FULL_TUNNEL_CLAIM "cvclaim"

enum {
	FULL_TUNNEL_FIRST = 25462,  /* of tables and of priorities: 0x6376, "cv" */
	FULL_TUNNEL_COUNT = 16,     /* at the same time in one network namespace */
	FULL_TUNNEL_PRIORITIES = 4, /* for each N; the last is not in use */
};

struct full_tunnel {
	const struct settings *settings; /* borrowed, as are the interfaces */
	struct interfaces *interfaces;
	struct local_bridges *local;                             /* borrowed; NULL: none */
	struct local_network routed[LOCAL_BRIDGES_NETWORKS_MAX]; /* whose routes the table has */
	size_t routed_count;
	struct loop *loop;
	struct loop_watch claim; /* of the TUN; fd -1: there is none */
	struct loop_timer reclaim;
	uint32_t number;
	bool claimed;  /* the table is ours, also while the claim has to be made again */
	bool in_force; /* the rules are in force */
	struct netlink_route peers[2]; /* to the peer's addresses in the tunnel; AF_UNSPEC: none */
	struct reverse_path reverse_path;
	struct full_tunnel_guard guard;
	struct desired_item item; /* rules and the routes of the table that are not a peer's */
	bool without6;            /* this kernel routes no IPv6 */
	struct rate warnings;     /* about the claim */
};

void full_tunnel_init(struct full_tunnel *full_tunnel, const struct settings *settings,
	struct interfaces *interfaces);
/*
 * Gives the module the loop that reports the end of a claim. Borrowed. Call it before
 * full_tunnel_enforce().
 */
void full_tunnel_run_in(struct full_tunnel *full_tunnel, struct loop *loop);
/* Leaves the networks of local bridges alone. Borrowed. Call it before full_tunnel_enforce(). */
void full_tunnel_leave_alone(struct full_tunnel *full_tunnel, struct local_bridges *local);

/*
 * Puts full tunnel in force when a welcome has come: closes the firewall table, claims the routing
 * table, and makes the rules. From then on all routes go into that table (interfaces->table). Does
 * nothing where the settings want no full tunnel, or when it is in force already. -EBUSY: all
 * tables are in use; else the errors of tun_open() and netlink. On failure *problem says why, no
 * rule exists, and the caller must not let the session carry packets.
 */
int full_tunnel_enforce(struct full_tunnel *full_tunnel, struct problem *problem);
/*
 * Returns true while the rules or the firewall table hold packets back. False after
 * full_tunnel_enforce() has failed means that neither can.
 */
bool full_tunnel_holds(const struct full_tunnel *full_tunnel);
/*
 * Makes this interface the tunnel, with its present addresses. Does nothing when full tunnel is not
 * in force. Errors: those of full_tunnel_guard_open_for(). On failure *problem says why, and the
 * interface carries nothing.
 */
int full_tunnel_follow(struct full_tunnel *full_tunnel, const struct interface *interface,
	struct problem *problem);

/*
 * This host's links have changed: switches off the check of sources on new ones, and tries again to
 * close a firewall table that could not be made.
 */
void full_tunnel_network_changed(struct full_tunnel *full_tunnel);

/*
 * The networks of local bridges have changed: takes over those of now. Logs its failures.
 */
void full_tunnel_local_changed(struct full_tunnel *full_tunnel);

/*
 * For a restart, in which packets are held back all the time. netd/full_tunnel_bequest describes the
 * full tunnel for the next run.
 *
 * leave: ends this module, and leaves in force what the next run has or can take over.
 * inherit: takes over what the run before has left in force, with the claim's descriptor and the
 * firewall table's socket; both are this module's from then on, also after a failure. -1, NULL: none.
 * Call it where the settings want a full tunnel no longer, too: full_tunnel_lift() then ends it.
 * adapt: brings rules and firewall table to the settings of now, when the local bridges are known.
 * `link`: the interface that was the tunnel is still there. Errors: those of full_tunnel_enforce().
 * On failure *problem says why.
 */
void full_tunnel_leave(struct full_tunnel *full_tunnel);
int full_tunnel_inherit(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest,
	int claim_fd, struct netlink_nft *guard, struct problem *problem);
int full_tunnel_adapt(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest,
	bool link, struct problem *problem);

/*
 * The settings have changed, and want a full tunnel as before: takes over `bypass`,
 * `answer_inbound` and the remotes of now. Packets are held back meanwhile as before. Logs its
 * failures, and then netd/desired_state tries again.
 */
void full_tunnel_settings_changed(struct full_tunnel *full_tunnel);

/* Ends full tunnel in good order. May be called at any time after full_tunnel_init(). */
void full_tunnel_lift(struct full_tunnel *full_tunnel);

/*
 * Removes the rules and routes of programs that have ended, and leaves those of a netd that lives.
 * Returns how many tables had some, or a negative errno, and *problem says why.
 */
int full_tunnel_sweep(struct netlink *netlink, struct problem *problem);

/*
 * Finds a table whose rules are in force although its netd has ended; *ret_table 0: none. Needs no
 * privilege. Errors: those of netlink_rules(). On failure *problem says why.
 */
int full_tunnel_find_left(struct netlink *netlink, uint32_t *ret_table, struct problem *problem);

#endif
