/* SPDX-License-Identifier: Apache-2.0 */
/* check: own-process */
/* What each request of an engine does in the kernel; routes have a file of their own. */
#include "tests/unit/requests_kernel_fixture.h"

/* ---- sockets ---- */

static const struct request a_socket = { .type = REQUEST_SOCKET, .socket.family = AF_INET };

START_TEST(a_server_gets_no_socket)
{
	is_denied(&a_socket, "a server makes no connections");
}
END_TEST

START_TEST(a_client_gets_a_socket)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(int);

	done(&a_socket);
	ck_assert_uint_eq(reply_fd_count, 1);
	ck_assert(reply_fds_owned);
	ck_assert_int_eq(getsockopt(reply_fds[0], SOL_SOCKET, SO_TYPE, &type, &len), 0);
	ck_assert_int_eq(type, SOCK_STREAM);
	ck_assert_int_eq(getsockopt(reply_fds[0], SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
	ck_assert_int_eq(domain, AF_INET);
	close(reply_fds[0]);
	/* Not once more with the next reply. */
	fails(&(struct request){ .type = REQUEST_REEXEC }, EOPNOTSUPP, "not here");
}
END_TEST

START_TEST(a_socket_that_cannot_be_had)
{
	unit_text(settings->congestion, "no-such-one");
	fails(&a_socket, ENOENT, "no-such-one");
	ck_assert(log_has("no-such-one"));
}
END_TEST

START_TEST(a_socket_without_mptcp_is_told_once)
{
	ck_assert_int_eq(system("sysctl -qw net.mptcp.enabled=0 >/dev/null 2>&1 || true"), 0);
	settings->mptcp = true;
	done(&a_socket);
	close(reply_fds[0]);
	ck_assert(log_has("does not offer Multipath TCP"));
	ck_assert(requests.logged_fallback);
	log_forget();
	done(&a_socket);
	close(reply_fds[0]);
	ck_assert(!log_has("Multipath TCP"));
}
END_TEST

static size_t silent_count;

static void note_silent(struct requests *asked, const struct addr *local)
{
	const struct addr expected = addr_of("192.0.2.1");

	ck_assert_ptr_eq(asked, &requests);
	ck_assert(addr_equal(local, &expected));
	silent_count++;
}

START_TEST(a_path_is_silent)
{
	const struct request request = { .type = REQUEST_SILENT,
		.silent.local = addr_of("192.0.2.1") };

	silent_count = 0;
	requests.silent = note_silent;
	is_denied(&request, "other paths, which only a client with `mptcp = true` has");
	ck_assert_uint_eq(silent_count, 0);
	settings->mptcp = true;
	done(&request);
	ck_assert_uint_eq(silent_count, 1);
	requests.silent = NULL;
	done(&request);
}
END_TEST

START_TEST(an_exchange)
{
	const struct request request = { .type = REQUEST_REEXEC };

	exchange_result = 0;
	done(&request);
	ck_assert(!log_has("warning"));
	exchange_result = -EPERM;
	fails(&request, EPERM, "the engine is not replaced: not here");
	ck_assert(log_has("the engine is not replaced: not here"));
}
END_TEST

/* ---- interfaces ---- */

START_TEST(an_interface_is_handed_out)
{
	struct request request = interface_for("a", "10.99.0.1", "fd99::1");
	struct interface *interface;

	request.interface.queues = 2;
	done(&request);
	interface = interfaces_find_number(&interfaces, reply.reply.interface);
	ck_assert_ptr_nonnull(interface);
	ck_assert_uint_eq(reply.reply.ifindex, interface->index);
	ck_assert_str_eq(reply.reply.ifname, "cv0");
	ck_assert(reply.reply.adopts);
	ck_assert(addr_equal(&reply.reply.adopted.local4, &request.interface.local4));
	ck_assert(addr_equal(&reply.reply.adopted.remote6, &request.interface.remote6));
	ck_assert_uint_eq(reply.reply.adopted.queues, 2);
	ck_assert_uint_eq(reply_fd_count, 2);
	ck_assert(!reply_fds_owned);
	ck_assert_int_eq(reply_fds[0], interface->queues[0]);
	ck_assert_int_eq(reply_fds[1], interface->queues[1]);
	/* Only the policy stands between an engine and the kernel. */
	request.interface.queues = 3;
	is_denied(&request, "an interface with 3 queues");
}
END_TEST

START_TEST(an_interface_that_the_kernel_refuses)
{
	struct request request = interface_for("a", "10.99.0.1", NULL);

	bring("b", "10.99.0.1", NULL);
	unit_text(settings->peers[0].interface, "cv0");
	fails(&request, EBUSY, "a: an interface named cv0 exists already");
	ck_assert(log_has("a: an interface named cv0 exists already"));
	ck_assert(!reply.reply.adopts);
	ck_assert_uint_eq(interfaces.count, 1);
}
END_TEST

START_TEST(an_interface_without_a_family)
{
	ck_assert_int_eq(
		system("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 >/dev/null 2>&1"), 0);
	bring("a", "10.99.0.1", "fd99::1");
	ck_assert(reply.reply.adopts);
	ck_assert(addr_is_set(&reply.reply.adopted.local4));
	ck_assert(!addr_is_set(&reply.reply.adopted.local6));
	ck_assert(!addr_is_set(&reply.reply.adopted.remote6));
}
END_TEST

/* The address that the server gave is near: the engine logs it and tells the server. */
START_TEST(an_interface_with_an_address_that_is_near)
{
	struct request request = interface_for("hub", "10.77.0.9", NULL);

	fails(&request, EADDRINUSE, "10.77.0.9 is inside the network 10.77.0.0/24 at lan0");
	ck_assert(strncmp(reply.reply.text, "10.77.0.9", 9) == 0);
	ck_assert(!log_has("10.77.0.9"));
	ck_assert_uint_eq(interfaces.count, 0);
}
END_TEST

START_TEST(an_interface_is_deleted)
{
	struct request request = { .type = REQUEST_INTERFACE_DELETE };

	bring("a", "10.99.0.1", NULL);
	request.interface_delete.interface = 2;
	is_denied(&request, "a change of interface 2, which is not Culvert's");
	ck_assert_uint_eq(interfaces.count, 1);
	request.interface_delete.interface = 1;
	done(&request);
	ck_assert_uint_eq(interfaces.count, 0);
	ck_assert(log_has("a: interface cv0 removed: the session has ended"));
}
END_TEST

START_TEST(packets_arrive_or_do_not)
{
	struct request request = { .type = REQUEST_CARRIER, .carrier = { 2, false } };
	struct interface *interface = bring("a", "10.99.0.1", NULL);

	is_denied(&request, "a change of interface 2");
	ck_assert(!interface->idle);
	request.carrier.interface = 1;
	done(&request);
	ck_assert(interface->idle);
	request.carrier.on = true;
	done(&request);
	ck_assert(!interface->idle);
}
END_TEST

START_TEST(the_tunnel_is_up)
{
	struct request request = { .type = REQUEST_UP, .dns.interface = 2 };

	bring("a", "10.99.0.1", NULL);
	is_denied(&request, "a change of interface 2");
	ck_assert_uint_eq(ups, 0);
	request.dns.interface = 1;
	done(&request);
	ck_assert_uint_eq(ups, 1);
}
END_TEST

static int sysctl_of(const char *interface)
{
	char key[SYSCTL_KEY_MAX];
	int value = -1;

	(void)snprintf(key, sizeof(key), "ipv4/conf/%s/forwarding", interface);
	ck_assert_int_eq(sysctl_read(SYSCTL_NET, key, &value), 0);
	return value;
}

START_TEST(an_interface_joins_in_forwarding)
{
	struct forwarding forwarding = { .root = SYSCTL_NET,
		.settings = settings,
		.netlink = interfaces.netlink,
		.complete = true };

	ck_assert_int_eq(sysctl_write(SYSCTL_NET, "ipv4/conf/default/forwarding", 0), 0);
	bring("a", "10.99.0.1", NULL);
	ck_assert_int_eq(sysctl_of("cv0"), 0);
	requests.forwarding = &forwarding;
	bring("b", "10.99.0.1", NULL);
	ck_assert_int_eq(sysctl_of("cv1"), 1);
}
END_TEST

/* In its own namespace forwarding is not ours; an interface of the same name is here, untouched. */
START_TEST(an_interface_elsewhere_does_not_join)
{
	struct forwarding forwarding = { .root = SYSCTL_NET,
		.settings = settings,
		.netlink = interfaces.netlink,
		.complete = true };
	struct request request = interface_for("a", "10.99.0.1", NULL);
	pid_t child = start_elsewhere();

	ck_assert_int_eq(sysctl_write(SYSCTL_NET, "ipv4/conf/lan0/forwarding", 0), 0);
	unit_text(settings->peers[0].interface, "lan0");
	requests.forwarding = &forwarding;
	done(&request);
	ck_assert_str_eq(reply.reply.ifname, "lan0");
	ck_assert_int_eq(sysctl_of("lan0"), 0);
	end_elsewhere(child);
}
END_TEST

START_TEST(the_kill_switch_lets_the_tunnel_out)
{
	struct kill_switch kill_switch = { .nft = NULL };
	struct request request = interface_for("hub", "10.50.0.2", NULL);
	struct netlink_nft *owner;
	struct interface *interface;

	unit_text(settings->name, "unit");
	settings->kill_switch = true;
	ck_assert_msg(kill_switch_start(&kill_switch, settings, NULL, loop, &problem) == 0, "%s",
		problem.text);
	requests.kill_switch = &kill_switch;
	interface = bring("hub", "10.50.0.2", NULL);
	ck_assert_uint_eq(kill_switch.tunnel, interface->index);
	interfaces_remove(&interfaces, interface, "the test wants another");
	/* A socket that does not own the tables: the kernel refuses. */
	owner = kill_switch.nft;
	ck_assert_int_eq(netlink_nft_open(&kill_switch.nft, &problem), 0);
	fails(&request, EPERM, "hub: cannot change the kill switch");
	netlink_nft_close(kill_switch.nft);
	kill_switch.nft = owner;
	ck_assert(!reply.reply.adopts);
	kill_switch_stop(&kill_switch, true);
}
END_TEST

/* ---- the full tunnel ---- */

START_TEST(a_full_tunnel_is_enforced_first)
{
	struct request request = interface_for("hub", "127.0.0.1", NULL);

	settings->full_tunnel = true;
	begin();
	/* Whatever the welcome says. */
	is_denied(&request, "127.0.0.1");
	ck_assert(full_tunnel.in_force);
	ck_assert_uint_ne(interfaces.table, 0);
	bring("hub", "10.50.0.2", NULL);
	ck_assert_int_eq(full_tunnel.peers[0].prefix.addr.family, AF_INET);
	ck_assert(!requests.exit_asked);
}
END_TEST

START_TEST(a_full_tunnel_that_only_the_firewall_can_hold)
{
	struct request request = interface_for("hub", "10.50.0.2", NULL);
	char name[32], made[32];
	int fds[FULL_TUNNEL_COUNT];

	settings->full_tunnel = true;
	begin();
	for (int i = 0; i < FULL_TUNNEL_COUNT; i++) { /* all tables are claimed */
		(void)snprintf(name, sizeof(name), FULL_TUNNEL_CLAIM "%d", i);
		ck_assert_int_eq(tun_open(name, false, &fds[i], made), 0);
	}
	fails(&request, EBUSY, "; meanwhile nothing leaves this host");
	ck_assert(strncmp(reply.reply.text, "hub: ", 5) == 0);
	ck_assert_uint_eq(interfaces.count, 0);
	ck_assert(!requests.exit_asked);
	for (int i = 0; i < FULL_TUNNEL_COUNT; i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_full_tunnel_that_nothing_can_hold)
{
	struct request request = interface_for("hub", "10.50.0.2", NULL);

	settings->full_tunnel = true;
	begin();
	ck_assert_int_eq(process_keep_capabilities(NULL, 0), 0);
	ask(&request);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	ck_assert(strncmp(reply.reply.text, "hub: ", 5) == 0);
	ck_assert(requests.exit_asked);
	ck_assert_int_eq(requests.exit_code, EXIT_CODE_FAILURE);
	ck_assert(log_has("full_tunnel = true, but netd can block no packets"));
	ck_assert_uint_eq(interfaces.count, 0);
}
END_TEST

/* ---- adoption ---- */

static void adopt_from(uint32_t index, uint32_t offset)
{
	struct request request = { .type = REQUEST_ADOPT, .adopt = { index, offset } };

	requests_begin(&requests, GENERATION + 1);
	ask(&request);
}

START_TEST(what_is_there_is_adopted_in_pages)
{
	struct interface *interface = bring("a", "10.99.0.1", "fd99::1");
	const size_t count = REQUEST_PREFIX_MAX + 1;

	interface->off6 = true; /* it is asked for all the same */
	interface->routes = calloc(count, sizeof(*interface->routes));
	ck_assert_ptr_nonnull(interface->routes);
	interface->route_count = interface->route_capacity = count;
	for (size_t i = 0; i < count; i++) {
		interface->routes[i] = prefix_of("10.200.0.0/32");
		interface->routes[i].addr.bytes[2] = (uint8_t)(i >> 8);
		interface->routes[i].addr.bytes[3] = (uint8_t)i;
	}
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	ck_assert(reply.reply.adopts);
	ck_assert(addr_is_set(&reply.reply.adopted.local6));
	ck_assert_str_eq(reply.reply.adopted.peer.name, "a");
	ck_assert_uint_eq(reply.reply.interface, 1);
	ck_assert_str_eq(reply.reply.ifname, "cv0");
	ck_assert_uint_eq(reply.reply.route_total, count);
	ck_assert_uint_eq(reply.reply.route_count, REQUEST_PREFIX_MAX);
	ck_assert(prefix_equal(&reply.reply.route[255], &interface->routes[255]));
	ck_assert_uint_eq(reply_fd_count, 1);
	ck_assert_int_eq(reply_fds[0], interface->queues[0]);
	adopt_from(0, REQUEST_PREFIX_MAX);
	ck_assert_uint_eq(reply.reply.route_count, 1);
	ck_assert(prefix_equal(&reply.reply.route[0], &interface->routes[256]));
	ck_assert_uint_eq(reply_fd_count, 0);
	adopt_from(0, (uint32_t)count); /* none is left */
	ck_assert_uint_eq(reply.reply.error, 0);
	ck_assert_uint_eq(reply.reply.route_count, 0);
	adopt_from(0, (uint32_t)count + 1);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	ck_assert_str_eq(
		reply.reply.text, "interface number 0 of 1, from its route 258 on, to adopt");
	adopt_from(1, 0);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	interface->route_count = 0; /* the kernel has none of them */
}
END_TEST

START_TEST(what_lost_its_addresses_is_not_adopted)
{
	struct interface *interface = bring("a", "10.99.0.1", "fd99::1");

	interface->now.local6 = addr_of(NULL);
	interface->now.remote6 = addr_of(NULL);
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	interface->now.local6 = interface->now.local4;
	interface->now.local4 = addr_of(NULL);
	interface->now.remote4 = addr_of(NULL);
	interface->now.local6 = addr_of("fd99::1");
	interface->now.remote6 = addr_of("fd99::7");
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	interface->now.local6 = interface->now.remote6 = addr_of(NULL);
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, EADDRNOTAVAIL);
	ck_assert_str_eq(
		reply.reply.text, "a: interface cv0 lost its addresses in a change that failed");
	ck_assert(log_has("lost its addresses"));
}
END_TEST

/* ---- resolvers ---- */

static struct request resolvers(const char *four, const char *six)
{
	struct request request = { .type = REQUEST_DNS, .dns.interface = 1 };
	struct nameservers *to = &request.dns.nameservers;

	if (four)
		to->server[to->server_count++] = addr_of(four);
	if (six)
		to->server[to->server_count++] = addr_of(six);
	return request;
}

START_TEST(a_server_sets_no_resolvers)
{
	struct request request = resolvers("10.50.0.53", NULL);

	is_denied(&request, "a change of interface 1");
	bring("a", "10.99.0.1", NULL);
	is_denied(&request, "other resolvers for this host");
	ck_assert_int_eq(dns.way, DNS_NONE);
}
END_TEST

START_TEST(resolvers_are_set_and_lifted)
{
	struct request request = resolvers("10.50.0.53", "fd50::53");
	struct interface *interface = bring("hub", "10.50.0.2", "fd50::2");

	done(&request);
	ck_assert(!log_has("warning"));
	ck_assert_int_ne(dns.way, DNS_NONE);
	ck_assert_uint_eq(dns.nameservers.server_count, 2);
	interface->off6 = true;
	done(&request);
	ck_assert_uint_eq(dns.nameservers.server_count, 1);
	ck_assert_int_eq(dns.nameservers.server[0].family, AF_INET);
	ck_assert(log_has("hub: resolver fd50::53 is not used: cv0 has no IPv6"));
	interface->off6 = false;
	interface->off4 = true;
	done(&request);
	ck_assert_uint_eq(dns.nameservers.server_count, 1);
	ck_assert_int_eq(dns.nameservers.server[0].family, AF_INET6);
	ck_assert(log_has("hub: resolver 10.50.0.53 is not used: cv0 has no IPv4"));
	interface->off6 = true;
	done(&request); /* none is left */
	ck_assert_int_eq(dns.way, DNS_NONE);
}
END_TEST

START_TEST(resolvers_that_cannot_be_set)
{
	struct request request = resolvers("10.50.0.53", NULL);

	bring("hub", "10.50.0.2", NULL);
	ck_assert_int_eq(mount("etc", "/etc", "tmpfs", MS_REMOUNT | MS_RDONLY, "mode=755"), 0);
	ask(&request);
	ck_assert_uint_ne(reply.reply.error, 0);
	ck_assert_msg(strncmp(reply.reply.text, "hub: ", 5) == 0, "%s", reply.reply.text);
	ck_assert(log_has("hub: the server's resolvers are not used"));
	ck_assert_int_eq(dns.way, DNS_NONE);
}
END_TEST

int main(void)
{
	const TTest *const no_sockets[] = { a_server_gets_no_socket };
	const TTest *const sockets[] = { a_client_gets_a_socket, a_socket_that_cannot_be_had,
		a_socket_without_mptcp_is_told_once, a_path_is_silent, an_exchange };
	const TTest *const made[] = { an_interface_is_handed_out,
		an_interface_that_the_kernel_refuses, an_interface_without_a_family };
	const TTest *const changed[] = { an_interface_is_deleted, packets_arrive_or_do_not,
		the_tunnel_is_up };
	const TTest *const forwards[] = { an_interface_joins_in_forwarding,
		an_interface_elsewhere_does_not_join };
	const TTest *const guarded[] = { an_interface_with_an_address_that_is_near,
		the_kill_switch_lets_the_tunnel_out };
	const TTest *const full[] = { a_full_tunnel_is_enforced_first,
		a_full_tunnel_that_only_the_firewall_can_hold,
		a_full_tunnel_that_nothing_can_hold };
	const TTest *const adopted[] = { what_is_there_is_adopted_in_pages,
		what_lost_its_addresses_is_not_adopted };
	const TTest *const no_resolvers[] = { a_server_sets_no_resolvers };
	const TTest *const dns_tests[] = { resolvers_are_set_and_lifted,
		resolvers_that_cannot_be_set };
	Suite *suite;

	if (!may_make()) {
		(void)printf("requests_kernel: left out: it needs root and /dev/net/tun\n");
		return EXIT_SUCCESS;
	}
	suite = suite_create("requests_kernel");
	ADD(suite, "no sockets", no_sockets, set_up_server);
	ADD(suite, "sockets", sockets, set_up_client);
	ADD(suite, "made", made, set_up_server);
	ADD(suite, "changed", changed, set_up_server);
	ADD(suite, "forwarding", forwards, set_up_server);
	ADD(suite, "guarded", guarded, set_up_client);
	ADD(suite, "full tunnel", full, set_up_client);
	ADD(suite, "adoption", adopted, set_up_server);
	ADD(suite, "no resolvers", no_resolvers, set_up_server);
	ADD(suite, "resolvers", dns_tests, set_up_client);
	return unit_run("requests_kernel", suite);
}
