/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The socket has no protocol until it is set up and bound, so it never has a frame of another
 * interface. It bypasses the interface's own queue (PACKET_QDISC_BYPASS), so that the emulator's is
 * the only one.
 */

#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"

enum { SOCKET_BUFFER = 64 << 20 };

static int fail(struct problem *problem, const char *name, const char *what)
{
	int error = errno;

	problem_set(problem, "%s: %s: %s", name, what, error_text(error));
	return -error;
}

static uint32_t interface_dropped(const char *name)
{
	struct ifaddrs *all;
	uint32_t dropped = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (strcmp(one->ifa_name, name) == 0 && one->ifa_data && one->ifa_addr &&
			one->ifa_addr->sa_family == AF_PACKET)
			dropped = ((const struct rtnl_link_stats *)one->ifa_data)->tx_dropped;
	}
	freeifaddrs(all);
	return dropped;
}

static int check_interface(struct port *port, struct problem *problem)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, port->name, sizeof(port->name));
	if (ioctl(port->fd, SIOCGIFMTU, &request) < 0)
		return fail(problem, port->name, "its MTU cannot be read");
	port->mtu = (unsigned)request.ifr_mtu;
	if (ioctl(port->fd, SIOCGIFFLAGS, &request) < 0)
		return fail(problem, port->name, "its flags cannot be read");
	if (request.ifr_flags & IFF_UP)
		return 0;
	problem_set(problem, "%s is down; bring it up: ip link set %s up", port->name, port->name);
	return -ENETDOWN;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int set_up(const struct port *port, int index, struct problem *problem)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = index,
	};
	const struct packet_mreq promiscuous = {
		.mr_ifindex = index,
		.mr_type = PACKET_MR_PROMISC,
	};

	if (set_option(port->fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0 ||
		set_option(port->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) < 0 ||
		set_option(port->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1) < 0 ||
		set_option(port->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) < 0 ||
		set_option(port->fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER) < 0 ||
		set_option(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER) < 0)
		return fail(problem, port->name, "a socket option was refused");
	if (setsockopt(port->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
		    sizeof(promiscuous)) < 0)
		return fail(problem, port->name, "it does not receive frames for others");
	if (bind(port->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return fail(problem, port->name, "bind");
	return 0;
}

int port_open(struct port *port, const char *name, struct problem *problem)
{
	struct port new = { .fd = -1 };
	unsigned index = if_nametoindex(name);

	if (index == 0 || strlen(name) >= sizeof(new.name) || strpbrk(name, "\"\\")) {
		problem_set(problem,
			"there is no interface '%s' in this network namespace; ip link shows what there is",
			name);
		return -ENODEV;
	}
	memcpy(new.name, name, strlen(name));
	new.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (new.fd < 0 && errno == EPERM) {
		problem_set(problem,
			"frames can be read and sent by root only (CAP_NET_RAW and "
			"CAP_NET_ADMIN); start it as root");
		return -EPERM;
	}
	if (new.fd < 0)
		return fail(problem, name, "socket");
	int r = check_interface(&new, problem);
	if (r == 0)
		r = set_up(&new, (int)index, problem);
	if (r < 0) {
		close(new.fd);
		return r;
	}
	new.dropped_before = interface_dropped(name);
	*port = new;
	return 0;
}

void port_close(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

int port_check(const struct port *port, struct problem *problem)
{
	if (if_nametoindex(port->name) != 0)
		return 0;
	problem_set(problem, "interface %s is gone", port->name);
	return -ENODEV;
}

void port_count_overflow(struct port *port)
{
	struct tpacket_stats stats; /* since the last query */
	socklen_t len = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		port->overflowed += stats.tp_drops;
}

uint64_t port_dropped(const struct port *port)
{
	return interface_dropped(port->name) - port->dropped_before;
}
