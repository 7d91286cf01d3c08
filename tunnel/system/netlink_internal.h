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

/* What the files netlink*.c share. */

struct netlink_answer {    /* to the request in hand */
	uint32_t sequence; /* the request's */
	int error;         /* 0, or the kernel's negative errno */
	bool done;
	char text[160]; /* the kernel's own words (extended acknowledgement); may be empty */
};

struct netlink {
	struct nl_sock *sock;
	struct nl_cb *callbacks; /* those of netlink_talk(), which fill the answer */
	struct netlink_answer answer;
};

/*
 * Sends a built request and waits for its acknowledgement; frees the message. `build` is what the
 * builder returned: negative, a libnl error, the message is then not looked at. On error `problem`
 * becomes the kernel's words, for problem_prepend().
 */
int netlink_talk(
	struct netlink *netlink, int build, struct nl_msg *message, struct problem *problem);

/*
 * libnl's errors stand for errnos, several for one: good enough for words and the few cases that
 * matter.
 */
int netlink_errno(int nl_error);

/* The link's name, or its number where it has none (any more). */
void netlink_link_name(struct netlink *netlink, uint32_t index, char ret_name[static IFNAMSIZ]);

/* libnl's form of an address with a prefix length. NULL: no memory. Put with nl_addr_put(). */
struct nl_addr *netlink_to_nl(const struct addr *addr, uint8_t len);
/* -EAFNOSUPPORT: not an IP address. */
int netlink_from_nl(const struct nl_addr *nl, struct prefix *ret_prefix);

/*
 * Sends the request, of which the caller gives up ownership (NULL: no memory), and gives each message of the
 * answer to take(), which returns NL_OK. A libnl error; -NLE_DUMP_INTR: it changed meanwhile.
 */
int netlink_dump(
	struct netlink *netlink, struct nl_msg *message, nl_recvmsg_msg_cb_t take, void *context);

/*
 * Gives each message of the kernel's answer to take(), which may see routes that the query does not ask for
 * (older kernels) and returns NL_OK. A dump that is interrupted begins again, so routes may come twice.
 * Errors of netlink_routes().
 */
struct netlink_query;
int netlink_dump_routes(struct netlink *netlink, const struct netlink_query *query,
	nl_recvmsg_msg_cb_t take, void *context, struct problem *problem);

#endif
