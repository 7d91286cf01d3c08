/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FORWARDING_H
#define CULVERT_NETD_FORWARDING_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "system/netlink.h"
#include "netd/tracked.h"
#include "system/sysctl.h"

/*
 * What netd does about forwarding. With `forwarding = true` it switches it on for the tunnel's
 * interfaces and those that lead to announced prefixes, and puts back what was there before at the
 * end. Else it looks whether forwarding is on, and warns once.
 *
 *   IPv4   net.ipv4.conf.IF.forwarding
 *   IPv6   net.ipv6.conf.IF.force_forwarding, where the kernel has it (Linux 6.17). Before that
 *          only net.ipv6.conf.all.forwarding does it, for every interface: the host becomes a
 *          router, which heeds router advertisements only where accept_ra is 2. So accept_ra goes
 *          from 1 to 2 first, or the host would lose the default route that it has learned.
 *
 * Values from before stand in a file beside the control socket while they are changed, so that the
 * next start puts back what a netd that was killed has left. The tunnel's interfaces take their
 * values with them. netd's only thread.
 */

#define FORWARDING_SUFFIX ".sysctl" /* the file: the control socket's path with this */

struct forwarding_change {
	char key[SYSCTL_KEY_MAX];
	int before, wanted;
};

struct forwarding {
	const char *root; /* of the keys; NULL: nothing is to be switched */
	const struct settings *settings;
	const struct tracked *tracked; /* NULL: nothing is */
	struct netlink *netlink;
	bool complete;                     /* an interface is known for every announced prefix */
	struct forwarding_change *changes; /* made, in their order */
	size_t count, capacity;
};

/*
 * Puts back what is left of a killed netd; then switches on, or checks. `root` as in
 * system/sysctl.h. Failures are logged: a tunnel is of use without forwarding. Borrows all.
 */
void forwarding_start(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root);
/* Another set is tracked; what it leads to is switched on as well. */
void forwarding_follow(struct forwarding *forwarding);
/* A tunnel's interface is there. */
void forwarding_join(struct forwarding *forwarding, const char *interface);
/* Puts everything back, and the file goes. Fine for one that is zeroed. */
void forwarding_stop(struct forwarding *forwarding);

#endif
