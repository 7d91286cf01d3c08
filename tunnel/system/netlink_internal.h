/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_INTERNAL_H
#define CULVERT_SYSTEM_NETLINK_INTERNAL_H

#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/* Shared by the netlink*.c files, which alone include it. */

/* To the current request. */
struct netlink_answer {
	uint32_t sequence; /* of the request */
	int error;         /* 0, or the kernel's negative errno */
	bool done;
	char text[160]; /* the kernel's text (extended acknowledgement); may be empty */
};

struct netlink {
	struct nl_sock *sock;
	struct nl_cb *callbacks; /* of netlink_talk(); they fill the answer */
	struct netlink_answer answer;
};

/* netlink_open() for another protocol than NETLINK_ROUTE. */
int netlink_open_protocol(int protocol, struct netlink **ret_netlink, struct problem *problem);

/*
 * Sends a request, waits for its acknowledgement and frees the message. `build` is the builder's
 * result: if it is negative, a libnl error, the message is ignored. On failure *problem has the
 * kernel's text, for problem_prepend().
 */
int netlink_talk(
	struct netlink *netlink, int build, struct nl_msg *message, struct problem *problem);

/*
 * Translates libnl's error to an errno. Several errnos share one libnl error; that suffices for
 * texts and for the few cases that matter.
 */
int netlink_errno(int nl_error);

/* Writes the link's name, or its number if it has no name any more. */
void netlink_link_name(struct netlink *netlink, uint32_t index, char ret_name[static IFNAMSIZ]);

/*
 * Makes libnl's form of an address with a prefix length. The caller frees it with nl_addr_put().
 * NULL: no memory.
 */
struct nl_addr *netlink_to_nl(const struct addr *addr, uint8_t len);
/* -EAFNOSUPPORT: not an IP address. */
int netlink_from_nl(const struct nl_addr *nl, struct prefix *ret_prefix);

/*
 * Sends the request, which it takes and frees (NULL: no memory), and calls take() for each message
 * of the answer. take() returns NL_OK. Returns a libnl error; -NLE_DUMP_INTR: the state changed
 * meanwhile.
 */
int netlink_dump(
	struct netlink *netlink, struct nl_msg *message, nl_recvmsg_msg_cb_t take, void *context);

/*
 * Calls take() for each message of the kernel's answer; take() returns NL_OK. Older kernels also
 * send routes outside the query. An interrupted dump starts again, so routes may come twice.
 * Errors: those of netlink_routes().
 */
struct netlink_query;
int netlink_dump_routes(struct netlink *netlink, const struct netlink_query *query,
	nl_recvmsg_msg_cb_t take, void *context, struct problem *problem);

#endif
