/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of an engine in a network namespace of the test's own that has nothing but loopback, and with an /etc of
 * the test's own. That needs root and /dev/net/tun: without either a test is left out. Each wants `check: own-process`.
 */
#ifndef CULVERT_TESTS_UNIT_REQUESTS_KERNEL_FIXTURE_H
#define CULVERT_TESTS_UNIT_REQUESTS_KERNEL_FIXTURE_H

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
#include "tests/unit/log_capture.h"
#include "netd/forwarding.h"
#include "netd/interface_life.h"
#include "netd/interface_routes.h"
#include "tests/unit/parse.h"
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
static unsigned ups;

static inline void add_peer(const char *name)
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

static inline int exchange(struct requests *of, struct problem *why)
{
	ck_assert_ptr_eq(of, &requests);
	problem_set(why, "not here");
	return exchange_result;
}

static inline void on_up(struct requests *of, const struct request_dns *up)
{
	ck_assert_ptr_eq(of, &requests);
	ck_assert_uint_eq(up->interface, 1);
	ups++;
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* Nothing of this host is in the test's reach from here on. */
static inline void enter(void)
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
	log_capture_begin(LOG_LEVEL_INFO);
}

static inline void set_up(enum settings_role role)
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

static inline void begin(void)
{
	dns_init(&dns, settings->full_tunnel);
	full_tunnel_init(&full_tunnel, settings, &interfaces);
	full_tunnel_run_in(&full_tunnel, loop);
	requests_init(&requests, settings, &interfaces, &full_tunnel, &dns, exchange);
	requests.up = on_up;
	requests_begin(&requests, GENERATION);
	requests.ready = true;
}

static inline void set_up_server(void)
{
	set_up(SETTINGS_SERVER);
	settings->pool4 = prefix_of("10.99.0.0/24");
	settings->pool6 = prefix_of("fd99::/64");
	settings->max_sessions = 20;
	add_peer("a");
	add_peer("b");
	begin();
}

static inline void set_up_client(void)
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

static inline void tear_down(void)
{
	dns_lift(&dns);
	interfaces_remove_all(&interfaces, "the test ends");
	full_tunnel_lift(&full_tunnel);
	netlink_close(interfaces.netlink);
	loop_free(loop);
	settings_free(settings);
	log_capture_end();
}

/* The engine is sound: there is a reply. */
static inline void ask(const struct request *request)
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
	ck_assert_ptr_null(interfaces.foreign.netlink);
	ck_assert_int_eq(request_decode(answer, from.len, &reply), 0);
	ck_assert_int_eq(reply.type, REQUEST_REPLY);
	ck_assert_uint_eq(reply.id, 5);
}

static inline void done(const struct request *request)
{
	ask(request);
	ck_assert_msg(reply.reply.error == 0, "%u: %s", reply.reply.error, reply.reply.text);
	ck_assert_str_eq(reply.reply.text, "");
	ck_assert(!requests.exit_asked);
}

/* The reply has the error and the words, and so has the log. */
static inline void fails(const struct request *request, uint32_t error, const char *words)
{
	ask(request);
	ck_assert_msg(reply.reply.error == error, "%u: %s", reply.reply.error, reply.reply.text);
	ck_assert_msg(strstr(reply.reply.text, words) != NULL, "%s", reply.reply.text);
	ck_assert_uint_eq(reply_fd_count, 0);
	ck_assert(!reply_fds_owned);
}

static inline void is_denied(const struct request *request, const char *words)
{
	fails(request, EPERM, words);
	ck_assert(log_has("engine asked for "));
	ck_assert(log_has(": the configuration does not allow it"));
}

static inline struct request interface_for(const char *peer, const char *local4, const char *local6)
{
	struct request request = { .type = REQUEST_INTERFACE };
	struct request_interface *wanted = &request.interface;

	*wanted = (struct request_interface){ .mtu = 1400, .queues = 1 };
	ck_assert_int_eq(identity_set(&wanted->peer, peer, strlen(peer)), 0);
	wanted->local4 = addr_of(local4);
	wanted->local6 = addr_of(local6);
	wanted->remote4 = addr_of(!local4 ? NULL : peer[0] == 'b' ? "10.99.0.8" : "10.99.0.7");
	wanted->remote6 = addr_of(!local6 ? NULL : peer[0] == 'b' ? "fd99::8" : "fd99::7");
	return request;
}

static inline struct interface *bring(const char *peer, const char *local4, const char *local6)
{
	struct request request = interface_for(peer, local4, local6);
	struct interface *interface;

	done(&request);
	interface = interfaces_find_number(&interfaces, reply.reply.interface);
	ck_assert_ptr_nonnull(interface);
	return interface;
}

/* The interface of the first peer is to go into the namespace of a process, which the caller ends with end_elsewhere(). */
static inline pid_t start_elsewhere(void)
{
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
	close(fds[0]);
	close(fds[1]);
	(void)snprintf(
		settings->peers[0].netns, sizeof(settings->peers[0].netns), "pid:%d", (int)child);
	return child;
}

static inline void end_elsewhere(pid_t child)
{
	(void)kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static inline bool may_make(void)
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

static inline void add_case(
	Suite *suite, const char *name, const TTest *const *tests, size_t count, SFun before)
{
	tcase_set_timeout(unit_add_case(suite, name, before, tear_down, tests, count), 20);
}

#define ADD(suite, name, tests, before) add_case(suite, name, tests, ARRAY_SIZE(tests), before)

#endif
