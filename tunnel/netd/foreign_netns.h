/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FOREIGN_NETNS_H
#define CULVERT_NETD_FOREIGN_NETNS_H

#include "base/problem.h"
#include "config/settings.h"
#include "system/netlink.h"
#include "system/netns.h"

/*
 * A netlink socket in the foreign network namespace of an interface. The socket is open for the
 * length of one request, since it keeps the namespace alive: a user who deletes a namespace wants
 * its interfaces gone as well. netd enters through the interface's TUN descriptor, so a name that
 * now belongs to another namespace does not mislead it. netd's only thread.
 */

struct foreign_netns {
	struct netlink *netlink; /* NULL: none is entered */
	struct netns_id netns;   /* the entered namespace */
};

/*
 * Enters `netns`, the namespace of the interface with this TUN descriptor. Does nothing when it is
 * entered already, and leaves another one first. -ENODEV: the interface is gone; -EPERM:
 * CAP_SYS_ADMIN is missing; else the errors of netlink_open(). On failure *problem says why.
 */
int foreign_netns_enter(struct foreign_netns *foreign, int tun_fd, const struct netns_id *netns,
	struct problem *problem);

/*
 * Enters the namespace that `where` names (netns_open()). Where that is `home`, netd's own, it
 * enters nothing, and *ret_netns is all zero. Errors: those of netns_open() and netns_call(). On
 * failure *problem says why.
 */
int foreign_netns_enter_at(struct foreign_netns *foreign, const char *where,
	const struct netns_id *home, struct netns_id *ret_netns, struct problem *problem);

/*
 * Checks that the namespaces named in the configuration exist and that netd may enter them. A
 * client needs its namespace, so this returns netns_open()'s error or -EPERM, and *problem says
 * why. A server needs a peer's namespace only when that peer connects, so this only logs that it is
 * missing.
 */
int foreign_netns_check(const struct settings *settings, struct problem *problem);

/* Does nothing when none is entered. */
void foreign_netns_leave(struct foreign_netns *foreign);

#endif
