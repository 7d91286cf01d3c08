/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_WATCH_H
#define CULVERT_SYSTEM_NETLINK_WATCH_H

#include <netlink/netlink.h>

#include <stdbool.h>

#include "base/problem.h"

/*
 * Shared by netlink_monitor and netlink_nft_monitor: a socket that receives the kernel's change
 * events. The thread that owns it reads it when it is readable.
 */

enum { NETLINK_WATCH_GROUPS_MAX = 12 };

struct netlink_watch_kind {
	const char *what; /* what is watched, for messages */
	int protocol;
	int groups[NETLINK_WATCH_GROUPS_MAX + 1]; /* ended by the first 0 */
	int optional;                             /* a group that older kernels lack; 0: none */
	nl_recvmsg_msg_cb_t on_event;             /* called for each message; returns NL_OK */
};

struct netlink_watch {
	struct nl_sock *sock;
	bool overrun; /* events were lost, and the buffer is not empty yet */
	bool lost;    /* events were lost since the owner last reset this */
	bool changed; /* on_event sets it during a read */
};

/*
 * `context` is for on_event. On failure *problem says why, and there is nothing to close. -ENOMEM,
 * or an error of socket(2), bind(2) or setsockopt(2).
 */
int netlink_watch_open(struct netlink_watch *watch, const struct netlink_watch_kind *kind,
	void *context, struct problem *problem);
void netlink_watch_close(struct netlink_watch *watch);

/*
 * Reads pending events up to a limit. *ret_changed: on_event has set `changed`, or the kernel
 * dropped messages, which may have been about anything; that is said once the buffer is empty, as
 * the kernel drops all until then. Negative errno.
 */
int netlink_watch_read(struct netlink_watch *watch, bool *ret_changed);

#endif
