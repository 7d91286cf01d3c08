/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interfaces.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/tun.h"

static_assert(REQUEST_IFNAME_MAX + 1 == IFNAMSIZ, "a request can name every interface");

static const struct netns_id here; /* all zero */

static bool is_here(const struct interface *interface)
{
	return netns_id_equal(&interface->netns, &here);
}

void interfaces_report(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	if (interfaces->changed)
		interfaces->changed(interfaces, event, interface, prefix);
}

struct interface *interfaces_find_peer(
	const struct interfaces *interfaces, const struct identity *peer)
{
	struct interface *interface = interfaces->first;

	while (interface && !identity_equal(&interface->now.peer, peer))
		interface = interface->next;
	return interface;
}

struct interface *interfaces_find_number(const struct interfaces *interfaces, uint32_t number)
{
	struct interface *interface = interfaces->first;

	while (interface && interface->number != number)
		interface = interface->next;
	return interface;
}

bool interfaces_have_link(
	const struct interfaces *interfaces, const struct netns_id *netns, uint32_t index)
{
	const struct interface *interface = interfaces->first;

	while (interface &&
		!(interface->index == index && netns_id_equal(&interface->netns, netns)))
		interface = interface->next;
	return interface != NULL;
}

struct interface *interfaces_at(const struct interfaces *interfaces, size_t at)
{
	struct interface *interface = interfaces->first;

	for (; interface && at > 0; at--)
		interface = interface->next;
	return interface;
}

bool interfaces_is_own(const struct interfaces *interfaces, uint32_t index)
{
	for (size_t i = 0; i < INTERFACES_PAST; i++) {
		if (index != 0 && interfaces->past[i] == index)
			return true;
	}
	return interfaces_have_link(interfaces, &here, index);
}

/*
 * The kernel numbers interfaces upwards: a number comes back only after two thousand million
 * others.
 */
void interfaces_remember(struct interfaces *interfaces, uint32_t index)
{
	interfaces->past[interfaces->past_at] = index;
	interfaces->past_at = (interfaces->past_at + 1) % INTERFACES_PAST;
}

void interfaces_release(struct interfaces *interfaces, struct interface *interface)
{
	if (is_here(interface))
		interfaces_remember(interfaces, interface->index);
	for (size_t i = 0; i < interface->now.queues; i++)
		close(interface->queues[i]);
	free(interface->routes);
	prefix_list_free(&interface->held);
	free(interface);
}

void interfaces_add(struct interfaces *interfaces, struct interface *interface)
{
	interface->number = ++interfaces->numbered;
	interface->next = interfaces->first;
	interfaces->first = interface;
	interfaces->count++;
}

void interfaces_forget(struct interfaces *interfaces, struct interface *interface)
{
	struct interface **link = &interfaces->first;

	while (*link != interface)
		link = &(*link)->next;
	*link = interface->next;
	interfaces->count--;
	interfaces_report(interfaces, INTERFACE_REMOVED, interface, NULL);
	interfaces_release(interfaces, interface);
}

int interfaces_enter(struct interfaces *interfaces, const struct interface *interface,
	struct netlink **ret_netlink, struct problem *problem)
{
	int r = 0;

	if (is_here(interface)) {
		*ret_netlink = interfaces->netlink;
		return 0;
	}
	r = foreign_netns_enter(
		&interfaces->foreign, interface->queues[0], &interface->netns, problem);
	if (r == 0)
		*ret_netlink = interfaces->foreign.netlink;
	return r;
}

int interfaces_enter_target(struct interfaces *interfaces, const struct interface_target *target,
	struct netns_id *ret_netns, struct netlink **ret_netlink, struct problem *problem)
{
	int r = 0;

	*ret_netns = here;
	*ret_netlink = interfaces->netlink;
	if (target->netns[0] != '\0')
		r = foreign_netns_enter_at(
			&interfaces->foreign, target->netns, &interfaces->home, ret_netns, problem);
	if (r == 0 && interfaces->foreign.netlink && ret_netns->inode != 0)
		*ret_netlink = interfaces->foreign.netlink;
	return r;
}

void interfaces_leave(struct interfaces *interfaces)
{
	foreign_netns_leave(&interfaces->foreign);
}

bool interface_family_is_off(const struct interface *interface, uint8_t family)
{
	return family == AF_INET ? interface->off4 : interface->off6;
}

struct request_interface interface_present(const struct interface *interface)
{
	struct request_interface present = interface->now;

	if (interface->off4)
		present.local4 = present.remote4 = (struct addr){ .family = AF_UNSPEC };
	if (interface->off6)
		present.local6 = present.remote6 = (struct addr){ .family = AF_UNSPEC };
	return present;
}

void interfaces_detach_queues(const struct interfaces *interfaces)
{
	for (const struct interface *i = interfaces->first; i; i = i->next) {
		for (size_t queue = 0; i->now.queues > 1 && queue < i->now.queues; queue++)
			(void)tun_queue_attach(i->queues[queue], false);
	}
}

uint32_t interfaces_table(const struct interfaces *interfaces)
{
	return interfaces->table != 0 ? interfaces->table : RT_TABLE_MAIN;
}
