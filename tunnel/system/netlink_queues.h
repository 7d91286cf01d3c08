/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_QUEUES_H
#define CULVERT_SYSTEM_NETLINK_QUEUES_H

#include "system/netlink.h"

/*
 * How many queues a TUN with IFF_MULTI_QUEUE has, whoever opened them: those that are attached and
 * those that are detached (IFLA_TUN_NUM_QUEUES, IFLA_TUN_NUM_DISABLED_QUEUES). Same owner as
 * netlink.h. -EOPNOTSUPP: the link is no such TUN; -ENODEV: there is none; else as netlink.h; with
 * words.
 */
int netlink_link_queues(
	struct netlink *netlink, uint32_t index, uint32_t *ret_queues, struct problem *problem);

#endif
