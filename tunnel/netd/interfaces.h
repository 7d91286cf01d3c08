/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACES_H
#define CULVERT_NETD_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/prefix_list.h"
#include "base/problem.h"
#include "netd/desired_item.h"
#include "netd/foreign_netns.h"
#include "system/netlink.h"
#include "system/netns.h"
#include "wire/request.h"

/*
 * The registry of everything that netd has made in the kernel: interfaces, one for each peer, with
 * their addresses and routes. At the end netd deletes what is in the registry and touches nothing
 * else. Whether something may be made is decided by netd/policy. netd's only thread.
 *
 * The registry keeps a descriptor of each TUN queue. So an interface outlives the engine that uses
 * it, and the engine's end does not wait for the kernel: netd deletes an interface first and closes
 * its descriptors then, which takes microseconds instead of tens of milliseconds. Where an
 * interface has several queues, the engine gets them detached, and attaches each while its lane is
 * up.
 *
 * An interface may live in a foreign network namespace. netd holds no reference to that namespace
 * (netd/foreign_netns), so it can disappear with the interface, as if another program had deleted
 * the interface. Names, indices and routes belong to each namespace.
 */

enum {
	/*
	 * The most packets in a TUN's ring. The engine empties it, so it only has to last while other
	 * programs have the processor: 200,000 packets a second fill the kernel's default of 500 in
	 * 2.5 ms. A longer ring would hold more superpackets than is good where the processor is
	 * the limit.
	 */
	INTERFACE_QUEUE_LENGTH = 2000,
	INTERFACES_PAST = 16,
	/* the group of netd's links, by which firewall rules can match them: ip link show group 67 */
	INTERFACES_GROUP = 67,
};

struct interface_target {
	const char *name;  /* a whole name or a template such as "cv%d" */
	const char *netns; /* as netns_open() takes it; "": netd's own */
	uint32_t metric;   /* of the routes to it, while packets arrive */
};

enum { INTERFACE_ROUTE_PACES = 8 }; /* routes whose removals are counted one by one */

struct interface_route_pace {
	struct prefix prefix;
	struct desired_pace pace;
};

/* The state that netd/desired_interfaces keeps for each interface. */
struct interface_keeping {
	/* number of parts that the kernel does not have and that could not be restored */
	size_t missing;
	struct duration wait; /* before netd tries again to restore what is missing */
	struct mono retry_at;
	uint64_t reported; /* fingerprint of the missing parts that the engine knows; 0: none */
	/* how often each part was restored */
	struct desired_pace link, local4, local6, all_routes;
	struct interface_route_pace routes[INTERFACE_ROUTE_PACES];
};

struct interface {
	struct interface *next;
	struct request_interface now; /* peer, MTU, queues, addresses; but see off4, off6 */
	uint32_t number;              /* names the interface in requests; never used twice */
	struct netns_id netns;        /* where it lives; all zero: in netd's own */
	uint32_t index;               /* in that namespace */
	char name[REQUEST_IFNAME_MAX + 1];
	int queues[REQUEST_QUEUES_MAX]; /* descriptors, now.queues of them */
	struct prefix *routes;          /* that lead to it */
	size_t route_count, route_capacity;
	uint32_t metric;         /* of the routes, while packets arrive */
	bool idle;               /* no packets arrive: the peer is not connected */
	struct prefix_list held; /* idle: the unreachable routes in place of its own; sorted */
	/*
	 * The kernel refused the address of this family, which `now` still has, and the other
	 * family is in use without it. The next interfaces_bring() tries it again.
	 */
	bool off4, off6;
	struct interface_keeping keeping;
};

enum interface_event {
	INTERFACE_MADE,
	/* the kernel has deleted it and its routes; the routes have no events of their own */
	INTERFACE_REMOVED,
	INTERFACE_ROUTE_ADDED,
	INTERFACE_ROUTE_DELETED,
	INTERFACE_IDLE,   /* its peer is not connected any more */
	INTERFACE_IN_USE, /* its peer is connected again */
};

struct interfaces {
	struct netlink *netlink; /* of netd's own namespace; borrowed */
	struct netns_id home;    /* netd's own namespace */
	/* netd may make a TUN in another namespace, but not in its own */
	bool make_there;
	struct foreign_netns foreign; /* the one that is entered, during a request */
	/* Called after each event; may be NULL. `prefix`: the route of the event, or NULL. */
	void (*changed)(struct interfaces *interfaces, enum interface_event event,
		const struct interface *interface, const struct prefix *prefix);
	/*
	 * The program that distributes packets over several queues (borrowed). -1: the kernel
	 * distributes them, and learns from the peer's packets. single_queue: neither does, so each
	 * interface gets one queue.
	 */
	int steering_fd;
	bool single_queue;
	uint32_t table; /* of all routes (netd/full_tunnel); 0: the main table */
	struct interface *first;
	size_t count;
	uint32_t numbered; /* the last number given */
	/* indices of the links that were deleted or moved last; 0: none */
	uint32_t past[INTERFACES_PAST];
	size_t past_at; /* the slot of the next one */
};

struct interface *interfaces_find_peer(
	const struct interfaces *interfaces, const struct identity *peer);
struct interface *interfaces_find_number(const struct interfaces *interfaces, uint32_t number);
/* Returns true if the registry has this link of this namespace. */
bool interfaces_have_link(
	const struct interfaces *interfaces, const struct netns_id *netns, uint32_t index);
/*
 * Returns the interface at position `at`, from 0, or NULL when there are not so many. Positions
 * stay the same until an interface is made or removed.
 */
struct interface *interfaces_at(const struct interfaces *interfaces, size_t at);
/*
 * Returns true for a link in netd's own namespace that is in the registry, or was until lately: the
 * kernel's notifications may come after its end.
 */
bool interfaces_is_own(const struct interfaces *interfaces, uint32_t index);
/* Remembers a link that is deleted or moved to another namespace, for interfaces_is_own(). */
void interfaces_remember(struct interfaces *interfaces, uint32_t index);

/* Adds an interface to the registry and gives it its number. The registry owns it from now on. */
void interfaces_add(struct interfaces *interfaces, struct interface *interface);
/*
 * Takes an interface that the kernel has deleted out of the registry, reports that to changed(),
 * and frees it.
 */
void interfaces_forget(struct interfaces *interfaces, struct interface *interface);
/* Closes the queues of an interface that is not in the registry, and frees it. */
void interfaces_release(struct interfaces *interfaces, struct interface *interface);

/* Calls changed(), if there is one. */
void interfaces_report(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix);

/*
 * Gives the netlink socket for the namespace where the interface lives. It is valid until the next
 * call of a function here. -ENODEV: the interface is gone; else the errors of
 * foreign_netns_enter(). On failure *problem says why.
 */
int interfaces_enter(struct interfaces *interfaces, const struct interface *interface,
	struct netlink **ret_netlink, struct problem *problem);
/*
 * The same for a target that has no interface yet. *ret_netns is its namespace. Errors: those of
 * netns_open() and netns_call(). On failure *problem says why.
 */
int interfaces_enter_target(struct interfaces *interfaces, const struct interface_target *target,
	struct netns_id *ret_netns, struct netlink **ret_netlink, struct problem *problem);
/*
 * Leaves a foreign network namespace, which would otherwise stay alive. Call it after each request.
 */
void interfaces_leave(struct interfaces *interfaces);

/* Returns the table of all routes. */
uint32_t interfaces_table(const struct interfaces *interfaces);

/* Returns what the interface has in the kernel: without the address of a family that is off. */
struct request_interface interface_present(const struct interface *interface);
bool interface_family_is_off(const struct interface *interface, uint8_t family);

/*
 * Call it after an engine's end: detaches the queues that its lanes left attached, which would
 * swallow packets until the next engine has lanes. An interface's only queue stays attached.
 */
void interfaces_detach_queues(const struct interfaces *interfaces);

#endif
