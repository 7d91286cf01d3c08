/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DESIRED_STATE_H
#define CULVERT_NETD_DESIRED_STATE_H

#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Keeps the kernel as the registry (netd/interfaces) says: each link up with its MTU, each address and
 * each route in place. Other programs take them away: `ip route flush`, systemd-networkd with
 * ManageForeignRoutes, somebody who sets the link down. Packets of the tunnel would leave in the clear.
 *
 * A burst of the kernel's news leads to one look. The look compares and puts back what is missing, with
 * one warning for each interface that names it. What cannot be put back (another program has a route in
 * that place) is tried again after DESIRED_STATE_POLL_MS, then after twice as long each time, up to DESIRED_STATE_RETRY_MAX_S.
 * The engine is told what is missing and why, so that no status says of it that it is there. When another program keeps on removing,
 * netd stops fighting for DESIRED_STATE_HOLD_S and says so.
 *
 * netd makes its own changes to registry and kernel within one callback, so that a look never sees half of
 * one. Nothing may keep another network namespace alive (netd/visit), so that there is no news from
 * there: interfaces abroad are looked at every DESIRED_STATE_POLL_MS. netd's only thread.
 */

enum {
	DESIRED_STATE_GATHER_MS = 50, /* from the first news of a burst to the look */
	DESIRED_STATE_POLL_MS = 1000,
	DESIRED_STATE_RETRY_MAX_S = 8,
	DESIRED_STATE_FIGHT_TIMES = 10, /* put back as often in so many seconds: it is a fight */
	DESIRED_STATE_FIGHT_S = 10,
	DESIRED_STATE_HOLD_S = 30,
};

/* What an interface lacks and netd cannot put back now. Nothing at all: everything is in place. */
struct desired_lack {
	bool link;           /* it is down, or has another MTU */
	bool local4, local6; /* an address */
	const struct prefix *routes;
	size_t route_count;
	const char *why;
};

struct desired_state {
	struct loop *loop; /* NULL: not open */
	struct interfaces *interfaces;
	/* What an interface lacks is another set than at the last call. Negative errno: it is called again. */
	int (*lacks)(struct desired_state *desired, const struct interface *interface,
		const struct desired_lack *lack);
	struct netlink_monitor *monitor; /* NULL: there is no news; everything is polled */
	struct loop_watch watch;
	struct loop_timer looking;
	struct duration pause; /* at least so long between two looks: ten times what one takes */
};

/*
 * Borrows loop and interfaces. Negative errno with words: the kernel's news cannot be had, and everything is
 * looked at every DESIRED_STATE_POLL_MS instead; it is open all the same.
 */
int desired_state_open(struct desired_state *desired, struct loop *loop,
	struct interfaces *interfaces,
	int (*lacks)(struct desired_state *desired, const struct interface *interface,
		const struct desired_lack *lack),
	struct problem *problem);
/* Fine when it is zeroed. Before the interfaces are removed. */
void desired_state_close(struct desired_state *desired);

/* Somebody new listens: what is missing is told once more. */
void desired_state_tell_again(struct desired_state *desired);

/* An interface has been made: one that is polled is looked at from now on. */
void desired_state_interface_made(struct desired_state *desired, const struct interface *interface);

#endif
