/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FORWARDING_CHECK_H
#define CULVERT_NETD_FORWARDING_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/finding.h"
#include "config/settings.h"
#include "system/netlink.h"

/*
 * Does this host forward between the tunnel and the networks that it announces? netd asks at start
 * and `culvert doctor` at any time. Reads only, needs no privilege; for one thread with a netlink
 * socket of its own.
 *
 * The kernel asks, of the interface that a packet comes in by, net.ipv4.conf.IF.forwarding; for
 * IPv6 net.ipv6.conf.all.forwarding, whichever the interface, or, since Linux 6.17, IF's own
 * force_forwarding.
 */

enum { FORWARDING_LINKS_MAX = 64 }; /* interfaces that lead to announced prefixes, at most */

/* The interfaces behind which announced prefixes of one family are. */
struct forwarding_links {
	char names[FORWARDING_LINKS_MAX][SETTINGS_IFNAME_MAX + 1];
	size_t count;
	size_t behind; /* prefixes that are more than this host's own addresses */
	size_t lost;   /* of these: no interface leads there now */
	bool anywhere; /* the default route is announced, or something as wide */
	bool uplinks;  /* then: some of the names are what this host's own default routes lead by */
	bool between;  /* peers reach each other through this host; the caller's to say */
};

/*
 * Finds them by this host's addresses and routes. A default route leads to a default route that is
 * announced, and to nothing else in particular. Negative errno with words: the kernel cannot be asked.
 */
int forwarding_find_links(struct netlink *netlink, const struct prefix_list *announced, int family,
	struct forwarding_links *ret_links, struct problem *problem);

/*
 * Adds a finding, if anything of the family is to be forwarded. `tunnels`: the tunnel's interfaces
 * as they are; none: "default", which is what the next will be like. The cure is a command that
 * changes something as the host is now. `root` as in system/sysctl.h.
 */
void forwarding_check(const char *root, const struct forwarding_links *links, int family,
	const char *const *tunnels, size_t tunnel_count, struct findings *findings);

#endif
