/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of interfaces. */
#include "tests/unit/interfaces_fixture.h"

START_TEST(metrics_and_tables_of_routes)
{
	struct interface interface = { .metric = 50, .index = 7 };

	struct prefix one = prefix_of("10.1.0.0/16"), longer = prefix_of("10.1.0.0/24");

	ck_assert_uint_eq(held_routes_metric(&interface), HELD_ROUTES_METRIC + 7);
	ck_assert_uint_eq(interfaces_table(&all), RT_TABLE_MAIN);
	all.table = 1067;
	ck_assert_uint_eq(interfaces_table(&all), 1067);
	ck_assert(!interface_has_route(&interface, &one));
	interface.routes = &one;
	interface.route_count = 1;
	ck_assert(interface_has_route(&interface, &one));
	ck_assert(!interface_has_route(&interface, &longer));
}
END_TEST

START_TEST(routes_come_and_go)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");
	struct prefix put = prefix_of("10.1.0.0/16");

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

START_TEST(an_idle_interface_holds_its_routes)
{
	struct interface *interface = bring_one("a", "10.99.0.2", "fd99::2");

	interface_set_idle(&all, interface, true); /* has no routes yet */
	told("mi");
	ck_assert(!log_has("the peer is"));
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert(is_held(interface, "10.1.0.0/16"));
	ck_assert(!leads_to(interface, "10.1.0.0/16"));
	ck_assert(log_has("metric 50, held until the peer is connected"));
	ck_assert_int_eq(route_add(interface, "fd01::/64"), 0);
	told("aa");
	interface_set_idle(&all, interface, false);
	told("u");
	ck_assert(leads_to(interface, "10.1.0.0/16") && leads_to(interface, "fd01::/64"));
	ck_assert(!is_held(interface, "10.1.0.0/16") && !is_held(interface, "fd01::/64"));
	ck_assert_uint_eq(interface->held.count, 0);
	ck_assert(log_has("a: the peer is connected: the 2 routes on cv0 are in use again"));
	log_forget();
	interface_set_idle(&all, interface, false); /* is so already */
	told("");
	ck_assert(!log_has("the peer is"));
	interface_set_idle(&all, interface, true);
	ck_assert(log_has("a: the peer is not connected: the 2 routes on cv0 give way to others"));
	ck_assert(!leads_to(interface, "10.1.0.0/16") && !leads_to(interface, "fd01::/64"));
	ck_assert(is_held(interface, "10.1.0.0/16") && is_held(interface, "fd01::/64"));
	/* The addresses change, and the routes with them: there is nothing of them in the kernel. */
	interface_routes_lift(&all, interface);
	ck_assert_int_eq(interface_routes_restore(&all, interface, &problem), 0);
	ck_assert(!leads_to(interface, "10.1.0.0/16") && is_held(interface, "10.1.0.0/16"));
	interfaces_remove(&all, interface, "the session has ended");
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 0);
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
	ck_assert(!leads_to(a, text) && is_held(a, text) && leads_to(c, text));
	ck_assert_uint_eq(look_for(text, 0, 50).hops, 1);
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

	b.remote6 = addr_of("fd99::100");
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
		.prefix = prefix_of("10.1.0.0/16"), .index = b->index, .priority = 50
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

int main(void)
{
	const TTest *const registry[] = { metrics_and_tables_of_routes };
	const TTest *const routes[] = { routes_come_and_go, an_idle_interface_holds_its_routes,
		an_ipv4_prefix_is_shared, an_ipv6_prefix_is_shared,
		no_more_share_a_prefix_than_the_kernel_may, a_route_of_another_culvert };
	Suite *suite = suite_create("interfaces_routes");

	ADD(suite, "registry", registry, setup, NULL);
	if (may_make()) {
		ADD(suite, "routes", routes, enter, leave);
	} else {
		(void)printf("interfaces_routes: what needs root and /dev/net/tun is left out\n");
	}
	return unit_run("interfaces_routes", suite);
}
