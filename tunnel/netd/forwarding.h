/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FORWARDING_H
#define CULVERT_NETD_FORWARDING_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/interfaces.h"
#include "system/netlink.h"
#include "netd/tracked.h"
#include "system/sysctl.h"

/*
 * Switches forwarding on or checks it. With `forwarding = true` netd switches it on for the
 * tunnel's interfaces and for those that lead to announced prefixes, and restores the former values
 * at the end. Otherwise netd checks whether forwarding is on, and warns once.
 *
 *   IPv4   net.ipv4.conf.IF.forwarding
 *   IPv6   net.ipv6.conf.IF.force_forwarding, where the kernel has it (Linux 6.17). Older kernels
 *          only have net.ipv6.conf.all.forwarding, for every interface: it makes the host a router,
 *          which accepts router advertisements only where accept_ra is 2. So netd sets accept_ra
 *          from 1 to 2 first, or the host would lose the default route that it has learned.
 *
 * While values are changed, a file beside the control socket has the former ones, so that the next
 * start restores what a killed netd has left. A tunnel's interface loses its values when it is
 * deleted. netd's only thread.
 */

#define FORWARDING_SUFFIX ".sysctl" /* the file's name: the control socket's path with this */

struct forwarding_change {
	char key[SYSCTL_KEY_MAX];
	int before, wanted;
};

struct forwarding {
	const char *root; /* of the keys; NULL: nothing is to be switched on */
	const struct settings *settings;
	const struct tracked *tracked; /* NULL: no network is tracked */
	struct netlink *netlink;
	bool complete;                     /* an interface is known for every announced prefix */
	struct forwarding_change *changes; /* the changes made, in their order */
	size_t count, capacity;
	const struct interfaces *interfaces; /* NULL: none; a caller that has some sets it */
	struct desired_item item;
};

/*
 * Restores the leftovers of a killed netd; then switches forwarding on, or checks it. `root` as in
 * system/sysctl.h. Failures are logged, because a tunnel is of use without forwarding. Borrows all
 * arguments.
 */
void forwarding_start(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root);
/*
 * For a restart, in which forwarding stays on. leave: ends this module without restoring anything.
 * take_over: as forwarding_start(), but takes what the file has for changes that are in force, where
 * the settings still want forwarding.
 */
void forwarding_leave(struct forwarding *forwarding);
void forwarding_take_over(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root);
/*
 * The tracked prefixes have changed: switches forwarding on for the interfaces that lead to them,
 * too.
 */
void forwarding_follow(struct forwarding *forwarding);
/* A tunnel's interface has been made: switches forwarding on for it. */
void forwarding_join(struct forwarding *forwarding, const char *interface);
/* Restores all values and removes the file. Does nothing when *forwarding is zeroed. */
void forwarding_stop(struct forwarding *forwarding);

#endif
