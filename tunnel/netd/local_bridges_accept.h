/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_LOCAL_BRIDGES_ACCEPT_H
#define CULVERT_NETD_LOCAL_BRIDGES_ACCEPT_H

#include <stdint.h>

#include "netd/local_bridges.h"
#include "system/netlink_nft.h"

/*
 * The rules for the networks of local bridges in the firewall tables of kill_switch.h and
 * full_tunnel_guard.h. `local` may be NULL: no rules. The batch is borrowed, as are the names, until
 * its commit.
 */

/*
 * Accepts packets to a network by its own link alone: packets to the same addresses that take any
 * other link leave the host. Accepts what all hosts of the link are sent (DHCP, neighbour
 * discovery), too.
 */
void local_bridges_accept(const struct local_bridges *local, struct netlink_nft_batch *batch,
	const char *table, const char *chain);

/*
 * Drops packets that come in by the tunnel with the address of a container: the answer would go to
 * the container.
 */
void local_bridges_refuse_from(const struct local_bridges *local, uint32_t tunnel,
	struct netlink_nft_batch *batch, const char *table, const char *chain);

#endif
