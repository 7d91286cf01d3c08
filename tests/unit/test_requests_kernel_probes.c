/* SPDX-License-Identifier: Apache-2.0 */
/* check: own-process */
/* The sockets of probes, as netd makes them in the kernel. */
#include "tests/unit/requests_kernel_fixture.h"

#include <linux/rtnetlink.h>

static const struct request probe = { .type = REQUEST_PROBE,
	.probe.prefix = { { AF_INET, { 10, 1 } }, 16 } };

static void set_target(const char *address, uint16_t port)
{
	if (!settings->announce.items)
		settings->announce.items = calloc(1, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	settings->announce.count = 1;
	settings->announce.items[0].prefix = probe.probe.prefix;
	settings->announce.items[0].probe = (struct endpoint){ addr_of(address), port };
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static uint32_t lan(void)
{
	uint32_t index = 0;

	ck_assert_int_eq(netlink_link_index(interfaces.netlink, "lan0", &index), 0);
	return index;
}

/* netd hands it over bound to that link, and without a mark. */
static void hands_over(uint32_t link, int type)
{
	done(&probe);
	ck_assert_uint_eq(reply_fd_count, 1);
	ck_assert(reply_fds_owned);
	ck_assert_int_eq(option(reply_fds[0], SOL_SOCKET, SO_BINDTOIFINDEX), (int)link);
	ck_assert_int_eq(option(reply_fds[0], SOL_SOCKET, SO_MARK), 0);
	ck_assert_int_eq(option(reply_fds[0], SOL_SOCKET, SO_TYPE), type);
	ck_assert(fcntl(reply_fds[0], F_GETFL) & O_NONBLOCK);
	close(reply_fds[0]);
}

static void run(const char *command)
{
	ck_assert_int_eq(system(command), 0);
}

START_TEST(only_what_is_configured)
{
	is_denied(&probe, "a probe of 10.1.0.0/16, which has none");
}
END_TEST

START_TEST(a_connection_is_bound_to_its_link)
{
	set_target("10.77.0.1", 22);
	hands_over(lan(), SOCK_STREAM);
	set_target("203.0.113.1", 22); /* by the default route */
	run("ip route replace default via 10.77.0.1");
	hands_over(lan(), SOCK_STREAM);
}
END_TEST

/* A route over several links has none of its own: the kernel says which one it takes. */
START_TEST(a_route_with_several_next_hops)
{
	set_target("10.8.0.5", 22);
	run("ip route add 10.8.0.0/16 nexthop via 10.77.0.1 dev lan0 nexthop via 10.77.0.3 dev lan0");
	hands_over(lan(), SOCK_STREAM);
}
END_TEST

START_TEST(an_echo_needs_the_hosts_permission)
{
	set_target("10.77.0.1", 0);
	run("sysctl -qw net.ipv4.ping_group_range='1 0'");
	fails(&probe, EACCES, "net.ipv4.ping_group_range");
	run("sysctl -qw net.ipv4.ping_group_range='0 0'");
	hands_over(lan(), SOCK_DGRAM);
}
END_TEST

/* The engine has no capability: a socket that is bound stays so. */
START_TEST(an_engine_cannot_bind_it_elsewhere)
{
	const int other = 1;
	int status;
	pid_t child;

	set_target("10.77.0.1", 22);
	done(&probe);
	child = fork();
	if (child == 0) {
		int r = setresuid(65534, 65534, 65534);

		if (r == 0)
			r = setsockopt(
				reply_fds[0], SOL_SOCKET, SO_BINDTOIFINDEX, &other, sizeof(other));
		(void)raise(r < 0 && errno == EPERM ? SIGTERM : SIGKILL);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WTERMSIG(status), SIGTERM);
	close(reply_fds[0]);
}
END_TEST

/* The other gateway would answer there. */
START_TEST(no_probe_goes_into_a_tunnel)
{
	static const char words[] = "leads into a tunnel";
	struct netlink_route route = { .prefix = prefix_of("10.5.0.0/16") };

	route.index = bring("a", "10.99.0.1", NULL)->index;
	ck_assert_int_eq(netlink_route_add(interfaces.netlink, &route, &problem), 0);
	set_target("10.5.0.5", 22);
	fails(&probe, ENETUNREACH, words);
	ck_assert(!log_has("leads into a tunnel"));
	/* Of another Culvert on this host. */
	run("ip route add 10.6.0.0/16 dev lan0 proto 67");
	set_target("10.6.0.5", 22);
	fails(&probe, ENETUNREACH, words);
	/* A copy of one of the host's own routes, for a full tunnel. */
	run("ip route add 10.7.0.0/16 dev lan0 proto 67 table 77 && ip rule add to 10.7.0.0/16 table 77");
	set_target("10.7.0.5", 22);
	hands_over(lan(), SOCK_STREAM);
	/* This host's end of the tunnel, and the other end. */
	set_target("10.99.0.1", 22);
	fails(&probe, ENETUNREACH, words);
	set_target("10.99.0.7", 22);
	fails(&probe, ENETUNREACH, words);
}
END_TEST

START_TEST(no_probe_has_a_tunnels_address)
{
	(void)bring("a", "10.99.0.1", NULL);
	run("ip address flush dev lan0 && ip route add 10.8.0.0/16 dev lan0 src 10.99.0.1");
	set_target("10.8.0.5", 22);
	fails(&probe, EADDRNOTAVAIL, "from its address in a tunnel");
}
END_TEST

START_TEST(where_nothing_leads)
{
	run("ip route flush table main && ip route add unreachable 10.8.0.0/16");
	set_target("203.0.113.1", 22);
	fails(&probe, ENETUNREACH, "no route to 203.0.113.1");
	set_target("10.8.0.5", 22);
	fails(&probe, EHOSTUNREACH, "no route to 10.8.0.5");
}
END_TEST

/* A service of the gateway itself. */
START_TEST(a_target_of_this_host)
{
	set_target("10.77.0.2", 22);
	hands_over(0, SOCK_STREAM);
	set_target("10.77.0.2", 0);
	run("sysctl -qw net.ipv4.ping_group_range='0 0'");
	hands_over(0, SOCK_DGRAM);
}
END_TEST

int main(void)
{
	const TTest *const probes[] = { only_what_is_configured, a_connection_is_bound_to_its_link,
		a_route_with_several_next_hops, an_echo_needs_the_hosts_permission,
		an_engine_cannot_bind_it_elsewhere, no_probe_goes_into_a_tunnel,
		no_probe_has_a_tunnels_address, where_nothing_leads, a_target_of_this_host };
	Suite *suite;

	if (!may_make()) {
		(void)printf("requests_kernel_probes: left out: it needs root and /dev/net/tun\n");
		return EXIT_SUCCESS;
	}
	suite = suite_create("requests_kernel_probes");
	ADD(suite, "probes", probes, set_up_server);
	return unit_run("requests_kernel_probes", suite);
}
