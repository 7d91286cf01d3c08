/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of interfaces, and their life in the kernel: in a network namespace of the test's own, which has
 * nothing but loopback. That needs root and /dev/net/tun; without either only the registry is tested.
 */
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
#include "netd/interface_life.h"
#include "netd/interface_make.h"
#include "netd/interface_routes.h"
#include "system/tun.h"
#include "tests/unit/unit.h"

static struct interfaces all;
static struct problem problem;
static char events[256]; /* one letter each: made, removed, added, deleted */
static int log_fd;

static void on_changed(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	static const char letters[] = { [INTERFACE_MADE] = 'm',
		[INTERFACE_REMOVED] = 'r',
		[INTERFACE_ROUTE_ADDED] = 'a',
		[INTERFACE_ROUTE_DELETED] = 'd' };
	size_t at = strlen(events);
	bool of_a_route = event == INTERFACE_ROUTE_ADDED || event == INTERFACE_ROUTE_DELETED;

	ck_assert_ptr_eq(interfaces, &all);
	ck_assert_int_ne(interface->name[0], '\0');
	ck_assert(of_a_route == (prefix != NULL));
	ck_assert_uint_lt(at, sizeof(events) - 1);
	events[at] = letters[event];
}

/* What has been told since the last time. */
static void told(const char *expected)
{
	ck_assert_str_eq(events, expected);
	memset(events, 0, sizeof(events));
}

static struct addr address(const char *text)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (text)
		ck_assert_int_eq(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	ck_assert_int_eq(prefix_parse(text, &parsed), 0);
	return parsed;
}

static struct identity identity(const char *name)
{
	struct identity out;

	ck_assert_int_eq(identity_set(&out, name, strlen(name)), 0);
	return out;
}

static struct request_interface wanted(
	const char *peer, const char *local4, const char *local6, uint8_t queues)
{
	struct request_interface out = { .peer = identity(peer),
		.mtu = 1400,
		.queues = queues,
		.local4 = address(local4),
		.local6 = address(local6) };

	out.remote4 = address(local4 ? "10.99.0.1" : NULL);
	out.remote6 = address(local6 ? "fd99::1" : NULL);
	return out;
}

static void setup(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_ge(dup2(log_fd, STDERR_FILENO), 0);
	log_init("netd", LOG_LEVEL_INFO);
	all = (struct interfaces){ .changed = on_changed, .steering_fd = -1 };
	memset(events, 0, sizeof(events));
}

static bool logged(const char *text)
{
	static char lines[65536];
	ssize_t n = pread(log_fd, lines, sizeof(lines) - 1, 0);

	ck_assert_int_ge(n, 0);
	lines[n] = '\0';
	return strstr(lines, text) != NULL;
}

static void log_forget(void)
{
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	ck_assert_int_eq(lseek(log_fd, 0, SEEK_SET), 0);
}

/* ---- the registry ---- */

static struct interface *add(const char *peer, uint32_t index, uint64_t netns)
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

static void forget_all(void)
{
	while (all.first)
		interfaces_forget(&all, all.first);
	ck_assert_uint_eq(all.count, 0);
}

START_TEST(each_is_found)
{
	struct identity a_peer = identity("a"), b_peer = identity("b"), other = identity("c");
	struct interface *a = add("a", 7, 0), *b = add("b", 8, 5);
	struct netns_id here = { .inode = 0 }, there = { .inode = 5 };

	ck_assert_uint_eq(all.count, 2);
	ck_assert_ptr_eq(interfaces_find_peer(&all, &a_peer), a);
	ck_assert_ptr_eq(interfaces_find_peer(&all, &b_peer), b);
	ck_assert_ptr_null(interfaces_find_peer(&all, &other));
	ck_assert_ptr_eq(interfaces_find_number(&all, a->number), a);
	ck_assert_ptr_eq(interfaces_find_number(&all, b->number), b);
	ck_assert_ptr_null(interfaces_find_number(&all, 0));
	ck_assert_ptr_null(interfaces_find_number(&all, 3));
	ck_assert_ptr_eq(interfaces_at(&all, 0), b);
	ck_assert_ptr_eq(interfaces_at(&all, 1), a);
	ck_assert_ptr_null(interfaces_at(&all, 2));
	ck_assert(interfaces_have_link(&all, &here, 7));
	ck_assert(interfaces_have_link(&all, &there, 8));
	ck_assert(!interfaces_have_link(&all, &there, 7));
	ck_assert(!interfaces_have_link(&all, &here, 8));
	forget_all();
}
END_TEST

START_TEST(numbers_are_given_once)
{
	struct interface *first = add("a", 7, 0), *second = add("b", 8, 0);

	ck_assert_uint_eq(first->number, 1);
	ck_assert_uint_eq(second->number, 2);
	interfaces_forget(&all, second);
	interfaces_forget(&all, first);
	ck_assert_uint_eq(add("c", 9, 0)->number, 3);
	forget_all();
}
END_TEST

START_TEST(any_of_them_may_go)
{
	struct interface *a = add("a", 7, 0), *b = add("b", 8, 0), *c = add("c", 9, 0);
	int fd = b->queues[0];

	told(""); /* its maker reports it */
	interfaces_forget(&all, b);
	told("r");
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_uint_eq(all.count, 2);
	ck_assert_ptr_eq(interfaces_at(&all, 0), c);
	ck_assert_ptr_eq(interfaces_at(&all, 1), a);
	interfaces_forget(&all, a);
	ck_assert_ptr_eq(interfaces_at(&all, 0), c);
	all.changed = NULL; /* nobody wants to know */
	interfaces_forget(&all, c);
	told("r");
}
END_TEST

START_TEST(a_link_of_ours_is_known_for_a_while)
{
	struct interface *here = add("a", 7, 0), *there = add("b", 8, 5);

	ck_assert(interfaces_is_own(&all, 7));
	ck_assert(!interfaces_is_own(&all, 8));
	ck_assert(!interfaces_is_own(&all, 0));
	interfaces_forget(&all, here);
	interfaces_forget(&all, there);
	ck_assert(interfaces_is_own(&all, 7));
	ck_assert(!interfaces_is_own(&all, 8));
	for (uint32_t i = 1; i < INTERFACES_PAST; i++)
		interfaces_remember(&all, 100 + i);
	ck_assert(interfaces_is_own(&all, 7));
	interfaces_remember(&all, 200);
	ck_assert(!interfaces_is_own(&all, 7));
	ck_assert(interfaces_is_own(&all, 101));
	ck_assert(interfaces_is_own(&all, 200));
	ck_assert(!interfaces_is_own(&all, 0));
}
END_TEST

START_TEST(a_family_that_is_off_is_not_there)
{
	struct interface interface = { .now = wanted("a", "10.99.0.2", "fd99::2", 1) };
	struct request_interface present = interface_present(&interface);

	ck_assert(addr_is_set(&present.local4) && addr_is_set(&present.remote4));
	ck_assert(addr_is_set(&present.local6) && addr_is_set(&present.remote6));
	ck_assert(!interface_family_is_off(&interface, AF_INET));
	ck_assert(!interface_family_is_off(&interface, AF_INET6));
	interface.off6 = true;
	present = interface_present(&interface);
	ck_assert(addr_is_set(&present.local4) && addr_is_set(&present.remote4));
	ck_assert(!addr_is_set(&present.local6) && !addr_is_set(&present.remote6));
	ck_assert(!interface_family_is_off(&interface, AF_INET));
	ck_assert(interface_family_is_off(&interface, AF_INET6));
	interface.off6 = false;
	interface.off4 = true;
	present = interface_present(&interface);
	ck_assert(!addr_is_set(&present.local4) && !addr_is_set(&present.remote4));
	ck_assert(addr_is_set(&present.local6) && addr_is_set(&present.remote6));
	ck_assert(interface_family_is_off(&interface, AF_INET));
	ck_assert(!interface_family_is_off(&interface, AF_INET6));
}
END_TEST

START_TEST(what_is_here_is_reached_from_here)
{
	struct interface_target nowhere = { .name = "cv%d", .netns = "no-such-one" };
	struct interface_target place = { .name = "cv%d", .netns = "" };
	struct interface *interface = add("a", 7, 0);
	struct netns_id netns = { .inode = 4 };
	struct netlink *netlink = NULL;

	all.netlink = (struct netlink *)(void *)&all; /* some place; nobody looks into it */
	ck_assert_int_eq(interfaces_enter(&all, interface, &netlink, &problem), 0);
	ck_assert_ptr_eq(netlink, all.netlink);
	netlink = NULL;
	ck_assert_int_eq(interfaces_enter_target(&all, &place, &netns, &netlink, &problem), 0);
	ck_assert_ptr_eq(netlink, all.netlink);
	ck_assert_uint_eq(netns.inode, 0);
	ck_assert_int_eq(
		interfaces_enter_target(&all, &nowhere, &netns, &netlink, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "no-such-one"));
	forget_all();
}
END_TEST

START_TEST(an_interface_of_elsewhere_that_is_gone)
{
	struct interface *interface = add("a", 7, 5);
	struct netlink *netlink = NULL;

	/* Its descriptor is no TUN's. */
	ck_assert_int_lt(interfaces_enter(&all, interface, &netlink, &problem), 0);
	ck_assert_ptr_null(netlink);
	ck_assert_ptr_nonnull(strstr(problem.text, "cannot find its network namespace"));
	forget_all();
}
END_TEST

START_TEST(metrics_and_tables_of_routes)
{
	struct interface interface = { .metric = 50 };
	struct prefix one = prefix("10.1.0.0/16"), longer = prefix("10.1.0.0/24");

	ck_assert_uint_eq(interface_routes_metric(&interface), 50);
	interface.idle = true;
	ck_assert_uint_eq(interface_routes_metric(&interface), 50 + INTERFACE_METRIC_IDLE);
	ck_assert_uint_eq(interface_route_table(&all), RT_TABLE_MAIN);
	all.table = 1067;
	ck_assert_uint_eq(interface_route_table(&all), 1067);
	ck_assert(!interface_has_route(&interface, &one));
	interface.routes = &one;
	interface.route_count = 1;
	ck_assert(interface_has_route(&interface, &one));
	ck_assert(!interface_has_route(&interface, &longer));
}
END_TEST

/* ---- in the kernel ---- */

static const struct interface_target somewhere = { .name = "cv%d", .netns = "", .metric = 50 };

static void enter(void)
{
	setup();
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(netlink_open(&all.netlink, &problem), 0);
	ck_assert_int_eq(netns_own(&all.home), 0);
}

static void leave(void)
{
	interfaces_remove_all(&all, "the test ends");
	ck_assert_uint_eq(all.count, 0);
	netlink_close(all.netlink);
}

static struct interface *bring(const struct request_interface *request)
{
	struct interface *interface = NULL;
	int r = interfaces_bring(&all, request, &somewhere, &interface, &problem);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	ck_assert_ptr_nonnull(interface);
	return interface;
}

static struct interface *bring_one(const char *peer, const char *local4, const char *local6)
{
	struct request_interface request = wanted(peer, local4, local6, 1);

	return bring(&request);
}

static bool has_address_in(
	struct netlink *netlink, uint32_t index, const char *local, const char *remote)
{
	struct addr a = address(local), b = address(remote);
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

static bool has_address(const struct interface *interface, const char *local)
{
	return has_address_in(
		all.netlink, interface->index, local, strchr(local, ':') ? "fd99::1" : "10.99.0.1");
}

struct search {
	struct prefix prefix;
	uint32_t link, metric;
	unsigned hops, routes; /* of that metric; with `link` among the hops if that is not 0 */
};

static void take_route(void *context, const struct netlink_seen_route *route)
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

static struct search look_for(const char *text, uint32_t link, uint32_t metric)
{
	struct search search = { .prefix = prefix(text), .link = link, .metric = metric };
	struct netlink_query query = { .family = search.prefix.addr.family };

	ck_assert_int_eq(netlink_routes(all.netlink, &query, take_route, &search, &problem), 0);
	return search;
}

static bool leads_to(const struct interface *interface, const char *text)
{
	return look_for(text, interface->index, interface_routes_metric(interface)).routes > 0;
}

static bool link_is_there(uint32_t index)
{
	uint32_t mtu;
	bool up;

	return netlink_link_state(all.netlink, index, &up, &mtu, &problem) == 0;
}

static int route_add(struct interface *interface, const char *text)
{
	struct prefix route = prefix(text);

	return interface_route_add(&all, interface, &route, &problem);
}

static int route_delete(struct interface *interface, const char *text)
{
	struct prefix route = prefix(text);

	return interface_route_delete(&all, interface, &route, &problem);
}

/* The namespace is the test's own, and so are the switches that it has. */
static void set_ipv6_off(bool off)
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

START_TEST(one_is_made)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");
	uint32_t mtu, group, index;
	bool up;

	told("m");
	ck_assert_uint_eq(interface->number, 1);
	ck_assert_str_eq(interface->name, "cv0");
	ck_assert_int_eq(netlink_link_index(all.netlink, "cv0", &index), 0);
	ck_assert_uint_eq(index, interface->index);
	ck_assert_uint_eq(interface->metric, 50);
	ck_assert_uint_eq(interface->now.queues, 1);
	ck_assert_uint_eq(interface->now.mtu, 1400);
	ck_assert_uint_eq(interface->netns.inode, 0);
	ck_assert_int_eq(netlink_link_state(all.netlink, index, &up, &mtu, &problem), 0);
	ck_assert(up);
	ck_assert_uint_eq(mtu, 1400);
	ck_assert_int_eq(netlink_link_group(all.netlink, index, &group, &problem), 0);
	ck_assert_uint_eq(group, INTERFACES_GROUP);
	ck_assert(has_address(interface, "10.99.0.2"));
	ck_assert(has_address(interface, "fd99::2"));
	ck_assert(
		logged("a: interface cv0 made: 10.99.0.2 peer 10.99.0.1, fd99::2 peer fd99::1, mtu "
		       "1400, queues 1"));
}
END_TEST

START_TEST(the_same_again_changes_nothing)
{
	struct interface *first = bring_one("a", "10.99.0.2", "fd99::2");

	told("m");
	log_forget();
	ck_assert_ptr_eq(bring_one("a", "10.99.0.2", "fd99::2"), first);
	told("");
	ck_assert_uint_eq(all.count, 1);
	ck_assert(!logged("changed"));
}
END_TEST

START_TEST(another_mtu)
{
	struct interface *interface = bring_one("a", "10.99.0.2", NULL);
	struct request_interface request = wanted("a", "10.99.0.2", NULL, 1);
	uint32_t mtu;
	bool up;

	request.mtu = 1300;
	ck_assert_ptr_eq(bring(&request), interface);
	ck_assert_int_eq(netlink_link_state(all.netlink, interface->index, &up, &mtu, &problem), 0);
	ck_assert_uint_eq(mtu, 1300);
	ck_assert(logged("a: interface cv0 changed: 10.99.0.2 peer 10.99.0.1, mtu 1300"));
}
END_TEST

/* The routes go with the addresses, and come back. */
START_TEST(other_addresses)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");

	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_int_eq(route_add(interface, "fd01::/64"), 0);
	ck_assert_ptr_eq(bring_one("a", "10.99.0.3", "fd99::3"), interface);
	ck_assert(!has_address(interface, "10.99.0.2"));
	ck_assert(!has_address(interface, "fd99::2"));
	ck_assert(has_address(interface, "10.99.0.3"));
	ck_assert(has_address(interface, "fd99::3"));
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	ck_assert(leads_to(interface, "fd01::/64"));
	ck_assert_uint_eq(interface->route_count, 2);
	ck_assert(logged("changed: 10.99.0.3 peer 10.99.0.1, fd99::3 peer fd99::1"));
	/* One family alone, and none of the other any more. */
	ck_assert_int_eq(route_delete(interface, "fd01::/64"), 0);
	ck_assert_ptr_eq(bring_one("a", "10.99.0.3", NULL), interface);
	ck_assert(has_address(interface, "10.99.0.3"));
	ck_assert(!has_address(interface, "fd99::3"));
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	told("maad");
}
END_TEST

START_TEST(a_name_that_is_taken)
{
	struct interface_target place = { .name = "tun-a", .netns = "", .metric = 50 };
	struct request_interface a = wanted("a", "10.99.0.2", NULL, 1);
	struct request_interface b = wanted("b", "10.99.0.3", NULL, 1);
	struct interface *interface = NULL;

	ck_assert_int_eq(interfaces_bring(&all, &a, &place, &interface, &problem), 0);
	ck_assert_str_eq(interface->name, "tun-a");
	interface = NULL;
	ck_assert_int_eq(interfaces_bring(&all, &b, &place, &interface, &problem), -EBUSY);
	ck_assert_ptr_null(interface);
	ck_assert_ptr_nonnull(strstr(problem.text, "an interface named tun-a exists already"));
	ck_assert_uint_eq(all.count, 1);
	told("m");
}
END_TEST

/* On failure there is no new interface, neither here nor in the kernel. */
START_TEST(what_cannot_be_set_up_is_gone)
{
	struct request_interface request = wanted("a", NULL, "fd99::2", 1);
	struct interface *interface = NULL;

	set_ipv6_off(true);
	ck_assert_int_eq(
		interfaces_bring(&all, &request, &somewhere, &interface, &problem), -EACCES);
	ck_assert_ptr_null(interface);
	ck_assert_ptr_nonnull(strstr(problem.text, "interface cv0: "));
	ck_assert_ptr_nonnull(strstr(problem.text, "IPv6 is off here: sysctl"));
	ck_assert_uint_eq(if_nametoindex("cv0"), 0);
	ck_assert_uint_eq(all.count, 0);
	told("");
}
END_TEST

START_TEST(one_family_goes_without_the_other)
{
	struct interface *interface;

	set_ipv6_off(true);
	interface = bring_one("a", "10.99.0.2", "fd99::2");
	ck_assert(interface->off6);
	ck_assert(!interface->off4);
	ck_assert(addr_is_set(&interface->now.local6)); /* it is still wanted */
	ck_assert(logged("a: interface cv0 goes without IPv6: "));
	log_forget();
	ck_assert_ptr_eq(bring_one("a", "10.99.0.2", "fd99::2"), interface);
	ck_assert(!logged("goes without"));
	/* A route of the family that is off stays in the registry for later. */
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_ptr_eq(bring_one("a", "10.99.0.9", "fd99::9"), interface);
	ck_assert(has_address(interface, "10.99.0.9"));
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	set_ipv6_off(false);
	log_forget();
	ck_assert_ptr_eq(bring_one("a", "10.99.0.9", "fd99::9"), interface);
	ck_assert(!interface->off6);
	ck_assert(has_address(interface, "fd99::9"));
	ck_assert(logged("a: interface cv0 has IPv6 again"));
}
END_TEST

START_TEST(somebody_else_deletes_it)
{
	struct interface *interface = bring_one("a", "10.99.0.2", NULL);
	uint32_t index = interface->index;

	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	told("ma");
	ck_assert_int_eq(netlink_link_delete(all.netlink, index, &problem), 0);
	interface = bring_one("a", "10.99.0.2", NULL);
	told("rm");
	ck_assert_uint_eq(interface->number, 2);
	ck_assert_uint_ne(interface->index, index);
	ck_assert_uint_eq(interface->route_count, 0);
	ck_assert_uint_eq(all.count, 1);
	ck_assert(logged("a: interface cv0 removed: another program deleted it"));
	ck_assert(interfaces_is_own(&all, index));
	/* Now it is removed, and gone already: nothing to complain of. */
	ck_assert_int_eq(netlink_link_delete(all.netlink, interface->index, &problem), 0);
	log_forget();
	interfaces_remove(&all, interface, "the session has ended");
	told("r");
	ck_assert(logged("removed: the session has ended"));
	ck_assert(!logged("warning"));
}
END_TEST

START_TEST(one_is_removed)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);
	struct interface *b = bring_one("b", "10.99.0.3", NULL);
	uint32_t index = a->index;

	interfaces_remove(&all, a, "the session has ended");
	told("mmr");
	ck_assert(!link_is_there(index));
	ck_assert(link_is_there(b->index));
	ck_assert_uint_eq(all.count, 1);
}
END_TEST

START_TEST(all_are_removed)
{
	uint32_t others;

	for (unsigned count = 1; count <= 4; count++) {
		uint32_t indices[4] = { 0 };

		for (unsigned i = 0; i < count; i++) {
			char peer[2] = { (char)('a' + i), '\0' }, local[16];

			(void)snprintf(local, sizeof(local), "10.99.0.%u", 10 + i);
			indices[i] = bring_one(peer, local, NULL)->index;
		}
		if (count == 4) /* one is gone already */
			ck_assert_int_eq(netlink_link_delete(all.netlink, indices[2], &problem), 0);
		memset(events, 0, sizeof(events));
		interfaces_remove_all(&all, "the program stops");
		ck_assert_uint_eq(strlen(events), count);
		ck_assert_uint_eq(strspn(events, "r"), count);
		ck_assert_uint_eq(all.count, 0);
		for (unsigned i = 0; i < count; i++)
			ck_assert(!link_is_there(indices[i]));
	}
	ck_assert(!logged("warning"));
	ck_assert_int_eq(netlink_link_index(all.netlink, "lo", &others), 0);
}
END_TEST

START_TEST(an_interface_is_stripped)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");

	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_int_eq(interfaces_strip(&all, interface, &problem), 0);
	ck_assert(!has_address(interface, "10.99.0.2"));
	ck_assert(!has_address(interface, "fd99::2"));
	ck_assert(!addr_is_set(&interface->now.local4));
	ck_assert(!addr_is_set(&interface->now.local6));
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	ck_assert_ptr_eq(bring_one("a", "10.99.0.4", "fd99::4"), interface);
	ck_assert(has_address(interface, "10.99.0.4"));
	ck_assert(has_address(interface, "fd99::4"));
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	ck_assert_int_eq(netlink_link_delete(all.netlink, interface->index, &problem), 0);
	ck_assert_int_lt(interfaces_strip(&all, interface, &problem), 0);
	ck_assert_ptr_nonnull(strstr(problem.text, "interface cv0"));
}
END_TEST

/* ---- queues ---- */

static bool is_attached(int fd)
{
	struct ifreq request = { .ifr_flags = 0 };

	ck_assert_int_eq(ioctl(fd, TUNGETIFF, &request), 0);
	return (request.ifr_flags & IFF_DETACH_QUEUE) == 0;
}

START_TEST(several_queues_are_handed_over_detached)
{
	struct request_interface request = wanted("a", "10.99.0.2", NULL, 3);
	struct interface *interface = bring(&request);
	struct interface *plain = bring_one("b", "10.99.0.3", NULL);

	ck_assert_uint_eq(interface->now.queues, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(!is_attached(interface->queues[i]));
		ck_assert_int_eq(tun_queue_attach(interface->queues[i], true), 0);
		ck_assert(is_attached(interface->queues[i]));
	}
	/* What an engine leaves; one queue alone stays attached. */
	interfaces_detach_queues(&all);
	for (size_t i = 0; i < 3; i++)
		ck_assert(!is_attached(interface->queues[i]));
	ck_assert(is_attached(plain->queues[0]));
	/* Their number is fixed. */
	request.queues = 1;
	ck_assert_ptr_eq(bring(&request), interface);
	ck_assert_uint_eq(interface->now.queues, 3);
}
END_TEST

START_TEST(one_queue_where_nothing_spreads)
{
	struct request_interface request = wanted("a", "10.99.0.2", NULL, 3);

	all.single_queue = true;
	ck_assert_uint_eq(bring(&request)->now.queues, 1);
}
END_TEST

/* ---- routes ---- */

START_TEST(routes_come_and_go)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");
	struct prefix put = prefix("10.1.0.0/16");

	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0); /* is there */
	ck_assert_int_eq(route_add(interface, "fd01::/64"), 0);
	told("maa");
	ck_assert_uint_eq(interface->route_count, 2);
	ck_assert(leads_to(interface, "10.1.0.0/16"));
	ck_assert(leads_to(interface, "fd01::/64"));
	ck_assert_int_eq(interface_route_put_back(&all, interface, &put, &problem), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 1);
	ck_assert_int_eq(route_delete(interface, "10.2.0.0/16"), 0); /* was never there */
	told("");
	ck_assert_int_eq(route_delete(interface, "10.1.0.0/16"), 0);
	ck_assert_int_eq(route_delete(interface, "fd01::/64"), 0);
	told("dd");
	ck_assert(!leads_to(interface, "10.1.0.0/16"));
	ck_assert(!leads_to(interface, "fd01::/64"));
	ck_assert_uint_eq(interface->route_count, 0);
	/* More than the list has room for at first. */
	for (unsigned i = 0; i < 20; i++) {
		char text[24];

		(void)snprintf(text, sizeof(text), "10.3.%u.0/24", i);
		ck_assert_int_eq(route_add(interface, text), 0);
		ck_assert(leads_to(interface, text));
	}
	ck_assert_uint_eq(interface->route_count, 20);
	/* One of the list itself. */
	put = interface->routes[3];
	ck_assert_int_eq(
		interface_route_delete(&all, interface, &interface->routes[3], &problem), 0);
	ck_assert(!interface_has_route(interface, &put));
	ck_assert_uint_eq(interface->route_count, 19);
}
END_TEST

START_TEST(an_idle_interface_has_a_larger_metric)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");
	const uint32_t idle = 50 + INTERFACE_METRIC_IDLE;

	interface_set_idle(&all, interface, true); /* has no routes yet */
	ck_assert(!logged("is idle"));
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, idle).routes, 1);
	ck_assert_int_eq(route_add(interface, "fd01::/64"), 0);
	interface_set_idle(&all, interface, false);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, idle).routes, 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 1);
	ck_assert_uint_eq(look_for("fd01::/64", 0, 50).routes, 1);
	ck_assert(logged("a: cv0 is in use: its 2 routes have metric 50 now"));
	log_forget();
	interface_set_idle(&all, interface, false); /* is so already */
	ck_assert(!logged("is in use"));
	interface_set_idle(&all, interface, true);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 0);
	ck_assert_uint_eq(look_for("fd01::/64", 0, idle).routes, 1);
	ck_assert_int_eq(route_delete(interface, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, idle).routes, 0);
}
END_TEST

START_TEST(an_ipv4_prefix_is_shared)
{
	static const char text[] = "10.1.0.0/16";
	struct interface *a = bring_one("a", "10.99.0.2", "fd99::2");
	struct interface *b = bring_one("b", "10.99.0.3", "fd99::3");
	struct interface *c = bring_one("c", "10.99.0.4", "fd99::4");

	ck_assert_int_eq(route_add(a, text), 0);
	ck_assert_int_eq(route_add(b, text), 0);
	ck_assert_int_eq(route_add(c, text), 0);
	ck_assert(leads_to(a, text) && leads_to(b, text) && leads_to(c, text));
	ck_assert_int_eq(route_delete(b, text), 0);
	ck_assert(leads_to(a, text) && !leads_to(b, text) && leads_to(c, text));
	/* One that goes idle leaves the others. */
	interface_set_idle(&all, a, true);
	ck_assert_uint_eq(look_for(text, a->index, 50).routes, 0);
	ck_assert(leads_to(a, text) && leads_to(c, text));
	interface_set_idle(&all, a, false);
	ck_assert(leads_to(a, text) && leads_to(c, text));
	/* The interface goes, its routes with it, and no other's. */
	interfaces_remove(&all, a, "the session has ended");
	ck_assert(leads_to(c, text));
	ck_assert_uint_eq(look_for(text, 0, 50).hops, 1);
	ck_assert_int_eq(route_delete(c, text), 0);
	ck_assert_uint_eq(look_for(text, 0, 50).routes, 0);
}
END_TEST

/* The kernel shares it by gateway, so that the other ends have to differ. */
START_TEST(an_ipv6_prefix_is_shared)
{
	struct request_interface a = wanted("a", "10.99.0.2", "fd99::2", 1);
	struct request_interface b = wanted("b", "10.99.0.3", "fd99::3", 1);
	struct interface *first, *second;

	b.remote6 = address("fd99::100");
	first = bring(&a);
	second = bring(&b);
	ck_assert_int_eq(route_add(first, "fd01::/64"), 0);
	ck_assert_int_eq(route_add(second, "fd01::/64"), 0);
	ck_assert(leads_to(first, "fd01::/64") && leads_to(second, "fd01::/64"));
	ck_assert_int_eq(route_delete(first, "fd01::/64"), 0);
	ck_assert(!leads_to(first, "fd01::/64") && leads_to(second, "fd01::/64"));
	ck_assert_int_eq(route_add(first, "fd01::/64"), 0);
	interfaces_remove(&all, second, "the session has ended");
	ck_assert(leads_to(first, "fd01::/64"));
}
END_TEST

START_TEST(no_more_share_a_prefix_than_the_kernel_may)
{
	struct interface *interface = NULL;
	char peer[8], local[16];

	for (unsigned i = 0; i <= NETLINK_LINKS_MAX; i++) {
		(void)snprintf(peer, sizeof(peer), "p%u", i);
		(void)snprintf(local, sizeof(local), "10.99.1.%u", i + 1);
		interface = bring_one(peer, local, NULL);
		if (i < NETLINK_LINKS_MAX)
			ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	}
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), -EUSERS);
	ck_assert_str_eq(problem.text,
		"16 peers have 10.1.0.0/16 with metric 50 already, which is the most");
	ck_assert_uint_eq(interface->route_count, 0);
}
END_TEST

START_TEST(a_route_of_another_culvert)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);
	struct interface *b = bring_one("b", "10.99.0.3", NULL);
	struct netlink_route other = {
		.prefix = prefix("10.1.0.0/16"), .index = b->index, .priority = 50
	};

	/* The registry does not know it: another process of ours has made it. */
	ck_assert_int_eq(netlink_route_add(all.netlink, &other, &problem), 0);
	told("mm");
	ck_assert_int_eq(route_add(a, "10.1.0.0/16"), -EBUSY);
	ck_assert_ptr_nonnull(strstr(problem.text, "10.1.0.0/16"));
	ck_assert_uint_eq(a->route_count, 0);
	told("");
}
END_TEST

/* ---- elsewhere ---- */

static pid_t keeper;
static char elsewhere[32];

/* A process that keeps another namespace. */
static void keep_netns(void)
{
	int fds[2];
	char byte = 0;

	ck_assert_int_eq(pipe(fds), 0);
	keeper = fork();
	if (keeper == 0) {
		byte = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(fds[1], &byte, 1);
		close(fds[1]);
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	ck_assert_int_eq(byte, 1);
	(void)snprintf(elsewhere, sizeof(elsewhere), "pid:%d", (int)keeper);
}

static void end_keeper(void)
{
	ck_assert_int_eq(kill(keeper, SIGKILL), 0);
	ck_assert_int_eq(waitpid(keeper, NULL, 0), keeper);
}

static struct interface *bring_there(const char *peer, const char *local4)
{
	struct interface_target place = { .name = "vpn%d", .netns = elsewhere, .metric = 50 };
	struct request_interface request = wanted(peer, local4, NULL, 1);
	struct interface *interface = NULL;
	int r = interfaces_bring(&all, &request, &place, &interface, &problem);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	return interface;
}

static void lives_there(void)
{
	struct interface_target place = { .name = "vpn%d", .netns = elsewhere, .metric = 50 };
	struct interface *interface = bring_there("a", "10.99.0.2");
	struct netlink *netlink;
	struct netns_id netns;
	uint32_t index;

	ck_assert_str_eq(interface->name, "vpn0");
	ck_assert_uint_ne(interface->netns.inode, 0);
	ck_assert_uint_eq(if_nametoindex("vpn0"), 0);
	ck_assert_int_eq(interfaces_enter(&all, interface, &netlink, &problem), 0);
	ck_assert_ptr_ne(netlink, all.netlink);
	ck_assert_int_eq(netlink_link_index(netlink, "vpn0", &index), 0);
	ck_assert_uint_eq(index, interface->index);
	ck_assert(has_address_in(netlink, index, "10.99.0.2", "10.99.0.1"));
	interfaces_leave(&all);
	ck_assert_int_eq(interfaces_enter_target(&all, &place, &netns, &netlink, &problem), 0);
	ck_assert(netns_id_equal(&netns, &interface->netns));
	ck_assert_ptr_ne(netlink, all.netlink);
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 0);
	interfaces_leave(&all);
	ck_assert(logged("a: interface vpn0 made in network namespace pid:"));
	told("ma");
}

START_TEST(an_interface_elsewhere)
{
	struct interface *b;

	keep_netns();
	lives_there();
	/* The same prefix here is another matter. */
	b = bring_one("b", "10.99.0.3", NULL);
	ck_assert_int_eq(route_add(b, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).hops, 1);
	ck_assert_ptr_nonnull(bring_there("c", "10.99.0.4"));
	interfaces_remove_all(&all, "the program stops");
	ck_assert_uint_eq(all.count, 0);
	ck_assert(!logged("warning"));
	end_keeper();
}
END_TEST

START_TEST(an_interface_that_is_made_there)
{
	keep_netns();
	all.make_there = true;
	lives_there();
	interfaces_remove_all(&all, "the program stops");
	end_keeper();
}
END_TEST

START_TEST(home_by_another_name)
{
	struct interface *interface;

	(void)snprintf(elsewhere, sizeof(elsewhere), "pid:%d", (int)getpid());
	interface = bring_there("a", "10.99.0.2");
	ck_assert_uint_eq(interface->netns.inode, 0);
	ck_assert_uint_eq(if_nametoindex("vpn0"), interface->index);
}
END_TEST

START_TEST(a_namespace_that_is_not_there)
{
	struct interface_target place = { .name = "cv%d", .netns = "no-such-one" };
	struct request_interface request = wanted("a", "10.99.0.2", NULL, 1);
	struct interface *interface = NULL;

	ck_assert_int_eq(interfaces_bring(&all, &request, &place, &interface, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "no-such-one"));
	ck_assert_uint_eq(all.count, 0);
}
END_TEST

/* It takes the interface along: then that is gone as one that somebody has deleted. */
START_TEST(a_namespace_that_goes)
{
	struct interface *interface;
	struct netlink *netlink;
	char name[IFNAMSIZ];

	keep_netns();
	interface = bring_there("a", "10.99.0.2");
	interfaces_leave(&all);
	told("m");
	end_keeper();
	/* The kernel takes its time; to look in from outside would keep it alive. */
	for (int i = 0; i < 3000 && tun_name(interface->queues[0], name) == 0; i++)
		(void)usleep(1000);
	ck_assert_int_eq(interfaces_enter(&all, interface, &netlink, &problem), -ENODEV);
	interfaces_remove(&all, interface, "the session has ended");
	told("r");
	ck_assert(!logged("warning"));
}
END_TEST

/* Whether this process may have a network namespace of its own with TUN interfaces in it. */
static bool may_make(void)
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

static void add_case(Suite *suite, const char *name, const TTest *const *tests, size_t count,
	SFun before, SFun after)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, before, after);
	tcase_set_timeout(tcase, 20);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
}

#define ADD(suite, name, tests, before, after) \
	add_case(suite, name, tests, sizeof(tests) / sizeof((tests)[0]), before, after)

int main(void)
{
	const TTest *const registry[] = { each_is_found, numbers_are_given_once, any_of_them_may_go,
		a_link_of_ours_is_known_for_a_while, a_family_that_is_off_is_not_there,
		what_is_here_is_reached_from_here, an_interface_of_elsewhere_that_is_gone,
		metrics_and_tables_of_routes };
	const TTest *const life[] = { one_is_made, the_same_again_changes_nothing, another_mtu,
		other_addresses, a_name_that_is_taken, what_cannot_be_set_up_is_gone,
		one_family_goes_without_the_other, somebody_else_deletes_it, one_is_removed,
		all_are_removed, an_interface_is_stripped, several_queues_are_handed_over_detached,
		one_queue_where_nothing_spreads };
	const TTest *const routes[] = { routes_come_and_go, an_idle_interface_has_a_larger_metric,
		an_ipv4_prefix_is_shared, an_ipv6_prefix_is_shared,
		no_more_share_a_prefix_than_the_kernel_may, a_route_of_another_culvert };
	const TTest *const away[] = { an_interface_elsewhere, an_interface_that_is_made_there,
		home_by_another_name, a_namespace_that_is_not_there, a_namespace_that_goes };
	Suite *suite = suite_create("interfaces");

	ADD(suite, "registry", registry, setup, NULL);
	if (may_make()) {
		ADD(suite, "life", life, enter, leave);
		ADD(suite, "routes", routes, enter, leave);
		ADD(suite, "elsewhere", away, enter, leave);
	} else {
		(void)printf("interfaces: what needs root and /dev/net/tun is left out\n");
	}
	return unit_run("interfaces", suite);
}
