/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NETWORK_H
#define CULVERT_NETD_NETWORK_H

#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Reports changes of this host's links, addresses and routes. To a client they are its path to the
 * server, and it should not wait for a network that is lost. At both ends routes that were accepted
 * may be wrong in another network. Changes come in bursts (a link that
 * disappears takes its addresses and routes along), and a burst is reported once. netd's own
 * changes to its interfaces do not count. netd's only thread.
 */

enum {
	NETWORK_GATHER_MS = 50, /* from the first change of a burst to its report */
	/* the next report waits this many times as long as handling the last one took */
	NETWORK_PAUSE_TIMES = 10,
};

struct network {
	struct loop *loop;
	const struct interfaces *interfaces;
	struct netlink_monitor *monitor; /* NULL: not open */
	struct loop_watch watch;
	struct loop_timer gathering;
	/* of the next report, so that a million changing routes do not keep netd busy */
	struct mono not_before;
	void (*changed)(struct network *network);
};

/*
 * Starts watching. Borrows `loop` and `interfaces`. On failure (negative errno) *problem says why,
 * and changes are not noticed.
 */
int network_open(struct network *network, struct loop *loop, const struct interfaces *interfaces,
	void (*changed)(struct network *network), struct problem *problem);
/* Does nothing when *network is zeroed or opening failed. */
void network_close(struct network *network);

#endif
