/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DESIRED_STATE_H
#define CULVERT_NETD_DESIRED_STATE_H

#include "base/problem.h"
#include "netd/desired_interfaces.h"
#include "netd/desired_item.h"
#include "system/loop.h"
#include "system/netlink_monitor.h"

/*
 * Keeps the host as netd wants it. Other programs remove and change what netd has set, and then
 * packets of the tunnel would leave unencrypted, or get lost. Examples are `ip route flush`,
 * systemd-networkd with ManageForeignRoutes, a DHCP client that writes /etc/resolv.conf, and an
 * administrator who sets a link down.
 *
 * There are two kinds of things. The registry of interfaces has links, addresses and routes, which
 * netd/desired_interfaces compares with the kernel. Everything else is an item (netd/desired_item)
 * that its module declares: netd_ladder.c registers them all. The items are checked in the order of
 * their registration, so those that hold packets back come first, and the interfaces after them.
 *
 * A check follows a burst of the kernel's notifications after DESIRED_STATE_GATHER_MS, or a module
 * that has noticed a change by itself (desired_item_touched()). Without any event everything is
 * checked every DESIRED_STATE_SLOW_S, because some settings have no notifications, and some
 * notifications get lost. netd gets none from foreign network namespaces, where it keeps no socket
 * (netd/foreign_netns), so it polls interfaces there every DESIRED_POLL_MS.
 *
 * netd changes its wishes and the kernel within one callback, so a check never sees half of a
 * change. netd's only thread.
 */

enum {
	DESIRED_STATE_GATHER_MS = 50, /* from the first notification of a burst to the check */
	DESIRED_STATE_SLOW_S = 20,    /* the longest time between two checks */
};

struct desired_state {
	struct loop *loop; /* NULL: not open */
	struct desired_interfaces interfaces;
	struct desired_item *first, **last; /* in the order of their registration */
	/*
	 * Called after a check that has changed the state of an item; may be NULL. It returns a
	 * negative errno when it could not pass the states on, and is then called again.
	 */
	int (*changed)(struct desired_state *desired);
	bool unsent;
	bool suspended;
	struct netlink_monitor *monitor; /* NULL: no notifications; everything is polled */
	struct loop_watch watch;
	struct loop_timer looking;
	/* the shortest time between two checks: ten times as long as one takes */
	struct duration pause;
};

/*
 * Starts the checks. Borrows all arguments; *interfaces is copied. A negative errno means that the
 * kernel sends no notifications, and *problem says why. The module is open all the same, and polls
 * everything every DESIRED_POLL_MS.
 */
int desired_state_open(struct desired_state *desired, struct loop *loop,
	const struct desired_interfaces *interfaces, int (*changed)(struct desired_state *desired),
	struct problem *problem);
/* Call it before the interfaces are removed. Does nothing when *desired is zeroed. */
void desired_state_close(struct desired_state *desired);

/*
 * Stops all checks while another process takes over, which changes what is kept here; or goes on
 * with one at once. Does nothing when *desired is zeroed.
 */
void desired_state_suspend(struct desired_state *desired, bool suspended);

/* Registers an item, which stays registered until the end or desired_state_forget_items(). */
void desired_state_add(struct desired_state *desired, struct desired_item *item);
/*
 * Forgets all items, so that their modules may begin again and be registered in the same order.
 */
void desired_state_forget_items(struct desired_state *desired);
/*
 * Something may have happened to the item: everything is checked soon. Does nothing when it is not
 * registered.
 */
void desired_item_touched(struct desired_item *item);

/*
 * Calls take() for each thing that is wanted now: the interfaces as one, then the items in their
 * order.
 */
void desired_state_list(const struct desired_state *desired,
	void (*take)(void *context, const struct desired_item *item), void *context);

/* Reports all missing parts once more, for an engine that has just started. */
void desired_state_report_again(struct desired_state *desired);

/* An interface has been made. If it is one that is polled, its polling begins. */
void desired_state_interface_made(struct desired_state *desired, const struct interface *interface);
/*
 * The routes of an interface, or its peer's absence, have changed, so the held routes of all may
 * have to (netd/held_routes). They are compared with the kernel's within DESIRED_STATE_GATHER_MS.
 */
void desired_state_interface_changed(struct desired_state *desired);

#endif
