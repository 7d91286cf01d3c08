/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_DIAG_H
#define CULVERT_SYSTEM_NETLINK_DIAG_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * Asks the kernel for the TCP connections of this network namespace, by sock_diag(7). Needs
 * CAP_NET_ADMIN, since marks are shown to nobody else. Any thread.
 */

enum { NETLINK_DIAG_MAX = 65536 }; /* connections that are shown; the rest is left out */

enum netlink_diag_which {
	/*
	 * Those that stand, and those that this host is opening. One that another host is opening is
	 * not among them, because its source may be forged.
	 */
	NETLINK_DIAG_PROVEN,
	/* Those that are being opened by either end: nobody has answered yet, and sources may be forged. */
	NETLINK_DIAG_OPENING,
};

/*
 * The other ends of these connections whose socket has a firewall mark that is `mark` under `mask`,
 * whichever program has the socket. An address comes once for each connection. IPv4 in an IPv6 socket
 * is shown as IPv4.
 *
 * Appends to *addrs, which grows by realloc(3); the caller frees it, on failure as well.
 * -EOPNOTSUPP: this kernel has no sock_diag for TCP; -EPERM, -ENOMEM, -EIO. With words.
 */
int netlink_diag_connections(enum netlink_diag_which which, uint32_t mark, uint32_t mask,
	struct addr **addrs, size_t *count, struct problem *problem);

#endif
