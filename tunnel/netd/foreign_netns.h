/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FOREIGN_NETNS_H
#define CULVERT_NETD_FOREIGN_NETNS_H

#include "base/problem.h"
#include "config/settings.h"
#include "system/netlink.h"
#include "system/netns.h"

/*
 * A netlink socket in the network namespace of one of our interfaces that is not here. It is open
 * for the length of one request, as an open one would keep the namespace alive: who deletes a
 * namespace wants its interfaces gone as well. The way in is the interface itself, so that a name that
 * has been given to another namespace meanwhile leads nobody astray. netd's only thread.
 */

struct visit {
	struct netlink *netlink; /* NULL: none is under way */
	struct netns_id netns;   /* where it is */
};

/*
 * Goes to where the interface with this TUN descriptor is, `netns`; a visit that is under way there is
 * gone on with, another one ends. -ENODEV: the interface is gone; -EPERM: CAP_SYS_ADMIN is missing;
 * netlink_open()'s errors. With words.
 */
int foreign_netns_enter(
	struct visit *visit, int tun_fd, const struct netns_id *netns, struct problem *problem);

/*
 * Goes to the namespace that `where` tells (netns_open()). `home` is our own: it needs no visit, and *ret_netns is
 * all zero then. Errors of netns_open() and netns_call(), with words.
 */
int foreign_netns_enter_at(struct visit *visit, const char *where, const struct netns_id *home,
	struct netns_id *ret_netns, struct problem *problem);

/*
 * Are the namespaces there that the configuration names, and may we enter them? A client without its own
 * has nothing to do: netns_open()'s error, or -EPERM, with words. One peer of a server may come when its
 * own is there: that is logged.
 */
int foreign_netns_check(const struct settings *settings, struct problem *problem);

/* Fine when none is under way. */
void foreign_netns_leave(struct visit *visit);

#endif
