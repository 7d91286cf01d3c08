/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NAT_H
#define CULVERT_NETD_NAT_H

#include "base/problem.h"
#include "config/settings.h"
#include "system/netlink_nft.h"

/*
 * `nat = true` of a server: what peers send from the pools' addresses gets this host's own address
 * where it leaves by an interface that is not one of Culvert's (INTERFACES_GROUP), so that networks
 * beyond, the internet first of all, can answer. What goes from peer to peer keeps its source, which
 * is what lane/reach knows it by.
 *
 * The table, culvert-nat-NAME, belongs to netd's socket: nobody else can change or flush it, and it
 * goes with netd, however that ends. An engine that is exchanged does not touch it. netd's only
 * thread.
 */

struct nat {
	struct netlink_nft *nft; /* NULL: not in force */
	char table[sizeof("culvert-nat-") + SETTINGS_NAME_MAX];
};

/*
 * Where the settings want it; else does nothing. Warns where this host does not forward. Errors are
 * those of netlink_nft_open() and netlink_nft_commit(), with words; nothing is in force then.
 */
int nat_start(struct nat *nat, const struct settings *settings, struct problem *problem);
void nat_stop(struct nat *nat); /* fine when it is not in force but zeroed */

#endif
