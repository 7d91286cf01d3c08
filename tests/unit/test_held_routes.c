/* SPDX-License-Identifier: Apache-2.0 */
/* check: own-process */
/* The routes that stand in for those of an idle interface. */
#include "netd/held_routes.h"
#include "system/netlink_lookup.h"
#include "tests/unit/interfaces_fixture.h"

static const struct netns_id here;

static void update(void)
{
	int r = held_routes_update(&all, &here, all.netlink, &problem);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
}

static void shell(const char *command)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(status == 0, "%s", command);
}

static void ip(const char *words)
{
	char command[160];

	(void)snprintf(command, sizeof(command), "ip %s", words);
	shell(command);
}

/* A host with a network of its own: 192.0.2.0/24 on the link d0. */
static void with_network(void)
{
	ip("link set lo up");
	ip("link add d0 type veth peer name d1");
	ip("link set d0 up");
	ip("link set d1 up");
	ip("addr add 192.0.2.1/24 dev d0");
	ip("addr add 2001:db8::1/64 dev d0 nodad");
}

/* Returns the link's name, or "" where the kernel lets no packet to the address leave. */
static const char *leaves_by(const char *address)
{
	static char name[IF_NAMESIZE];
	struct addr to = addr_of(address);
	struct netlink_way way;

	if (netlink_lookup(all.netlink, &to, &way, NULL) < 0 || !way.unicast ||
		!if_indextoname(way.index, name))
		name[0] = '\0';
	return name;
}

static void leaves(const char *address, const char *link)
{
	ck_assert_msg(strcmp(leaves_by(address), link) == 0, "%s leaves by \"%s\"", address,
		leaves_by(address));
}

START_TEST(without_another_way_nothing_leaves)
{
	struct interface *a = bring_one("a", "10.99.0.2", "fd99::2");

	with_network();
	ip("route add default via 192.0.2.9");
	ip("-6 route add default via 2001:db8::9");
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	ck_assert_int_eq(route_add(a, "fd01::/64"), 0);
	leaves("10.1.7.1", a->name);
	interface_set_idle(&all, a, true);
	update();
	leaves("10.1.7.1", "");
	leaves("fd01::1", "");
	leaves("10.1.8.1", "d0");
	interface_set_idle(&all, a, false);
	update();
	leaves("10.1.7.1", a->name);
	leaves("fd01::1", a->name);
}
END_TEST

START_TEST(a_covering_prefix_of_a_live_peer_wins)
{
	struct interface *a = bring_one("a", "10.99.0.2", "fd99::2");
	struct interface *b = bring_one("b", "10.99.0.3", "fd99::3");

	with_network();
	ip("route add default via 192.0.2.9");
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	ck_assert_int_eq(route_add(a, "10.1.8.0/24"), 0);
	ck_assert_int_eq(route_add(a, "fd01:0:0:7::/64"), 0);
	ck_assert_int_eq(route_add(b, "10.1.0.0/16"), 0);
	ck_assert_int_eq(route_add(b, "fd01::/48"), 0);
	update(); /* none is idle */
	ck_assert(!held_routes_any(&all, &here));
	interface_set_idle(&all, a, true);
	ck_assert(held_routes_any(&all, &here));
	ck_assert(is_held(a, "10.1.7.0/24")); /* until the live ways are known */
	update();
	leaves("10.1.7.1", b->name);
	leaves("10.1.8.1", b->name);
	leaves("fd01:0:0:7::1", b->name);
	/* One for both, where it loses; there is no moment in which packets could leave in clear. */
	ck_assert(is_held(a, "10.1.0.0/16") && is_held(a, "fd01::/48"));
	ck_assert(!is_held(a, "10.1.7.0/24") && !is_held(a, "10.1.8.0/24"));
	ck_assert_uint_eq(a->held.count, 2);
	ck_assert_int_eq(route_delete(b, "10.1.0.0/16"), 0);
	leaves("10.1.7.1", "");
	update();
	leaves("10.1.7.1", "");
	leaves("10.1.9.1", "d0");
	ck_assert(!is_held(a, "10.1.0.0/16"));
	ck_assert_int_eq(route_add(b, "10.1.0.0/16"), 0);
	update();
	leaves("10.1.7.1", b->name);
	/* Both are idle: each holds its own. */
	interface_set_idle(&all, b, true);
	leaves("10.1.7.1", "");
	update();
	leaves("10.1.7.1", "");
	ck_assert(is_held(a, "10.1.7.0/24") && is_held(b, "10.1.0.0/16"));
	ck_assert(!is_held(a, "10.1.0.0/16"));
	interface_set_idle(&all, b, false);
	update();
	leaves("10.1.7.1", b->name);
	interface_set_idle(&all, a, false);
	leaves("10.1.7.1", a->name);
	update();
	ck_assert(!held_routes_any(&all, &here));
	ck_assert_int_eq(held_routes_find_left(all.netlink, &problem), 0);
}
END_TEST

/* The routes before it stay until it is over, and are not forgotten. */
START_TEST(an_addition_that_fails)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);
	struct interface *b = bring_one("b", "10.99.0.3", NULL);
	char words[96];

	with_network();
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	update();
	/* Another program has the place of the next held route. */
	(void)snprintf(words, sizeof(words), "route add unreachable 10.1.0.0/16 metric %u",
		held_routes_metric(a));
	ip(words);
	ck_assert_int_eq(route_add(b, "10.1.0.0/16"), 0);
	ck_assert_int_lt(held_routes_update(&all, &here, all.netlink, &problem), 0);
	leaves("10.1.7.1", "");
	ck_assert(is_held(a, "10.1.7.0/24"));
	update();
	leaves("10.1.7.1", b->name);
	ck_assert(!is_held(a, "10.1.7.0/24"));
}
END_TEST

/* Those of routing daemons, and of another Culvert's peers. */
START_TEST(live_ways_of_others)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);

	with_network();
	ip("route add default via 192.0.2.9");
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	ip("route add 10.1.0.0/16 via 192.0.2.7 proto bird metric 32");
	update();
	leaves("10.1.7.1", "d0");
	ck_assert(is_held(a, "10.1.0.0/16"));
	ip("route del 10.1.0.0/16 proto bird");
	leaves("10.1.7.1", "");
	ip("route add 10.1.0.0/20 dev d1 proto 67 metric 1024");
	update();
	leaves("10.1.7.1", "d1");
	ip("route add 10.1.7.0/24 via 192.0.2.7 metric 4000"); /* the same prefix wins by its metric */
	leaves("10.1.7.1", "d0");
	update();
	leaves("10.1.7.1", "d0");
	/* Into the idle interface itself, or with a metric that loses to the held route. */
	ip("route del 10.1.7.0/24 metric 4000");
	ip("route del 10.1.0.0/20 proto 67");
	ip("route add 10.1.0.0/16 dev cv0 proto bird");
	update();
	ck_assert(is_held(a, "10.1.7.0/24"));
	leaves("10.1.7.1", "");
	ip("route replace 10.1.0.0/16 via 192.0.2.7 proto bird metric 20000000");
	ip("route del 10.1.0.0/16 dev cv0 proto bird");
	update();
	ck_assert(is_held(a, "10.1.7.0/24"));
}
END_TEST

/* Nothing says that these lead to the same network. */
START_TEST(ways_that_may_leave_in_clear)
{
	static const char *const routes[] = { "10.0.0.0/8 via 192.0.2.7",
		"10.0.0.0/8 via 192.0.2.7 proto static", "10.0.0.0/8 via 192.0.2.7 proto dhcp",
		"10.0.0.0/8 dev d0 proto kernel scope link", "10.0.0.0/7 via 192.0.2.7 proto ra",
		"default via 192.0.2.7 proto bird", "0.0.0.0/1 via 192.0.2.7 proto bird" };
	struct interface *a = bring_one("a", "10.99.0.2", NULL);
	struct interface *b = bring_one("b", "10.99.0.3", NULL);

	with_network();
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		char words[80];

		(void)snprintf(words, sizeof(words), "route add %s", routes[i]);
		ip(words);
		update();
		leaves("10.1.7.1", "");
		ck_assert_msg(is_held(a, "10.1.7.0/24"), "%s", routes[i]);
		words[6] = 'd', words[7] = 'e', words[8] = 'l';
		ip(words);
	}
	ck_assert_int_eq(route_add(b, "0.0.0.0/0"), 0);
	update();
	leaves("10.1.7.1", "");
	/* A live way, but the kernel would take a longer prefix that is none. */
	ck_assert_int_eq(route_add(b, "10.0.0.0/8"), 0);
	ip("route add 10.1.0.0/16 via 192.0.2.7 proto static");
	update();
	leaves("10.1.7.1", "");
	/* Two routes to one prefix: the kernel takes the better. */
	ip("route add 10.1.0.0/16 via 192.0.2.7 proto bird metric 9");
	update();
	leaves("10.1.7.1", "");
	ip("route del 10.1.0.0/16 proto static");
	update();
	leaves("10.1.7.1", "d0");
}
END_TEST

START_TEST(routes_come_and_go_while_idle)
{
	struct interface *a = bring_one("a", "10.99.0.2", "fd99::2");

	interface_set_idle(&all, a, true);
	ck_assert(!held_routes_any(&all, &here));
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	ck_assert_int_eq(route_add(a, "10.1.6.0/24"), 0);
	update();
	ck_assert_uint_eq(a->held.count, 2);
	ck_assert_int_eq(route_delete(a, "10.1.7.0/24"), 0);
	update();
	ck_assert(!is_held(a, "10.1.7.0/24") && is_held(a, "10.1.6.0/24"));
	/* Another program removes it. */
	ip("route flush proto 68");
	ck_assert(!is_held(a, "10.1.6.0/24"));
	ck_assert_int_eq(interface_route_put_back(&all, a, &a->held.items[0], &problem), 0);
	ck_assert_int_eq(interface_route_put_back(&all, a, &a->held.items[0], &problem), 0);
	ck_assert(is_held(a, "10.1.6.0/24"));
	ck_assert_int_eq(route_delete(a, "10.1.6.0/24"), 0);
	update();
	ck_assert_uint_eq(a->held.count, 0);
	ck_assert(!held_routes_any(&all, &here));
	/* The kernel refuses one: the other is held. */
	a->off6 = true;
	ck_assert_int_eq(route_add(a, "10.1.5.0/24"), 0);
	update();
	ck_assert(is_held(a, "10.1.5.0/24"));
}
END_TEST

START_TEST(no_held_route_outlives_its_interface)
{
	struct interface *a = bring_one("a", "10.99.0.2", "fd99::2");
	struct interface *b = bring_one("b", "10.99.0.3", NULL);
	uint32_t metric = held_routes_metric(a);

	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	ck_assert_int_eq(route_add(b, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	interface_set_idle(&all, b, true);
	ck_assert(is_held(a, "10.1.7.0/24") && is_held(b, "10.1.7.0/24"));
	interfaces_remove(&all, a, "the session has ended");
	ck_assert_uint_eq(held_in(all.netlink, "10.1.7.0/24", metric), 0);
	ck_assert(is_held(b, "10.1.7.0/24"));
	/* All at once. */
	metric = held_routes_metric(b);
	a = bring_one("a", "10.99.0.2", "fd99::2");
	ck_assert_int_eq(route_add(a, "fd01::/64"), 0);
	interface_set_idle(&all, a, true);
	interfaces_remove_all(&all, "the test ends");
	ck_assert_uint_eq(held_in(all.netlink, "10.1.7.0/24", metric), 0);
	ip("route flush proto 67"); /* of nothing: the words are for the shell's error */
	ck_assert_int_eq(held_routes_find_left(all.netlink, &problem), 0);
}
END_TEST

START_TEST(leftovers_are_swept)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);

	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	ck_assert_int_eq(held_routes_find_left(all.netlink, &problem), 0);
	ck_assert_int_eq(held_routes_sweep(all.netlink, &problem), 0);
	ck_assert(is_held(a, "10.1.7.0/24"));
	with_network();
	ip("route add unreachable 10.2.0.0/16 proto 68 metric 10000999"); /* whose link is gone */
	ip("route add unreachable fd02::/64 proto 68 metric 10000999");
	ip("route add unreachable 10.3.0.0/16 proto 68 metric 5"); /* another program's */
	ip("route add unreachable 10.4.0.0/16 proto static metric 10000999");
	ck_assert_int_eq(held_routes_find_left(all.netlink, &problem), 2);
	ck_assert_int_eq(held_routes_sweep(all.netlink, &problem), 2);
	ck_assert_int_eq(held_routes_find_left(all.netlink, &problem), 0);
	ck_assert(is_held(a, "10.1.7.0/24"));
	ck_assert_uint_eq(held_in(all.netlink, "10.2.0.0/16", 10000999), 0);
	ck_assert_uint_eq(held_in(all.netlink, "10.3.0.0/16", 5), 1);
}
END_TEST

/* A full tunnel's table is the only one that it uses. */
START_TEST(in_a_full_tunnels_table)
{
	struct interface *a = bring_one("a", "10.99.0.2", NULL);

	with_network();
	all.table = 25470;
	ip("route add 10.1.0.0/16 via 192.0.2.7 proto bird"); /* in the main one */
	ck_assert_int_eq(route_add(a, "10.1.7.0/24"), 0);
	interface_set_idle(&all, a, true);
	update();
	ck_assert(!is_held(a, "10.1.7.0/24"));
	ck_assert_uint_eq(a->held.count, 1);
	shell("ip route show table 25470 | grep -q 'unreachable 10.1.7.0/24 proto 68'");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { without_another_way_nothing_leaves,
		a_covering_prefix_of_a_live_peer_wins, an_addition_that_fails, live_ways_of_others,
		ways_that_may_leave_in_clear, routes_come_and_go_while_idle,
		no_held_route_outlives_its_interface, leftovers_are_swept,
		in_a_full_tunnels_table };
	Suite *suite = suite_create("held_routes");

	if (may_make())
		ADD(suite, "held", tests, enter, leave);
	else
		(void)printf("held_routes: what needs root and /dev/net/tun is left out\n");
	return unit_run("held_routes", suite);
}
