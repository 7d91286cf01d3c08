/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_WATCH_H
#define CULVERT_SYSTEM_NETLINK_WATCH_H

#include <netlink/netlink.h>

#include <stdbool.h>

#include "base/problem.h"

/*
 * What netlink_monitor and netlink_nft_monitor share: a socket that hears of the kernel's changes, and
 * is emptied by the thread that owns it when it is readable.
 */

enum { NETLINK_WATCH_GROUPS_MAX = 8 };

struct netlink_watch_kind {
	const char *what; /* is watched, in words */
	int protocol;
	int groups[NETLINK_WATCH_GROUPS_MAX + 1]; /* up to the first 0 */
	nl_recvmsg_msg_cb_t on_event;             /* each message; returns NL_OK */
};

struct netlink_watch {
	struct nl_sock *sock;
	bool changed; /* for on_event to set, while it is being read */
};

/*
 * `context` is on_event's. -ENOMEM, or what socket(2), bind(2) and setsockopt(2) say, with words; then
 * there is nothing to close.
 */
int netlink_watch_open(struct netlink_watch *watch, const struct netlink_watch_kind *kind,
	void *context, struct problem *problem);
void netlink_watch_close(struct netlink_watch *watch);

/*
 * Reads what has come, but no more than a bound. *ret_changed: on_event has set `changed`, or the
 * kernel had to drop messages, which may have been about anything. Negative errno.
 */
int netlink_watch_read(struct netlink_watch *watch, bool *ret_changed);

#endif
