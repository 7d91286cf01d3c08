/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_QUEUES_H
#define CULVERT_SYSTEM_NETLINK_QUEUES_H

#include "system/netlink.h"

/*
 * Counts the queues of a TUN with IFF_MULTI_QUEUE, attached and detached, of any process
 * (IFLA_TUN_NUM_QUEUES, IFLA_TUN_NUM_DISABLED_QUEUES). Owner: that of netlink.h. On failure
 * *problem says why. -EOPNOTSUPP: the link is no such TUN. -ENODEV: no such link. Else the errors
 * of netlink.h.
 */
int netlink_link_queues(
	struct netlink *netlink, uint32_t index, uint32_t *ret_queues, struct problem *problem);

#endif
