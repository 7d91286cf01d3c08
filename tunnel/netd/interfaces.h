/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACES_H
#define CULVERT_NETD_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/problem.h"
#include "netd/visit.h"
#include "system/netlink.h"
#include "system/netns.h"
#include "wire/request.h"

/*
 * The registry of what netd has made in the kernel: interfaces, one a peer, with their addresses
 * and routes. What is in here is what is taken down at the end; nothing else is ever touched.
 * Whether something may be made is policy's business (netd/policy.h), not this one's. netd's only
 * thread.
 *
 * A descriptor of each TUN queue stays here, so that an interface outlives the engine that uses it,
 * and so that the engine's end does not wait for the kernel: an interface is deleted first and its
 * descriptors closed then, which takes microseconds instead of tens of milliseconds.
 *
 * Several queues are handed out detached, and the engine attaches each while its lane is up.
 *
 * An interface may live in another network namespace than ours. Nothing of ours keeps that namespace
 * alive (netd/visit), so it can go and take the interface with it; then it is gone as one that
 * somebody has deleted. Names, indices and routes are each namespace's own.
 */

enum {
	/*
	 * Packets in a TUN's ring. The engine reads it empty, so it only has to last while others
	 * have the processor: 200,000 packets a second fill the kernel's own 500 in 2.5 ms. Longer ones
	 * would hold more superpackets than is good where the processor is the limit.
	 */
	INTERFACE_QUEUE_LENGTH = 2000,
	INTERFACES_PAST = 16,
	INTERFACES_GROUP =
		67, /* of links, by which firewall rules can tell them: ip link show group 67 */
};

struct interface_place {
	const char *name;  /* a whole name or a template such as "cv%d" */
	const char *netns; /* as netns_open() takes it; "": here */
	uint32_t metric;   /* of the routes to it, while packets arrive */
};

/* What netd/desired_state remembers of one interface. */
struct interface_keeping {
	size_t missing; /* its parts that the kernel does not have and that could not be put back */
	unsigned restored; /* how often something was put back since then: */
	struct mono since;
	struct mono held_until; /* nothing is put back before */
	struct duration wait;   /* before the next try to put back what could not be */
	struct mono retry_at;
	uint64_t told; /* a fingerprint of what the engine believes to be missing; 0: nothing */
};

struct interface {
	struct interface *next;
	struct request_interface now; /* peer, MTU, queues and addresses as they are */
	uint32_t number;              /* by which the engine names it: no two ever have the same */
	struct netns_id netns;        /* where it lives; all zero: here */
	uint32_t index;               /* there */
	char name[REQUEST_IFNAME_MAX + 1];
	int queues[REQUEST_QUEUES_MAX]; /* descriptors, now.queues of them */
	struct prefix *routes;          /* that lead to it */
	size_t route_count, route_capacity;
	uint32_t metric; /* of them, while packets arrive */
	bool idle;       /* packets do not */
	/*
	 * The kernel refused the address of this family, and the other family goes on without it:
	 * `now` tells what is wanted. Tried again at the next interfaces_bring().
	 */
	bool off4, off6;
	struct interface_keeping keeping;
};

enum interface_event {
	INTERFACE_MADE,
	INTERFACE_REMOVED, /* the kernel has deleted it, and with it its routes: no events for those */
	INTERFACE_ROUTE_ADDED,
	INTERFACE_ROUTE_DELETED,
};

struct interfaces {
	struct netlink *netlink; /* of our own namespace; borrowed */
	struct netns_id home;    /* that namespace */
	bool make_there;         /* we may make a TUN in another namespace, but none here */
	struct visit visit;      /* to another one, while a request is being done */
	/* Told what has just happened; prefix NULL: not to a route. NULL: nobody wants to know. */
	void (*changed)(struct interfaces *interfaces, enum interface_event event,
		const struct interface *interface, const struct prefix *prefix);
	/*
	 * Who spreads packets over several queues: this program (borrowed), or, if -1, the kernel,
	 * which learns from what the peer sends. single_queue: nobody does, so none gets several.
	 */
	int steering_fd;
	bool single_queue;
	uint32_t table; /* of all routes (netd/full_tunnel); 0: the main one */
	struct interface *first;
	size_t count;
	uint32_t numbered;              /* the number that was given last */
	uint32_t past[INTERFACES_PAST]; /* indices of those that went from here last; 0: none */
	size_t past_at;                 /* where the next one goes */
};

struct interface *interfaces_find_peer(
	const struct interfaces *interfaces, const struct identity *peer);
struct interface *interfaces_find_number(const struct interfaces *interfaces, uint32_t number);
/* One of them is that link of that namespace. */
bool interfaces_have_link(
	const struct interfaces *interfaces, const struct netns_id *netns, uint32_t index);
/*
 * The n-th of them, from 0; NULL: there are not so many. Stays the same while none is made or
 * removed.
 */
struct interface *interfaces_at(const struct interfaces *interfaces, size_t at);
/*
 * A link of our own namespace: one that is there, or one of those that went last, of which the
 * kernel's news may come later.
 */
bool interfaces_is_own(const struct interfaces *interfaces, uint32_t index);
/* It goes, or goes elsewhere. */
void interfaces_remember(struct interfaces *interfaces, uint32_t index);

/* Takes a made interface into the registry and gives it its number. */
void interfaces_add(struct interfaces *interfaces, struct interface *interface);
/* Takes one that the kernel has deleted out of it, tells changed(), and releases it. */
void interfaces_forget(struct interfaces *interfaces, struct interface *interface);
/* Closes the queues of one that is not in the registry, and frees it. */
void interfaces_release(struct interfaces *interfaces, struct interface *interface);

/* Says it to changed(). */
void interfaces_tell(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix);

/*
 * The netlink socket for where the interface lives, valid until the next call of a function here.
 * -ENODEV: the interface is gone; else visit_begin()'s errors, with words.
 */
int interfaces_reach(struct interfaces *interfaces, const struct interface *interface,
	struct netlink **ret_netlink, struct problem *problem);
/*
 * The same for a place where there is no interface of ours yet. *ret_netns: which namespace it is. Errors of
 * netns_open() and netns_call(), with words.
 */
int interfaces_reach_place(struct interfaces *interfaces, const struct interface_place *place,
	struct netns_id *ret_netns, struct netlink **ret_netlink, struct problem *problem);
/* Ends a visit to another namespace, which it would keep alive. After each request. */
void interfaces_come_home(struct interfaces *interfaces);

/* As it is: without the addresses of a family that is off. */
struct request_interface interface_present(const struct interface *interface);
bool interface_family_is_off(const struct interface *interface, uint8_t family);

/*
 * After an engine's end: what its lanes left attached would swallow packets until the next engine
 * has lanes. An interface's only queue stays attached.
 */
void interfaces_detach_queues(const struct interfaces *interfaces);

#endif
