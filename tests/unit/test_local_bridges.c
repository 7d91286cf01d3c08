/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interfaces of a host lead to its own containers alone, and which lead outside.
 */
#include "netd/local_bridges.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "base/array.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum { ETH0 = 2, DOCKER0, VETH, LAN_BRIDGE, LAN_PORT, PLAIN_VETH, JOINT, JOINT_END, JOINED };

/*
 * eth0, docker0 with the port veth, br-lan with the port eth1, a veth alone, and br-joined, which a
 * pair of veths joins to br-lan.
 */
static const struct netlink_link links[] = {
	{ ETH0, "", 0, 0 },
	{ DOCKER0, "bridge", 0, 0 },
	{ VETH, "veth", DOCKER0, 0 },
	{ LAN_BRIDGE, "bridge", 0, 0 },
	{ LAN_PORT, "", LAN_BRIDGE, 0 },
	{ PLAIN_VETH, "veth", 0, 0 },
	{ JOINT, "veth", JOINED, JOINT_END },
	{ JOINT_END, "veth", LAN_BRIDGE, JOINT },
	{ JOINED, "bridge", 0, 0 },
};

static const struct prefix_list none;

static bool is_prefix(const struct local_network *network, const char *text)
{
	const struct prefix prefix = prefix_of(text);

	return prefix_equal(&network->prefix, &prefix);
}

static struct netlink_seen_route direct(const char *prefix, uint32_t link)
{
	return (struct netlink_seen_route){ .prefix = prefix_of(prefix),
		.links = { link },
		.link_count = 1,
		.table = RT_TABLE_MAIN,
		.protocol = RTPROT_KERNEL,
		.direct = true };
}

static struct netlink_seen_route by_gateway(const char *prefix, uint32_t link)
{
	struct netlink_seen_route route = direct(prefix, link);

	route.direct = false;
	route.protocol = RTPROT_DHCP;
	return route;
}

static struct local_bridges_host host_with(const struct netlink_seen_route *routes, size_t count)
{
	return (struct local_bridges_host){ .links = links,
		.link_count = ARRAY_SIZE(links),
		.routes = routes,
		.route_count = count };
}

static bool is_local(uint32_t link)
{
	const struct local_bridges_host host = host_with(NULL, 0);

	return local_bridges_is_local(&host, link);
}

START_TEST(only_bridges_without_uplink_and_veths_are_local)
{
	ck_assert(is_local(DOCKER0));
	ck_assert(is_local(PLAIN_VETH));
	ck_assert_msg(!is_local(ETH0), "a network card");
	ck_assert_msg(!is_local(LAN_BRIDGE), "a bridge with a network card");
	ck_assert_msg(!is_local(JOINED), "a bridge that is joined to that one");
	ck_assert_msg(!is_local(VETH), "a port has no networks");
	ck_assert_msg(!is_local(99), "one that is gone");
}
END_TEST

START_TEST(a_port_that_leads_outside_is_an_uplink)
{
	static const struct {
		const char *kind;
		bool local;
	} ports[] = { { "tun", true }, { "dummy", true }, { "", false }, { "vlan", false },
		{ "bond", false }, { "vxlan", false }, { "macvlan", false },
		{ "wireguard", false } };

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		struct netlink_link bridge[] = { { 7, "bridge", 0, 0 }, { 8, "", 7, 0 } };
		const struct local_bridges_host host = { .links = bridge, .link_count = 2 };

		(void)snprintf(bridge[1].kind, sizeof(bridge[1].kind), "%s", ports[i].kind);
		ck_assert_msg(local_bridges_is_local(&host, 7) == ports[i].local, "port \"%s\"",
			ports[i].kind);
	}
}
END_TEST

START_TEST(a_route_that_leads_on_is_a_way_outside)
{
	struct netlink_seen_route routes[] = { direct("172.17.0.0/16", DOCKER0),
		by_gateway("10.5.0.0/16", PLAIN_VETH) };
	struct local_bridges_host host = host_with(routes, 2);

	ck_assert(local_bridges_is_local(&host, DOCKER0));
	ck_assert_msg(!local_bridges_is_local(&host, PLAIN_VETH), "a gateway is there");
	routes[1].table = 100;
	ck_assert_msg(!local_bridges_is_local(&host, PLAIN_VETH), "in any table");
	routes[1] = direct("0.0.0.0/1", PLAIN_VETH);
	ck_assert_msg(!local_bridges_is_local(&host, PLAIN_VETH), "half of the world");
	routes[1] = direct("::/0", PLAIN_VETH);
	ck_assert_msg(!local_bridges_is_local(&host, PLAIN_VETH), "the world");
	routes[1].protocol = RTPROT_CULVERT;
	ck_assert_msg(local_bridges_is_local(&host, PLAIN_VETH), "our own routes do not count");
}
END_TEST

START_TEST(the_way_to_the_server_is_outside)
{
	const struct netlink_seen_route routes[] = { direct("172.17.0.0/16", DOCKER0),
		direct("192.0.2.0/24", PLAIN_VETH) };
	struct need server = { addr_of("192.0.2.2"), NEED_REMOTE };
	const struct needs needs = { .items = &server, .count = 1 };
	struct local_bridges_host host = host_with(routes, 2);

	host.outer = &needs;
	ck_assert(local_bridges_is_local(&host, DOCKER0));
	ck_assert_msg(!local_bridges_is_local(&host, PLAIN_VETH), "the server is there");
}
END_TEST

START_TEST(networks_are_direct_routes_of_the_main_table)
{
	struct netlink_seen_route routes[] = { direct("fd00:17::/64", DOCKER0),
		direct("172.17.0.0/16", DOCKER0), direct("172.17.0.0/16", DOCKER0),
		direct("fe80::/64", DOCKER0), direct("192.168.7.0/24", LAN_BRIDGE),
		direct("10.88.0.5/32", PLAIN_VETH), direct("10.9.0.0/16", DOCKER0),
		direct("10.8.0.0/16", DOCKER0) };
	struct local_bridges_host host = host_with(routes, ARRAY_SIZE(routes));
	struct local_network found[LOCAL_BRIDGES_NETWORKS_MAX];
	struct prefix wanted = prefix_of("172.16.0.0/12");
	const struct prefix_list except = { .items = &wanted, .count = 1 };

	routes[6].table = 9; /* of another table */
	routes[7].protocol = RTPROT_CULVERT;
	ck_assert_uint_eq(local_bridges_find(&host, &none, found), 3);
	ck_assert(found[0].link == DOCKER0 && found[1].link == DOCKER0);
	ck_assert(is_prefix(&found[0], "172.17.0.0/16"));
	ck_assert(is_prefix(&found[1], "fd00:17::/64"));
	ck_assert(found[2].link == PLAIN_VETH);
	ck_assert(is_prefix(&found[2], "10.88.0.5/32"));
	ck_assert_uint_eq(local_bridges_find(&host, &except, found), 2);
	ck_assert(is_prefix(&found[0], "fd00:17::/64"));
}
END_TEST

START_TEST(networks_that_do_not_fit_are_counted)
{
	struct netlink_seen_route routes[LOCAL_BRIDGES_NETWORKS_MAX + 3] = { { .table = 0 } };
	struct local_network found[LOCAL_BRIDGES_NETWORKS_MAX];
	struct local_bridges_host host = host_with(routes, ARRAY_SIZE(routes));

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		routes[i] = direct("10.0.0.0/24", DOCKER0);
		routes[i].prefix.addr.bytes[2] = (uint8_t)i;
	}
	ck_assert_uint_eq(local_bridges_find(&host, &none, found), ARRAY_SIZE(routes));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { only_bridges_without_uplink_and_veths_are_local,
		a_port_that_leads_outside_is_an_uplink, a_route_that_leads_on_is_a_way_outside,
		the_way_to_the_server_is_outside, networks_are_direct_routes_of_the_main_table,
		networks_that_do_not_fit_are_counted };

	return unit_run(
		"local_bridges", unit_suite("local_bridges", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
