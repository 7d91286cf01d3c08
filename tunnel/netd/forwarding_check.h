/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FORWARDING_CHECK_H
#define CULVERT_NETD_FORWARDING_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/finding.h"
#include "config/settings.h"
#include "system/netlink.h"

/*
 * Checks whether this host forwards between the tunnel and the networks that it announces. netd
 * calls it at start and `culvert doctor` at any time. It only reads and needs no privilege. Any
 * thread that has a netlink socket of its own.
 *
 * For IPv4 the kernel uses net.ipv4.conf.IF.forwarding of the interface that a packet comes in by.
 * For IPv6 it uses net.ipv6.conf.all.forwarding, for every interface, or IF's own force_forwarding
 * since Linux 6.17.
 */

enum { FORWARDING_LINKS_MAX = 64 }; /* interfaces that lead to announced prefixes, at most */

/* The interfaces that lead to the announced prefixes of one family. */
struct forwarding_links {
	char names[FORWARDING_LINKS_MAX][SETTINGS_IFNAME_MAX + 1];
	size_t count;
	size_t behind; /* announced prefixes that are more than this host's own addresses */
	size_t lost;   /* of these: those that no interface leads to now */
	bool anywhere; /* the default route is announced, or a prefix as wide */
	/* in that case: some of the names are interfaces of this host's own default routes */
	bool uplinks;
	bool between; /* peers reach each other through this host; the caller sets it */
	/* Culvert switches forwarding on for each interface that it makes; the caller sets it */
	bool switched;
};

/*
 * Finds them by this host's addresses and routes. A default route of the host counts only for an
 * announced default route. On failure (negative errno) the kernel could not be asked, and *problem
 * says why.
 */
int forwarding_find_links(struct netlink *netlink, const struct prefix_list *announced, int family,
	struct forwarding_links *ret_links, struct problem *problem);

/*
 * Adds a finding if packets of the family have to be forwarded: whether this host forwards them,
 * and where not. `tunnels` are the present interfaces of the tunnel; with none it checks "default",
 * which the next interface will inherit, unless `switched`. The finding's remedy is a command that changes the value
 * that is in force now. `root` as in system/sysctl.h.
 */
void forwarding_check(const char *root, const struct forwarding_links *links, int family,
	const char *const *tunnels, size_t tunnel_count, struct findings *findings);

#endif
