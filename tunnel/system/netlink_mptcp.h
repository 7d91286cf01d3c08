/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_MPTCP_H
#define CULVERT_SYSTEM_NETLINK_MPTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * The endpoints of the kernel's path manager for Multipath TCP, as `ip mptcp endpoint` shows them: the
 * addresses of this network namespace from which, or to which, connections get further paths. The
 * namespace is that of the thread that calls netlink_mptcp_open(). One owner.
 */

enum { NETLINK_MPTCP_MAX = 32 }; /* endpoints that are listed; further ones are omitted */

/* Flags of an endpoint, as in <linux/mptcp.h>. */
enum {
	NETLINK_MPTCP_SIGNAL = 1 << 0,  /* its address is announced to peers */
	NETLINK_MPTCP_SUBFLOW = 1 << 1, /* this end makes paths from its address */
};

struct netlink_mptcp;

struct netlink_mptcp_endpoint {
	struct addr addr;
	uint32_t link;  /* the index of the link that it is bound to; 0: none */
	uint32_t flags; /* as the kernel has them: signal, subflow, backup, … */
	uint16_t port;  /* 0: that of the connection */
	uint8_t id;
};

/* On failure *problem says why. -EOPNOTSUPP: this kernel has no MPTCP; -ENOMEM, -EIO. */
int netlink_mptcp_open(struct netlink_mptcp **ret_mptcp, struct problem *problem);
void netlink_mptcp_close(struct netlink_mptcp *mptcp);

/*
 * Lists the endpoints that the host's administrator has made. On failure *problem says why, and the
 * error is the kernel's.
 */
int netlink_mptcp_endpoints(struct netlink_mptcp *mptcp,
	struct netlink_mptcp_endpoint ret_endpoints[static NETLINK_MPTCP_MAX], size_t *ret_count,
	struct problem *problem);

/*
 * Removes the endpoint and adds it again, with the same number. The kernel closes the paths that begin
 * there, of every connection of the namespace, sends their data again over other paths, and tells the
 * peers. Then it tries to make new ones. Needs CAP_NET_ADMIN. -ENOENT: the endpoint is not there any
 * more, and nothing was changed. Another error can leave it removed; *problem says so.
 */
int netlink_mptcp_renew(struct netlink_mptcp *mptcp, const struct netlink_mptcp_endpoint *endpoint,
	struct problem *problem);

#endif
