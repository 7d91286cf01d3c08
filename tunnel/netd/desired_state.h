/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DESIRED_STATE_H
#define CULVERT_NETD_DESIRED_STATE_H

#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Keeps the kernel as the registry (netd/interfaces) wants it: each link is up with its MTU and has
 * its addresses and routes. Other programs remove them, and then packets of the tunnel would leave
 * unencrypted. Examples are `ip route flush`, systemd-networkd with ManageForeignRoutes, and an
 * administrator who sets a link down.
 *
 * A burst of kernel notifications leads to one check. The check compares and restores what is
 * missing, and logs one warning for each interface that had to be restored. Some parts cannot be
 * restored, for example because another program has made the same route. netd retries those after
 * DESIRED_STATE_POLL_MS, and doubles the wait each time up to DESIRED_STATE_RETRY_MAX_S. netd
 * reports to the engine what is missing and why, so that no status claims that it is present. When
 * another program keeps removing a part, netd pauses for DESIRED_STATE_HOLD_S and logs that.
 *
 * netd changes the registry and the kernel within one callback, so a check never sees half of a
 * change. netd keeps no socket in a foreign network namespace (netd/foreign_netns) and gets no
 * notifications from there, so it polls interfaces in foreign namespaces every
 * DESIRED_STATE_POLL_MS. netd's only thread.
 */

enum {
	DESIRED_STATE_GATHER_MS = 50, /* from the first notification of a burst to the check */
	DESIRED_STATE_POLL_MS = 1000,
	DESIRED_STATE_RETRY_MAX_S = 8,
	/* restored this many times within DESIRED_STATE_FIGHT_S: netd pauses */
	DESIRED_STATE_FIGHT_TIMES = 10,
	DESIRED_STATE_FIGHT_S = 10,
	DESIRED_STATE_HOLD_S = 30,
};

/*
 * The parts of an interface that are missing and that netd cannot restore now. All empty: nothing
 * is missing.
 */
struct desired_lack {
	bool link;           /* the link is down or has another MTU */
	bool local4, local6; /* this address is missing */
	const struct prefix *routes;
	size_t route_count;
	const char *why;
};

struct desired_state {
	struct loop *loop; /* NULL: not open */
	struct interfaces *interfaces;
	/*
	 * Called when the missing parts of an interface differ from those of the last call. It
	 * returns a negative errno when it could not pass them on, and is then called again.
	 */
	int (*lacks)(struct desired_state *desired, const struct interface *interface,
		const struct desired_lack *lack);
	struct netlink_monitor *monitor; /* NULL: no notifications; everything is polled */
	struct loop_watch watch;
	struct loop_timer looking;
	/* the shortest time between two checks: ten times as long as one takes */
	struct duration pause;
};

/*
 * Starts the checks. Borrows `loop` and `interfaces`. A negative errno means that the kernel sends
 * no notifications, and *problem says why. The module is open all the same, and polls everything
 * every DESIRED_STATE_POLL_MS.
 */
int desired_state_open(struct desired_state *desired, struct loop *loop,
	struct interfaces *interfaces,
	int (*lacks)(struct desired_state *desired, const struct interface *interface,
		const struct desired_lack *lack),
	struct problem *problem);
/* Call it before the interfaces are removed. Does nothing when *desired is zeroed. */
void desired_state_close(struct desired_state *desired);

/* Reports all missing parts once more, for an engine that has just started. */
void desired_state_report_again(struct desired_state *desired);

/* An interface has been made. If it is one that is polled, its polling begins. */
void desired_state_interface_made(struct desired_state *desired, const struct interface *interface);

#endif
