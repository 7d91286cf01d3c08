/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NAT_H
#define CULVERT_NETD_NAT_H

#include "base/problem.h"
#include "config/settings.h"
#include "netd/desired_item.h"
#include "system/netlink_nft.h"

/*
 * `nat = true` of a server: packets from the pools' addresses get this host's own address when they
 * leave by an interface that is not Culvert's (INTERFACES_GROUP). So networks beyond, above all the
 * internet, can answer. Packets from peer to peer keep their source, by which lane/filter
 * recognizes the peer.
 *
 * The table, culvert-nat-NAME, belongs to netd's netlink socket. No other program can change or
 * flush it, and it disappears with netd, however netd ends. An exchange of the engine does not
 * touch it. netd's only thread.
 */

struct nat {
	struct netlink_nft *nft; /* NULL: not in force */
	char table[sizeof("culvert-nat-") + SETTINGS_NAME_MAX];
	const struct settings *settings;
	struct desired_item item;
};

/*
 * Makes the table if the settings want it; otherwise ends an inherited one. Before that, `nft` may
 * have been inherited from the run before; else *nat is zeroed. Warns when this host does not
 * forward. Errors: those of netlink_nft_open() and netlink_nft_commit(). On failure *problem says
 * why, and nothing is in force. Borrows the settings.
 */
int nat_start(struct nat *nat, const struct settings *settings, struct problem *problem);
void nat_stop(struct nat *nat); /* Does nothing when *nat is zeroed. */

#endif
