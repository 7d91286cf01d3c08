/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each request of an engine does, in a network namespace of the test's own that has nothing but loopback, and with
 * an /etc of the test's own. That needs root and /dev/net/tun: without either the test is left out.
 */
#include "netd/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "netd/forwarding.h"
#include "netd/interface_life.h"
#include "netd/interface_routes.h"
#include "system/netlink_nft.h"
#include "system/process.h"
#include "system/sysctl.h"
#include "system/tun.h"
#include "tests/unit/unit.h"

enum { GENERATION = 7 };

static struct settings *settings;
static struct interfaces interfaces;
static struct full_tunnel full_tunnel;
static struct dns dns;
static struct requests requests;
static struct loop *loop;
static struct problem problem;
static struct request reply;
static int reply_fds[REQUEST_QUEUES_MAX];
static size_t reply_fd_count;
static bool reply_fds_owned;
static int log_fd;
static unsigned ups;

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

static void prefix_list_add(struct prefix_list *list, const char *text)
{
	list->items = reallocarray(list->items, list->count + 1, sizeof(*list->items));
	ck_assert_ptr_nonnull(list->items);
	list->items[list->count++] = prefix(text);
}

static void add_peer(const char *name)
{
	struct settings_peer *peer;

	settings->peers = reallocarray(
		settings->peers, settings->peer_count + 1, sizeof(*settings->peers));
	ck_assert_ptr_nonnull(settings->peers);
	peer = &settings->peers[settings->peer_count++];
	*peer = (struct settings_peer){ .max_routes = 400 };
	ck_assert_int_eq(identity_set(&peer->name, name, strlen(name)), 0);
	prefix_list_add(&peer->accept_routes, "10.0.0.0/8");
	prefix_list_add(&peer->accept_routes, "192.0.2.0/24");
	prefix_list_add(&peer->accept_routes, "fd00::/8");
}

static int exchange_result = -EOPNOTSUPP;

static int exchange(struct requests *of, struct problem *why)
{
	ck_assert_ptr_eq(of, &requests);
	problem_set(why, "not here");
	return exchange_result;
}

static void on_up(struct requests *of, const struct request_dns *up)
{
	ck_assert_ptr_eq(of, &requests);
	ck_assert_uint_eq(up->interface, 1);
	ups++;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* Nothing of this host is in the test's reach from here on. */
static void enter(void)
{
	int fd;

	ck_assert_int_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	/* A directory of its own as well: the file is replaced by one that is written beside it. */
	ck_assert_int_eq(mount("etc", "/etc", "tmpfs", 0, "mode=755"), 0);
	fd = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
	write_text("/etc/resolv.conf", "nameserver 192.0.2.53\n");
	log_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_ge(dup2(log_fd, STDERR_FILENO), 0);
	log_init("netd", LOG_LEVEL_INFO);
}

static void set_up(enum settings_role role)
{
	enter();
	ck_assert_int_eq(settings_new(role, &settings), 0);
	unit_text(settings->interface, "cv%d");
	settings->lanes = 2;
	ck_assert_int_eq(loop_new(&loop), 0);
	interfaces = (struct interfaces){ .steering_fd = -1 };
	ck_assert_int_eq(netlink_open(&interfaces.netlink, &problem), 0);
	ck_assert_int_eq(netns_own(&interfaces.home), 0);
	/* An interface that is not ours, with a network. */
	ck_assert_int_eq(system("ip link set lo up && ip link add lan0 type veth peer name lan1 && "
				"ip link set lan0 up && ip link set lan1 up && "
				"ip address add 10.77.0.2/24 dev lan0 && "
				"ip route add default via 10.77.0.1 2>/dev/null"),
		0);
}

static void begin(void)
{
	dns_init(&dns, settings->full_tunnel);
	full_tunnel_init(&full_tunnel, settings, &interfaces);
	full_tunnel_run_in(&full_tunnel, loop);
	requests_init(&requests, settings, &interfaces, &full_tunnel, &dns, exchange);
	requests.up = on_up;
	requests_begin(&requests, GENERATION);
	requests.ready = true;
}

static void set_up_server(void)
{
	set_up(SETTINGS_SERVER);
	settings->pool4 = prefix("10.99.0.0/24");
	settings->pool6 = prefix("fd99::/64");
	settings->max_sessions = 20;
	add_peer("a");
	add_peer("b");
	begin();
}

static void set_up_client(void)
{
	set_up(SETTINGS_CLIENT);
	settings->remote_count = 1;
	unit_text(settings->remotes[0].host, "192.0.2.1");
	settings->remotes[0].port = 443;
	settings->use_dns = true;
	add_peer("hub");
	prefix_list_add(&settings->tunnel_addresses, "10.0.0.0/8");
	prefix_list_add(&settings->tunnel_addresses, "fd00::/8");
	begin();
}

static void tear_down(void)
{
	dns_lift(&dns);
	interfaces_remove_all(&interfaces, "the test ends");
	full_tunnel_lift(&full_tunnel);
	netlink_close(interfaces.netlink);
	loop_free(loop);
	settings_free(settings);
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

/* The engine is sound: there is a reply. */
static void ask(const struct request *request)
{
	static uint8_t data[REQUEST_SIZE_MAX], answer[REQUEST_SIZE_MAX];
	struct request sent = *request;
	struct writer to, from;
	int r;

	sent.id = 5;
	writer_init(&to, data, sizeof(data));
	ck_assert_int_eq(request_encode(&to, &sent), 0);
	writer_init(&from, answer, sizeof(answer));
	r = requests_handle(&requests, data, to.len, &from, reply_fds, &reply_fd_count,
		&reply_fds_owned, &problem);
	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	ck_assert_ptr_null(interfaces.visit.netlink);
	ck_assert_int_eq(request_decode(answer, from.len, &reply), 0);
	ck_assert_int_eq(reply.type, REQUEST_REPLY);
	ck_assert_uint_eq(reply.id, 5);
}

static void done(const struct request *request)
{
	ask(request);
	ck_assert_msg(reply.reply.error == 0, "%u: %s", reply.reply.error, reply.reply.text);
	ck_assert_str_eq(reply.reply.text, "");
	ck_assert(!requests.exit_asked);
}

/* The reply has the error and the words, and so has the log. */
static void fails(const struct request *request, uint32_t error, const char *words)
{
	ask(request);
	ck_assert_msg(reply.reply.error == error, "%u: %s", reply.reply.error, reply.reply.text);
	ck_assert_msg(strstr(reply.reply.text, words) != NULL, "%s", reply.reply.text);
	ck_assert_uint_eq(reply_fd_count, 0);
	ck_assert(!reply_fds_owned);
}

static void is_denied(const struct request *request, const char *words)
{
	fails(request, EPERM, words);
	ck_assert(logged("engine asked for "));
	ck_assert(logged(": the configuration does not allow it"));
}

static struct request interface_for(const char *peer, const char *local4, const char *local6)
{
	struct request request = { .type = REQUEST_INTERFACE };
	struct request_interface *wanted = &request.interface;

	*wanted = (struct request_interface){ .mtu = 1400, .queues = 1 };
	ck_assert_int_eq(identity_set(&wanted->peer, peer, strlen(peer)), 0);
	wanted->local4 = address(local4);
	wanted->local6 = address(local6);
	wanted->remote4 = address(!local4 ? NULL : peer[0] == 'b' ? "10.99.0.8" : "10.99.0.7");
	wanted->remote6 = address(!local6 ? NULL : peer[0] == 'b' ? "fd99::8" : "fd99::7");
	return request;
}

static struct interface *bring(const char *peer, const char *local4, const char *local6)
{
	struct request request = interface_for(peer, local4, local6);
	struct interface *interface;

	done(&request);
	interface = interfaces_find_number(&interfaces, reply.reply.interface);
	ck_assert_ptr_nonnull(interface);
	return interface;
}

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
	ck_assert(logged("no-such-one"));
}
END_TEST

START_TEST(a_socket_without_mptcp_is_told_once)
{
	ck_assert_int_eq(system("sysctl -qw net.mptcp.enabled=0 >/dev/null 2>&1 || true"), 0);
	settings->mptcp = true;
	done(&a_socket);
	close(reply_fds[0]);
	ck_assert(logged("does not offer Multipath TCP"));
	ck_assert(requests.logged_fallback);
	log_forget();
	done(&a_socket);
	close(reply_fds[0]);
	ck_assert(!logged("Multipath TCP"));
}
END_TEST

START_TEST(an_exchange)
{
	const struct request request = { .type = REQUEST_REEXEC };

	exchange_result = 0;
	done(&request);
	ck_assert(!logged("warning"));
	exchange_result = -EPERM;
	fails(&request, EPERM, "the engine is not replaced: not here");
	ck_assert(logged("the engine is not replaced: not here"));
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
	ck_assert(logged("a: an interface named cv0 exists already"));
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

	fails(&request, EADDRINUSE, "10.77.0.9 is inside the network 10.77.0.2/24 at lan0");
	ck_assert(strncmp(reply.reply.text, "10.77.0.9", 9) == 0);
	ck_assert(!logged("10.77.0.9"));
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
	ck_assert(logged("a: interface cv0 removed: the session has ended"));
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
	int fds[2];
	pid_t child;
	char byte = 0;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		byte = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(fds[1], &byte, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 1);
	ck_assert_int_eq(sysctl_write(SYSCTL_NET, "ipv4/conf/lan0/forwarding", 0), 0);
	unit_text(settings->peers[0].interface, "lan0");
	(void)snprintf(
		settings->peers[0].netns, sizeof(settings->peers[0].netns), "pid:%d", (int)child);
	requests.forwarding = &forwarding;
	done(&request);
	ck_assert_str_eq(reply.reply.ifname, "lan0");
	ck_assert_int_eq(sysctl_of("lan0"), 0);
	(void)kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
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
	ck_assert_msg(
		kill_switch_start(&kill_switch, settings, loop, &problem) == 0, "%s", problem.text);
	requests.kill_switch = &kill_switch;
	interface = bring("hub", "10.50.0.2", NULL);
	ck_assert_uint_eq(kill_switch.tunnel, interface->index);
	interfaces_remove(&interfaces, interface, "the test wants another");
	/* A socket that does not own the tables: the kernel refuses. */
	owner = kill_switch.nft;
	ck_assert_int_eq(netlink_nft_open(&kill_switch.nft, &problem), 0);
	fails(&request, EPERM, "hub: the kill switch does not");
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
	ck_assert(logged("full_tunnel = true, but netd can block no packets"));
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
		interface->routes[i] = prefix("10.200.0.0/32");
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

	interface->now.local6 = address(NULL);
	interface->now.remote6 = address(NULL);
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	interface->now.local6 = interface->now.local4;
	interface->now.local4 = address(NULL);
	interface->now.remote4 = address(NULL);
	interface->now.local6 = address("fd99::1");
	interface->now.remote6 = address("fd99::7");
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	interface->now.local6 = interface->now.remote6 = address(NULL);
	adopt_from(0, 0);
	ck_assert_uint_eq(reply.reply.error, EADDRNOTAVAIL);
	ck_assert_str_eq(
		reply.reply.text, "a: interface cv0 lost its addresses in a change that failed");
	ck_assert(logged("lost its addresses"));
}
END_TEST

/* ---- routes ---- */

static struct request routes_for(enum request_type type, const char *const *texts, uint16_t count)
{
	struct request request = { .type = type, .routes = { .interface = 1, .count = count } };

	for (uint16_t i = 0; i < count; i++)
		request.routes.prefix[i] = prefix(texts[i]);
	return request;
}

static void verdict_is(uint16_t at, enum route_verdict verdict, const char *words)
{
	ck_assert_uint_lt(at, reply.reply.count);
	ck_assert_msg(reply.reply.verdicts[at].verdict == verdict, "%u: %s",
		reply.reply.verdicts[at].verdict, reply.reply.verdicts[at].words);
	ck_assert_msg(strstr(reply.reply.verdicts[at].words, words) != NULL, "%s",
		reply.reply.verdicts[at].words);
}

START_TEST(routes_have_verdicts)
{
	static const char *const texts[] = { "10.1.0.0/16", "172.16.0.0/12", "10.77.0.0/24",
		"10.2.0.0/16", "10.3.0.0/16", "fd01::/64" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 6);
	struct interface *a, *b;
	struct prefix one = prefix("10.1.0.0/16"), taken = prefix("10.3.0.0/16");
	struct netlink_route others = { .prefix = taken };

	is_denied(&request, "a change of interface 1");
	a = bring("a", "10.99.0.1", "fd99::1");
	b = bring("b", "10.99.0.1", NULL);
	a->off6 = true;
	others.index = b->index;
	others.priority = interface_routes_metric(a);
	ck_assert_int_eq(netlink_route_add(interfaces.netlink, &others, &problem), 0);
	log_forget();
	done(&request);
	ck_assert_uint_eq(reply.reply.count, 6);
	verdict_is(0, ROUTE_ACCEPTED, "");
	verdict_is(1, ROUTE_NOT_ALLOWED, "");
	ck_assert_str_eq(reply.reply.verdicts[1].words, "");
	verdict_is(2, ROUTE_LOCAL, "10.77.0.2/24");
	verdict_is(3, ROUTE_ACCEPTED, "");
	verdict_is(4, ROUTE_TAKEN, "10.3.0.0/16");
	verdict_is(5, ROUTE_FAILED, "cv0 has no IPv6");
	ck_assert(interface_has_route(a, &one));
	ck_assert(!interface_has_route(a, &taken));
	ck_assert_uint_eq(a->route_count, 2);
	ck_assert(logged("engine asked for route 172.16.0.0/12 to a: "));
	ck_assert(logged("engine asked for route 10.77.0.0/24 to a: "));
	ck_assert(logged("a: cv1 of another Culvert has 10.3.0.0/16"));
	ck_assert(!logged("fd01::"));
	request = routes_for(REQUEST_ROUTE_DELETE, texts, 2);
	log_forget();
	done(&request);
	ck_assert(!logged("warning"));
	ck_assert_uint_eq(reply.reply.count, 2);
	verdict_is(0, ROUTE_ACCEPTED, "");
	verdict_is(1, ROUTE_ACCEPTED, "");
	ck_assert_uint_eq(a->route_count, 1);
	request.routes.interface = 3;
	is_denied(&request, "a change of interface 3");
}
END_TEST

START_TEST(as_many_routes_as_a_request_holds)
{
	struct request request = { .type = REQUEST_ROUTE_ADD,
		.routes = { .interface = 1, .count = REQUEST_PREFIX_MAX } };
	struct interface *interface = bring("a", "10.99.0.1", NULL);

	for (size_t i = 0; i < REQUEST_PREFIX_MAX; i++) {
		request.routes.prefix[i] = prefix("10.5.0.0/24");
		request.routes.prefix[i].addr.bytes[2] = (uint8_t)i;
	}
	done(&request);
	ck_assert_uint_eq(reply.reply.count, REQUEST_PREFIX_MAX);
	ck_assert_uint_eq(interface->route_count, REQUEST_PREFIX_MAX);
	request.type = REQUEST_ROUTE_DELETE;
	done(&request);
	ck_assert_uint_eq(interface->route_count, 0);
}
END_TEST

/* The interface is gone, and the namespace with it. */
START_TEST(routes_of_an_interface_that_cannot_be_reached)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct interface *interface = bring("a", "10.99.0.1", NULL);
	int tun = interface->queues[0];

	interface->netns.inode = 5;
	interface->queues[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(interface->queues[0], 0);
	ask(&request);
	ck_assert_uint_ne(reply.reply.error, 0);
	ck_assert_uint_eq(reply.reply.count, 0);
	ck_assert(logged("cannot find its network namespace"));
	close(interface->queues[0]);
	interface->queues[0] = tun;
	interface->netns.inode = 0;
}
END_TEST

START_TEST(an_ipv4_that_is_off_takes_no_routes)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);

	bring("a", "10.99.0.1", "fd99::1")->off4 = true;
	done(&request);
	verdict_is(0, ROUTE_FAILED, "cv0 has no IPv4");
}
END_TEST

START_TEST(a_route_that_the_kernel_does_not_delete)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct interface *interface = bring("a", "10.99.0.1", NULL);

	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	request.type = REQUEST_ROUTE_DELETE;
	ck_assert_int_eq(process_keep_capabilities(NULL, 0), 0);
	log_forget();
	done(&request);
	verdict_is(0, ROUTE_FAILED, "");
	ck_assert_uint_eq(interface->route_count, 1);
	ck_assert(logged("10.1.0.0/16"));
	request.type = REQUEST_ROUTE_ADD;
	request.routes.prefix[0] = prefix("10.2.0.0/16");
	done(&request);
	verdict_is(0, ROUTE_FAILED, "10.2.0.0/16");
	ck_assert_uint_eq(interface->route_count, 1);
}
END_TEST

/* The server's own address, and the resolver that finds it by name. */
START_TEST(a_route_over_what_the_tunnel_needs)
{
	static const char *const texts[] = { "192.0.2.0/24", "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 2);

	unit_text(settings->remotes[0].host, "vpn.example");
	bring("hub", "10.50.0.2", NULL);
	done(&request);
	verdict_is(0, ROUTE_OUTER, "192.0.2.53 is a resolver of this host");
	verdict_is(1, ROUTE_ACCEPTED, "");
	ck_assert(!logged("may take the path"));
	/* One that the tunnel itself has brought may be inside of it. */
	dns.nameservers.server_count = 1;
	dns.nameservers.server[0] = address("192.0.2.53");
	done(&request);
	verdict_is(0, ROUTE_OUTER, "192.0.2.53 is a resolver of this host");
	dns.way = DNS_RESOLVCONF;
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	dns.way = DNS_NONE;
	request.type = REQUEST_ROUTE_DELETE;
	done(&request);
	request.type = REQUEST_ROUTE_ADD;
	/* A full tunnel leaves it alone, by its mark. */
	interfaces.table = FULL_TUNNEL_FIRST;
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
}
END_TEST

START_TEST(needs_that_cannot_be_found_out_are_told_once)
{
	static const char *const texts[] = { "10.1.0.0/16", "10.2.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct rlimit before, none;

	bring("hub", "10.50.0.2", NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	ck_assert(logged("; a route may take the path that a tunnel itself needs"));
	log_forget();
	request.routes.prefix[0] = prefix(texts[1]);
	done(&request);
	ck_assert(!logged("may take the path"));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(warnings_have_a_limit)
{
	struct request request = { .type = REQUEST_CARRIER, .carrier = { 9, false } };
	char text[64];

	for (uint32_t i = 0; i < 30; i++) {
		request.carrier.interface = 100 + i; /* the log counts what is the same */
		ask(&request);
		ck_assert_uint_eq(reply.reply.error, EPERM);
	}
	ck_assert(logged("a change of interface 100,"));
	ck_assert(logged("a change of interface 119,"));
	(void)snprintf(text, sizeof(text), "a change of interface %d,", 129);
	ck_assert(!logged(text));
}
END_TEST

/* ---- resolvers ---- */

static struct request resolvers(const char *four, const char *six)
{
	struct request request = { .type = REQUEST_DNS, .dns.interface = 1 };
	struct nameservers *to = &request.dns.nameservers;

	if (four)
		to->server[to->server_count++] = address(four);
	if (six)
		to->server[to->server_count++] = address(six);
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
	ck_assert(!logged("warning"));
	ck_assert_int_ne(dns.way, DNS_NONE);
	ck_assert_uint_eq(dns.nameservers.server_count, 2);
	interface->off6 = true;
	done(&request);
	ck_assert_uint_eq(dns.nameservers.server_count, 1);
	ck_assert_int_eq(dns.nameservers.server[0].family, AF_INET);
	ck_assert(logged("hub: resolver fd50::53 is not used: cv0 has no IPv6"));
	interface->off6 = false;
	interface->off4 = true;
	done(&request);
	ck_assert_uint_eq(dns.nameservers.server_count, 1);
	ck_assert_int_eq(dns.nameservers.server[0].family, AF_INET6);
	ck_assert(logged("hub: resolver 10.50.0.53 is not used: cv0 has no IPv4"));
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
	ck_assert(logged("hub: the server's resolvers are not used"));
	ck_assert_int_eq(dns.way, DNS_NONE);
}
END_TEST

static bool may_make(void)
{
	int status;
	pid_t child = fork();

	/* It ends by a signal, since valgrind has an exit status of its own. */
	if (child == 0)
		(void)raise(
			unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 && tun_check_device(&problem) == 0
				? SIGTERM
				: SIGKILL);
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGTERM;
}

static void add_case(
	Suite *suite, const char *name, const TTest *const *tests, size_t count, SFun before)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, before, tear_down);
	tcase_set_timeout(tcase, 20);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
}

#define ADD(suite, name, tests, before) \
	add_case(suite, name, tests, sizeof(tests) / sizeof((tests)[0]), before)

int main(void)
{
	const TTest *const no_sockets[] = { a_server_gets_no_socket };
	const TTest *const sockets[] = { a_client_gets_a_socket, a_socket_that_cannot_be_had,
		a_socket_without_mptcp_is_told_once, an_exchange };
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
	const TTest *const routes[] = { routes_have_verdicts, an_ipv4_that_is_off_takes_no_routes,
		as_many_routes_as_a_request_holds, routes_of_an_interface_that_cannot_be_reached,
		a_route_that_the_kernel_does_not_delete };
	const TTest *const needed[] = { a_route_over_what_the_tunnel_needs,
		needs_that_cannot_be_found_out_are_told_once };
	const TTest *const limits[] = { warnings_have_a_limit };
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
	ADD(suite, "routes", routes, set_up_server);
	ADD(suite, "needs", needed, set_up_client);
	ADD(suite, "limits", limits, set_up_server);
	ADD(suite, "no resolvers", no_resolvers, set_up_server);
	ADD(suite, "resolvers", dns_tests, set_up_client);
	return unit_run("requests_kernel", suite);
}
