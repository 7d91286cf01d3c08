/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/probe_socket.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"
#include "system/netlink_lookup.h"

/* True: the address is this host's end of a tunnel. */
static bool is_own_address(const struct interfaces *interfaces, const struct addr *addr)
{
	for (const struct interface *i = interfaces->first; i; i = i->next) {
		if (addr_equal(&i->now.local4, addr) || addr_equal(&i->now.local6, addr))
			return true;
	}
	return false;
}

/*
 * True: the way leads into a tunnel. A route of another Culvert is known by its protocol. Where a
 * full tunnel copies the host's routes into its own table, the copies have that protocol as well,
 * and are no ways into a tunnel.
 */
static bool is_tunnel(const struct interfaces *interfaces, const struct netlink_way *way)
{
	return interfaces_is_own(interfaces, way->index) ||
		(way->protocol == RTPROT_CULVERT && way->table == RT_TABLE_MAIN);
}

/* Finds the link that leads to the target; 0: the target is on this host. */
static int find_link(const struct interfaces *interfaces, const struct addr *target,
	uint32_t *ret_index, struct problem *problem)
{
	struct netlink_way way;
	char text[ADDR_TEXT_MAX];
	int r = netlink_lookup(interfaces->netlink, target, &way, problem);

	if (r < 0)
		return r;
	if (way.local && !is_own_address(interfaces, target)) {
		*ret_index = 0;
		return 0;
	}
	if (way.local || is_tunnel(interfaces, &way)) {
		problem_set(problem,
			"the way to %s leads into a tunnel, so it is not behind this end",
			addr_format(target, text));
		return -ENETUNREACH;
	}
	if (!way.unicast || way.index == 0) {
		problem_set(problem, "no route to %s", addr_format(target, text));
		return -ENETUNREACH;
	}
	*ret_index = way.index;
	return 0;
}

static int new_socket(const struct endpoint *target, int *ret_fd, struct problem *problem)
{
	bool v6 = target->addr.family == AF_INET6, echo = target->port == 0;
	int type = echo ? SOCK_DGRAM : SOCK_STREAM;
	int protocol = !echo ? IPPROTO_TCP : v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = socket(target->addr.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int r = fd < 0 ? -errno : 0;

	if (r == -EACCES && echo)
		problem_set(problem,
			"this host lets nobody send ICMP echo: sysctl -w net.ipv4.ping_group_range=\"0 0\", or probe a TCP port");
	else if (r < 0)
		problem_set(problem, "cannot make a socket: %s", error_text(r));
	else
		*ret_fd = fd;
	return r;
}

/*
 * A probe ends as soon as the target's kernel has answered. Without an acknowledgement, which
 * TCP_QUICKACK delays, and with a reset in its place, which SO_LINGER makes of close(2), the
 * target's program never learns of the connection: it need not log one for each probe.
 */
static int set_options(int fd, uint32_t link, bool tcp)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };
	const int off = 0, once = 1;
	const int index = (int)link;

	if (link != 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0)
		return -errno;
	if (!tcp)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)) < 0)
		return -errno;
	return 0;
}

/* The kernel may have no better source than an address of the tunnel: answers would go there. */
static bool has_tunnel_source(const struct interfaces *interfaces, int fd)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	struct endpoint source;

	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
		endpoint_from_sockaddr((const struct sockaddr *)&address, len, &source) == 0 &&
		is_own_address(interfaces, &source.addr);
}

static int begin(const struct interfaces *interfaces, const struct endpoint *target, int fd,
	uint32_t link, struct problem *problem)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(target, &address);
	int r = set_options(fd, link, target->port != 0);

	if (r < 0) {
		problem_set(problem, "cannot bind a probe to its link: %s", error_text(r));
		return r;
	}
	if (connect(fd, (const struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS) {
		r = -errno;
		problem_set(problem, "%s", error_text(r));
		return r;
	}
	if (has_tunnel_source(interfaces, fd)) {
		problem_set(problem,
			"this host would send it from its address in a tunnel: give the link that leads there an address");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

int probe_socket_open(const struct interfaces *interfaces, const struct endpoint *target,
	int *ret_fd, struct problem *problem)
{
	uint32_t link = 0;
	int fd = -1;
	int r = find_link(interfaces, &target->addr, &link, problem);

	if (r == 0)
		r = new_socket(target, &fd, problem);
	if (r == 0)
		r = begin(interfaces, target, fd, link, problem);
	if (r == 0)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}
