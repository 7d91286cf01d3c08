/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of interfaces, and how one is made, changed and removed. */
#include "tests/unit/interfaces_fixture.h"

START_TEST(each_is_found)
{
	struct identity a_peer = identity_of("a"), b_peer = identity_of("b"),
			other = identity_of("c");
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
	ck_assert_int_eq(netlink_link_state(all.netlink, index, &up, &mtu, NULL, &problem), 0);
	ck_assert(up);
	ck_assert_uint_eq(mtu, 1400);
	ck_assert_int_eq(netlink_link_group(all.netlink, index, &group, &problem), 0);
	ck_assert_uint_eq(group, INTERFACES_GROUP);
	ck_assert(has_address(interface, "10.99.0.2"));
	ck_assert(has_address(interface, "fd99::2"));
	ck_assert(log_has(
		"a: interface cv0 made: 10.99.0.2 peer 10.99.0.1, fd99::2 peer fd99::1, mtu "
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
	ck_assert(!log_has("changed"));
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
	ck_assert_int_eq(
		netlink_link_state(all.netlink, interface->index, &up, &mtu, NULL, &problem), 0);
	ck_assert_uint_eq(mtu, 1300);
	ck_assert(log_has("a: interface cv0 changed: 10.99.0.2 peer 10.99.0.1, mtu 1300"));
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
	ck_assert(log_has("changed: 10.99.0.3 peer 10.99.0.1, fd99::3 peer fd99::1"));
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
	ck_assert_ptr_nonnull(
		strstr(problem.text, "IPv6 is disabled on this host: enable it by sysctl"));
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
	ck_assert(log_has("a: interface cv0 carries no IPv6: "));
	log_forget();
	ck_assert_ptr_eq(bring_one("a", "10.99.0.2", "fd99::2"), interface);
	ck_assert(!log_has("carries no"));
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
	ck_assert(log_has("a: interface cv0 carries IPv6 again"));
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
	ck_assert(log_has("a: interface cv0 removed: another program deleted it"));
	ck_assert(interfaces_is_own(&all, index));
	/* Now it is removed, and gone already: nothing to complain of. */
	ck_assert_int_eq(netlink_link_delete(all.netlink, interface->index, &problem), 0);
	log_forget();
	interfaces_remove(&all, interface, "the session has ended");
	told("r");
	ck_assert(log_has("removed: the session has ended"));
	ck_assert(!log_has("warning"));
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
	ck_assert(!log_has("warning"));
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

int main(void)
{
	const TTest *const registry[] = { each_is_found, numbers_are_given_once, any_of_them_may_go,
		a_link_of_ours_is_known_for_a_while, a_family_that_is_off_is_not_there,
		what_is_here_is_reached_from_here };
	const TTest *const life[] = { one_is_made, the_same_again_changes_nothing, another_mtu,
		other_addresses, a_name_that_is_taken, what_cannot_be_set_up_is_gone,
		one_family_goes_without_the_other, somebody_else_deletes_it, one_is_removed,
		all_are_removed, an_interface_is_stripped, several_queues_are_handed_over_detached,
		one_queue_where_nothing_spreads };
	Suite *suite = suite_create("interfaces");

	ADD(suite, "registry", registry, setup, NULL);
	if (may_make()) {
		ADD(suite, "life", life, enter, leave);
	} else {
		(void)printf("interfaces: what needs root and /dev/net/tun is left out\n");
	}
	return unit_run("interfaces", suite);
}
