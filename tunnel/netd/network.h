/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NETWORK_H
#define CULVERT_NETD_NETWORK_H

#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Watches this host's links, addresses and routes for a client, whose way to the server they are: a
 * network that is lost is not to be waited out. Changes come in bursts (a link that goes takes its
 * addresses and routes along) and are told once. What netd itself does to its interfaces is no
 * change. netd's only thread.
 */

enum {
	NETWORK_GATHER_MS = 50,   /* from the first change of a burst to the word about it */
	NETWORK_PAUSE_TIMES = 10, /* what was done about the last word took: not sooner again */
};

struct network {
	struct loop *loop;
	const struct interfaces *interfaces;
	struct netlink_monitor *monitor; /* NULL: not open */
	struct loop_watch watch;
	struct loop_timer gathering;
	struct mono
		not_before; /* the next word: a million routes that change are not read all the time */
	void (*changed)(struct network *network);
};

/* Borrows loop and interfaces. Negative errno with words: changes will not be noticed. */
int network_open(struct network *network, struct loop *loop, const struct interfaces *interfaces,
	void (*changed)(struct network *network), struct problem *problem);
/* Fine when it is not open but zeroed, or when opening failed. */
void network_close(struct network *network);

#endif
