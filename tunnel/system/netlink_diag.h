/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_DIAG_H
#define CULVERT_SYSTEM_NETLINK_DIAG_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * Asks the kernel for the TCP connections of this network namespace, by sock_diag(7). Needs
 * CAP_NET_ADMIN, without which the kernel hides marks. Any thread.
 */

enum { NETLINK_DIAG_MAX = 65536 }; /* connections in an answer; further ones are omitted */

enum netlink_diag_which {
	/*
	 * Established connections, and those that this host opens. A connection that another host
	 * opens is excluded, because its source may be forged.
	 */
	NETLINK_DIAG_PROVEN,
	/* Connections that either end opens: no answer has come yet, and sources may be forged. */
	NETLINK_DIAG_OPENING,
};

/*
 * Finds the connections whose socket has the firewall mark `mark` under `mask`, of any program, and
 * appends their remote addresses. An address comes once for each connection. IPv4 in an IPv6 socket
 * becomes IPv4.
 *
 * *addrs grows by realloc(3); the caller frees it, on failure as well. On failure *problem says
 * why. -EOPNOTSUPP: this kernel has no sock_diag for TCP; -EPERM, -ENOMEM, -EIO.
 */
int netlink_diag_connections(enum netlink_diag_which which, uint32_t mark, uint32_t mask,
	struct addr **addrs, size_t *count, struct problem *problem);

#endif
