/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of interfaces, and their life in the kernel: in a network namespace of the test's own, which has
 * nothing but loopback. That needs root and /dev/net/tun; without either only the registry is tested.
 */
#ifndef CULVERT_TESTS_UNIT_INTERFACES_FIXTURE_H
#define CULVERT_TESTS_UNIT_INTERFACES_FIXTURE_H

#include "netd/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/log_capture.h"
#include "netd/held_routes.h"
#include "netd/interface_life.h"
#include "netd/interface_make.h"
#include "netd/interface_routes.h"
#include "tests/unit/parse.h"
#include "system/tun.h"
#include "tests/unit/unit.h"

static struct interfaces all;
static struct problem problem;
static char events[256]; /* one letter each: made, removed, added, deleted, idle, used */

static inline void on_changed(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	static const char letters[] = { [INTERFACE_MADE] = 'm',
		[INTERFACE_REMOVED] = 'r',
		[INTERFACE_ROUTE_ADDED] = 'a',
		[INTERFACE_ROUTE_DELETED] = 'd',
		[INTERFACE_IDLE] = 'i',
		[INTERFACE_IN_USE] = 'u' };
	size_t at = strlen(events);
	bool of_a_route = event == INTERFACE_ROUTE_ADDED || event == INTERFACE_ROUTE_DELETED;

	ck_assert_ptr_eq(interfaces, &all);
	ck_assert_int_ne(interface->name[0], '\0');
	ck_assert(of_a_route == (prefix != NULL));
	ck_assert_uint_lt(at, sizeof(events) - 1);
	events[at] = letters[event];
}

/* What has been told since the last time. */
static inline void told(const char *expected)
{
	ck_assert_str_eq(events, expected);
	memset(events, 0, sizeof(events));
}

static inline struct request_interface wanted(
	const char *peer, const char *local4, const char *local6, uint8_t queues)
{
	struct request_interface out = { .peer = identity_of(peer),
		.mtu = 1400,
		.queues = queues,
		.local4 = addr_of(local4),
		.local6 = addr_of(local6) };

	out.remote4 = addr_of(local4 ? "10.99.0.1" : NULL);
	out.remote6 = addr_of(local6 ? "fd99::1" : NULL);
	return out;
}

static inline void setup(void)
{
	log_capture_begin(LOG_LEVEL_INFO);
	all = (struct interfaces){ .changed = on_changed, .steering_fd = -1 };
	memset(events, 0, sizeof(events));
}

/* ---- the registry ---- */

static inline struct interface *add(const char *peer, uint32_t index, uint64_t netns)
{
	struct interface *interface = calloc(1, sizeof(*interface));

	ck_assert_ptr_nonnull(interface);
	interface->now = wanted(peer, "10.99.0.2", NULL, 1);
	interface->index = index;
	interface->netns.inode = netns;
	interface->queues[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(interface->queues[0], 0);
	(void)snprintf(interface->name, sizeof(interface->name), "cv%u", index);
	interfaces_add(&all, interface);
	return interface;
}

static inline void forget_all(void)
{
	while (all.first)
		interfaces_forget(&all, all.first);
	ck_assert_uint_eq(all.count, 0);
}

/* ---- in the kernel ---- */

static const struct interface_target somewhere = { .name = "cv%d", .netns = "", .metric = 50 };

static inline void enter(void)
{
	setup();
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(netlink_open(&all.netlink, &problem), 0);
	ck_assert_int_eq(netns_own(&all.home), 0);
}

static inline void leave(void)
{
	interfaces_remove_all(&all, "the test ends");
	ck_assert_uint_eq(all.count, 0);
	netlink_close(all.netlink);
}

static inline struct interface *bring(const struct request_interface *request)
{
	struct interface *interface = NULL;
	int r = interfaces_bring(&all, request, &somewhere, &interface, &problem);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	ck_assert_ptr_nonnull(interface);
	return interface;
}

static inline struct interface *bring_one(const char *peer, const char *local4, const char *local6)
{
	struct request_interface request = wanted(peer, local4, local6, 1);

	return bring(&request);
}

static inline bool has_address_in(
	struct netlink *netlink, uint32_t index, const char *local, const char *remote)
{
	struct addr a = addr_of(local), b = addr_of(remote);
	struct netlink_address *list;
	size_t count;
	bool found = false;

	ck_assert_int_eq(netlink_addresses(netlink, &list, &count, &problem), 0);
	for (size_t i = 0; i < count; i++)
		found = found ||
			(list[i].index == index && addr_equal(&list[i].prefix.addr, &a) &&
				addr_equal(&list[i].peer.addr, &b));
	free(list);
	return found;
}

static inline bool has_address(const struct interface *interface, const char *local)
{
	return has_address_in(
		all.netlink, interface->index, local, strchr(local, ':') ? "fd99::1" : "10.99.0.1");
}

struct search {
	struct prefix prefix;
	uint32_t link, metric;
	unsigned hops, routes; /* of that metric; with `link` among the hops if that is not 0 */
};

static inline void take_route(void *context, const struct netlink_seen_route *route)
{
	struct search *search = context;
	bool leads = search->link == 0;

	if (!prefix_equal(&route->prefix, &search->prefix) || route->priority != search->metric)
		return;
	for (size_t i = 0; i < route->link_count; i++)
		leads = leads || route->links[i] == search->link;
	if (!leads)
		return;
	search->routes++;
	search->hops += (unsigned)route->link_count;
}

static inline struct search look_for(const char *text, uint32_t link, uint32_t metric)
{
	struct search search = { .prefix = prefix_of(text), .link = link, .metric = metric };
	struct netlink_query query = { .family = search.prefix.addr.family };

	ck_assert_int_eq(netlink_routes(all.netlink, &query, take_route, &search, &problem), 0);
	return search;
}

static inline bool leads_to(const struct interface *interface, const char *text)
{
	return look_for(text, interface->index, interface->metric).routes > 0;
}

/* How many held routes of any interface the kernel has for the prefix, in the main table. */
static inline unsigned held_in(struct netlink *netlink, const char *text, uint32_t metric)
{
	struct search search = { .prefix = prefix_of(text), .metric = metric };
	struct netlink_query query = { .family = search.prefix.addr.family,
		.table = RT_TABLE_MAIN,
		.protocol = RTPROT_CULVERT_HELD,
		.unreachable = true };

	ck_assert_int_eq(netlink_routes(netlink, &query, take_route, &search, &problem), 0);
	return search.routes;
}

static inline bool is_held(const struct interface *interface, const char *text)
{
	return held_in(all.netlink, text, held_routes_metric(interface)) > 0;
}

static inline bool link_is_there(uint32_t index)
{
	uint32_t mtu;
	bool up;

	return netlink_link_state(all.netlink, index, &up, &mtu, NULL, &problem) == 0;
}

static inline int route_add(struct interface *interface, const char *text)
{
	struct prefix route = prefix_of(text);

	return interface_route_add(&all, interface, &route, &problem);
}

static inline int route_delete(struct interface *interface, const char *text)
{
	struct prefix route = prefix_of(text);

	return interface_route_delete(&all, interface, &route, &problem);
}

/* The namespace is the test's own, and so are the switches that it has. */
static inline void set_ipv6_off(bool off)
{
	static const char *const keys[] = { "all", "default" };

	for (size_t i = 0; i < 2; i++) {
		char path[64];
		FILE *file;

		(void)snprintf(
			path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", keys[i]);
		file = fopen(path, "we");
		ck_assert_ptr_nonnull(file);
		ck_assert_int_gt(fprintf(file, "%d\n", off), 0);
		ck_assert_int_eq(fclose(file), 0);
	}
}

/* Whether this process may have a network namespace of its own with TUN interfaces in it. */
static inline bool may_make(void)
{
	int status;
	pid_t child = fork();

	/* It ends by a signal, since valgrind has an exit status of its own. */
	if (child == 0)
		(void)raise(unshare(CLONE_NEWNET) == 0 && tun_check_device(&problem) == 0
				? SIGTERM
				: SIGKILL);
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGTERM;
}

static inline void add_case(Suite *suite, const char *name, const TTest *const *tests, size_t count,
	SFun before, SFun after)
{
	tcase_set_timeout(unit_add_case(suite, name, before, after, tests, count), 20);
}

#define ADD(suite, name, tests, before, after) \
	add_case(suite, name, tests, ARRAY_SIZE(tests), before, after)

#endif
