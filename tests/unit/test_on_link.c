/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which networks and hosts are near, asked of the kernel in a network namespace of the test's own. That needs
 * root and ip(8), like the system tests; without either there is nothing to see. (The other ends of links play no part.)
 *
 *	lan0   192.168.178.20/24, fd00:1::20/64; gateways: 192.168.178.1 (default), 203.0.113.1 (onlink),
 *	       fd00:1::1 (default)
 *	vpn0   10.8.0.2 peer 10.8.0.1; 10.0.0.0/8 leads to it, as to another VPN
 *	cv0    10.213.0.2 peer 10.213.0.1: ours
 *	cv1    10.44.0.2 peer 10.44.0.1: another Culvert's
 */
#include "netd/on_link.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static const char host[] =
	"{ ip link add lan0 type veth peer name lan1 && ip link add vpn0 type veth peer name cv0 && "
	"ip link set lan0 up && ip link set lan1 up && ip link set vpn0 up && ip link set cv0 up && "
	"ip address add 192.168.178.20/24 dev lan0 && ip address add fd00:1::20/64 dev lan0 nodad && "
	"ip address add 10.8.0.2 peer 10.8.0.1 dev vpn0 && "
	"ip address add 10.213.0.2 peer 10.213.0.1 dev cv0 && "
	"ip link add cv1 group 67 type veth peer name cv2 && ip link set cv1 up && ip link set cv2 up && "
	"ip address add 10.44.0.2 peer 10.44.0.1 dev cv1 && "
	"ip address add fd00:44::2 peer fd00:44::1 dev cv1 nodad && "
	"ip route add fd00:45::/64 via fd00:44::1 dev cv1 proto 67 && "
	"ip route add default via 192.168.178.1 && ip -6 route add default via fd00:1::1 && "
	"ip route add 198.51.100.0/24 via 203.0.113.1 dev lan0 onlink && "
	"ip route add 203.0.112.0/24 nexthop via 192.168.178.7 dev lan0 "
	"nexthop via 10.99.0.9 dev vpn0 onlink && "
	"ip route add 10.0.0.0/8 dev vpn0 && ip route add 10.50.0.0/16 via 10.213.0.1 dev cv0 && "
	"ip -6 route add fd00:2::/64 dev lan0 proto ra; } >/dev/null 2>&1";

static struct interface own;
static struct interfaces live;
static struct netlink *netlink;
static struct problem problem;

/* False: only root can make a host to look at. The commands are constant, so a shell may read them. */
static bool make_host(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	ck_assert_int_eq(system(host), 0);
	own = (struct interface){ .index = if_nametoindex("cv0") };
	live = (struct interfaces){ .first = &own, .count = 1 };
	ck_assert_int_eq(netlink_open(&netlink, &problem), 0);
	return true;
}

static int judge(const char *local, const char *remote)
{
	static const struct netns_id here;
	struct request_interface wanted = { .mtu = 1500 };
	struct addr a, b;

	problem.text[0] = '\0';
	a = addr_of(local);
	b = addr_of(remote);
	*(a.family == AF_INET ? &wanted.local4 : &wanted.local6) = a;
	*(b.family == AF_INET ? &wanted.remote4 : &wanted.remote6) = b;
	return on_link_judge_addresses(&live, &here, netlink, &wanted, &problem);
}

static void near(const char *address, const char *words)
{
	ck_assert_int_eq(judge(address, "10.213.0.9"), -EADDRINUSE);
	ck_assert_str_eq(problem.text, words);
	ck_assert_int_eq(judge("10.213.0.9", address), -EADDRINUSE);
	ck_assert_str_eq(problem.text, words);
}

START_TEST(what_is_near_is_told_with_what_has_it)
{
	if (!make_host())
		return;
	near("192.168.178.77", "192.168.178.77 is inside the network 192.168.178.0/24 at lan0");
	near("192.168.178.20",
		"192.168.178.20 is this host's own address, as it has 192.168.178.20/24 at lan0");
	near("192.168.178.1", "192.168.178.1 is inside the network 192.168.178.0/24 at lan0");
	near("203.0.113.1", "203.0.113.1 is the gateway to 198.51.100.0/24 at lan0");
	near("10.99.0.9", "10.99.0.9 is the gateway to 203.0.112.0/24 at vpn0");
	near("fd00:1::77", "fd00:1::77 is inside the network fd00:1::/64 at lan0");
	near("fd00:2::1", "fd00:2::1 is inside the network fd00:2::/64 at lan0");
	near("10.8.0.1", "10.8.0.1 is the other end's of 10.8.0.1/32 at vpn0");
	near("10.44.0.2", "10.44.0.2 is this host's own address, as it has 10.44.0.2/32 at cv1");
	near("10.8.0.2", "10.8.0.2 is this host's own address, as it has 10.8.0.2/32 at vpn0");
	netlink_close(netlink);
}
END_TEST

START_TEST(what_is_elsewhere_or_ours_is_free)
{
	if (!make_host())
		return;
	ck_assert_int_eq(judge("10.213.0.2", "10.213.0.1"), 0);
	/* A way to somewhere is no neighbourhood. */
	ck_assert_int_eq(judge("10.7.0.2", "10.7.0.1"), 0);
	ck_assert_int_eq(judge("192.168.179.2", "192.168.179.1"), 0);
	/* Another tunnel to the same server. */
	ck_assert_int_eq(judge("10.44.0.3", "10.44.0.1"), 0);
	ck_assert_int_eq(judge("fd00:44::3", "fd00:44::1"), 0);
	ck_assert_int_eq(judge("10.44.0.1", "10.44.0.3"), -EADDRINUSE);
	ck_assert_int_eq(judge("fd00:3::2", "fd00:3::1"), 0);
	netlink_close(netlink);
}
END_TEST

START_TEST(a_route_into_a_near_network_is_refused)
{
	static const struct netns_id here;
	static const struct {
		const char *prefix;
		int result;
	} table[] = { { "192.168.178.0/24", -EADDRINUSE }, { "192.168.178.128/25", -EADDRINUSE },
		{ "192.168.0.0/16", 0 }, { "10.8.0.1/32", -EADDRINUSE }, { "10.8.0.0/24", 0 },
		{ "fd00:1::/64", -EADDRINUSE }, { "fd00:1::/48", 0 }, { "10.213.0.1/32", 0 } };
	struct on_link on_link;

	if (!make_host())
		return;
	ck_assert_int_eq(on_link_read(&on_link, &live, &here, netlink, &problem), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct prefix prefix;

		prefix = prefix_of(table[i].prefix);
		ck_assert_int_eq(on_link_judge_route(&on_link, &prefix, &problem), table[i].result);
		if (i == 1)
			ck_assert_str_eq(problem.text,
				"it is inside this host's network 192.168.178.0/24 at lan0");
	}
	{
		const struct prefix network = prefix_of("192.168.178.0/24");
		const struct prefix part = prefix_of("192.168.178.64/26");
		const struct prefix ours = prefix_of("10.213.0.1/32");

		ck_assert(on_link_is_network(&on_link, &network));
		ck_assert(!on_link_is_network(&on_link, &part));
		ck_assert(!on_link_is_network(&on_link, &ours));
	}
	on_link_free(&on_link);
	netlink_close(netlink);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_is_near_is_told_with_what_has_it,
		what_is_elsewhere_or_ours_is_free, a_route_into_a_near_network_is_refused };

	return unit_run("on_link", unit_suite("on_link", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
