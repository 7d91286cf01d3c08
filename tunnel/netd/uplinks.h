/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_UPLINKS_H
#define CULVERT_NETD_UPLINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"
#include "system/netlink_mptcp.h"

/*
 * Tells the kernel when an uplink of Multipath TCP is lost, and when it is back. The kernel's path
 * manager does not watch links: a path over a link without carrier is tried until its timers
 * expire, for a second or more, and a path that was lost is not made again.
 *
 * An endpoint (`ip mptcp endpoint`) works while its link is up, has a carrier, and has its address.
 * When that changes in either direction, netd removes the endpoint and adds it again at once, with
 * all that the administrator has set. So the kernel sends the data of lost paths over others and
 * tells the peers, which do the same; and it makes the paths again when the link is back. That
 * holds for every MPTCP connection of the network namespace from that address, also of other
 * programs: their paths are lost, too. The endpoints are the administrator's, so netd/desired_state
 * holds none of them: one that another program removes stays removed. netd's only thread.
 */

enum {
	UPLINKS_GATHER_MS = 20, /* from the first change of a burst to the check */
	/* the next check waits this many times as long as the last one took */
	UPLINKS_PAUSE_TIMES = 10,
	/* A path from a link that is back may take so long to open. */
	UPLINKS_OPENING_MS = 4000,
	UPLINKS_SILENT_MS = 30000, /* an endpoint is not made again for silence more often */
};

struct uplinks_endpoint {
	struct addr addr;
	bool works;
	struct mono patient_until; /* 0: it has not been silent */
};

/* What the last check saw. */
struct uplinks_seen {
	struct uplinks_endpoint endpoints[NETLINK_MPTCP_MAX];
	size_t count;
};

struct uplinks {
	struct loop *loop;
	const struct interfaces *interfaces;
	struct netlink *netlink;
	struct netlink_mptcp *mptcp;
	struct netlink_monitor *monitor; /* NULL: not open */
	struct loop_watch watch;
	struct loop_timer gathering;
	struct mono not_before;
	struct uplinks_seen seen;
	bool logged; /* that a check failed */
};

/*
 * Starts watching. Borrows the rest. On failure (negative errno) *problem says why, and *uplinks is
 * as if zeroed.
 */
int uplinks_open(struct uplinks *uplinks, struct loop *loop, struct netlink *netlink,
	const struct interfaces *interfaces, struct problem *problem);
/* Does nothing when *uplinks is zeroed or opening failed. */
void uplinks_close(struct uplinks *uplinks);

/*
 * A path from the address `local` is silent while others work, or is not open any more. If an
 * endpoint makes paths from there and its link works, it is made again, as if it were lost, at most
 * every UPLINKS_SILENT_MS. The kernel then tries to open the path again. Does nothing when *uplinks
 * is zeroed.
 */
void uplinks_silent(struct uplinks *uplinks, const struct addr *local);

/* ---- for the unit test ---- */

/*
 * Takes the endpoints as they are now, `works` beside each, into *seen. Sets ret_changed[i] where
 * an endpoint was there before and works now, but did not, or the other way round.
 */
void uplinks_compare(struct uplinks_seen *seen, const struct netlink_mptcp_endpoint *endpoints,
	const bool *works, size_t count, bool *ret_changed);

/*
 * True: a path from `local` is silent at this time, and its endpoint worked at the last check and
 * may be made again. That is once in UPLINKS_SILENT_MS; notes the time.
 */
bool uplinks_is_due(struct uplinks_seen *seen, const struct addr *local, struct mono now);
/*
 * The endpoint that makes paths from `local`, if only for this host's own connections; NULL: none.
 */
const struct netlink_mptcp_endpoint *uplinks_find(
	const struct netlink_mptcp_endpoint *endpoints, size_t count, const struct addr *local);

#endif
