/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interface_make.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "system/netlink_queues.h"
#include "system/steering.h"
#include "system/tun.h"

/* The interface's name until it has been moved. */
#define TEMPORARY_NAME "cvmove%d"

void interface_make_load_steering(struct interfaces *interfaces, const struct settings *settings)
{
	int r;

	if (settings->role != SETTINGS_CLIENT || settings_lanes(settings, settings->peers) <= 1)
		return;
	r = steering_load(&interfaces->steering_fd);
	if (r == 0)
		return;
	interfaces->single_queue = true;
	log_warning("lanes = %u, but one will be used: the kernel refuses the program that "
		    "spreads packets over them: %s; loading it needs CAP_BPF in the first "
		    "user namespace (start as root, outside of a rootless container), and "
		    "bpf(2) allowed by the filter of system calls",
		settings_lanes(settings, settings->peers), error_text(r));
}

/* `name` may be a template, which the kernel resolves only when it makes the interface. */
static void explain_open(struct problem *problem, const char *name, int error)
{
	bool whole = !strchr(name, '%');
	const char *shown = whole ? name : "", *space = whole ? " " : "";

	if (error == -EBUSY || error == -EEXIST)
		problem_set(problem,
			"an interface named %s exists already; remove it (ip link delete %s) or "
			"set another name",
			name, name);
	else if (tun_check_device(problem) < 0)
		return;
	else if (error == -EPERM)
		problem_set(problem,
			"the kernel refuses to make the interface%s%s: %s; it needs "
			"CAP_NET_ADMIN in this network namespace",
			space, shown, error_text(error));
	else
		problem_set(problem, "cannot make the interface%s%s: %s", space, shown,
			error_text(error));
}

/*
 * Opens the other queues and detaches all, before the interface is up: no packet enters a queue
 * that no lane reads.
 */
static int open_queues(const struct interfaces *interfaces, struct interface *interface,
	uint8_t wanted, struct problem *problem)
{
	int r = 0;

	if (interfaces->steering_fd >= 0)
		r = tun_set_steering(interface->queues[0], interfaces->steering_fd);
	while (r == 0 && interface->now.queues < wanted) {
		r = tun_open_queue(interface->name, &interface->queues[interface->now.queues]);
		if (r == 0)
			interface->now.queues++;
	}
	for (size_t i = 0; r == 0 && i < interface->now.queues; i++)
		r = tun_queue_attach(interface->queues[i], false);
	if (r < 0)
		problem_set(problem, "cannot set up %u queues of interface %s: %s", wanted,
			interface->name, error_text(r));
	return r;
}

/* Makes the TUN with all its queues, in the namespace of the calling thread. */
static int open_tun(const struct interfaces *interfaces, struct interface *interface,
	const char *name, uint8_t queues, struct problem *problem)
{
	int r = tun_open(name, queues > 1, &interface->queues[0], interface->name);

	if (r < 0) {
		explain_open(problem, name, r);
		return r;
	}
	interface->now.queues = 1;
	return queues > 1 ? open_queues(interfaces, interface, queues, problem) : 0;
}

/*
 * The kernel makes an interface in one step and sets its owner in the next. Another user could
 * attach a queue between the two, and would get a part of the tunnel's packets. Then the interface
 * must not be used. It is deleted, since it would otherwise live as long as that queue.
 */
static int refuse_strangers(
	const struct interface *interface, struct netlink *netlink, struct problem *problem)
{
	uint32_t queues = 0;
	int r = netlink_link_queues(netlink, interface->index, &queues, problem);

	if (r == 0 && queues != interface->now.queues) {
		problem_set(problem,
			"another user of this host has attached a queue to interface %s while it was "
			"made, to read what the tunnel carries; look for a program that has "
			"/dev/net/tun open",
			interface->name);
		r = -EBUSY;
	}
	if (r < 0)
		(void)netlink_link_delete(netlink, interface->index, NULL);
	return r;
}

static int find_index(struct interface *interface, struct netlink *netlink, struct problem *problem)
{
	int r = netlink_link_index(netlink, interface->name, &interface->index);

	if (r < 0)
		problem_set(problem, "cannot find interface %s that was just made: %s",
			interface->name, error_text(r));
	else if (interface->now.queues > 1)
		r = refuse_strangers(interface, netlink, problem);
	return r;
}

struct opening {
	const struct interfaces *interfaces;
	struct interface *interface;
	const char *name;
	uint8_t queues;
	struct problem *problem;
};

static int open_there(void *context)
{
	const struct opening *opening = context;

	return open_tun(opening->interfaces, opening->interface, opening->name, opening->queues,
		opening->problem);
}

static int open_and_move(struct interfaces *interfaces, struct interface *interface,
	const struct interface_target *target, int netns, uint8_t queues, struct problem *problem)
{
	int r = open_tun(interfaces, interface, TEMPORARY_NAME, queues, problem);

	if (r == 0)
		r = find_index(interface, interfaces->netlink, problem);
	if (r < 0)
		return r;
	/*
	 * The kernel's notifications of this temporary link are no change of this host's network.
	 */
	interfaces_remember(interfaces, interface->index);
	r = netlink_link_move(interfaces->netlink, interface->index, netns, target->name, problem);
	if (r == -EEXIST)
		explain_open(problem, target->name, r);
	return r == 0 ? tun_name(interface->queues[0], interface->name) : r;
}

static int make_in_foreign_netns(struct interfaces *interfaces, struct interface *interface,
	const struct interface_target *target, int netns, uint8_t queues, struct problem *problem)
{
	struct opening opening = { interfaces, interface, target->name, queues, problem };
	struct netlink *netlink;
	int r = netns_identify(netns, &interface->netns);

	if (r < 0)
		problem_set(problem, "cannot examine it: %s", error_text(r));
	else if (interfaces->make_there)
		r = netns_call(netns, open_there, &opening, problem);
	else
		r = open_and_move(interfaces, interface, target, netns, queues, problem);
	if (netns_id_equal(&interface->netns, &interfaces->home))
		interface->netns = (struct netns_id){ .inode = 0 };
	if (r == 0)
		r = interfaces_enter(interfaces, interface, &netlink, problem);
	return r == 0 ? find_index(interface, netlink, problem) : r;
}

int interface_make(struct interfaces *interfaces, struct interface *interface,
	const struct interface_target *target, uint8_t queues, struct problem *problem)
{
	int netns, r;

	if (target->netns[0] == '\0') {
		r = open_tun(interfaces, interface, target->name, queues, problem);
		return r == 0 ? find_index(interface, interfaces->netlink, problem) : r;
	}
	r = netns_open(target->netns, &netns, problem);
	if (r < 0)
		return r;
	r = make_in_foreign_netns(interfaces, interface, target, netns, queues, problem);
	close(netns);
	if (r < 0)
		problem_prepend(problem, "network namespace %s", target->netns);
	return r;
}
