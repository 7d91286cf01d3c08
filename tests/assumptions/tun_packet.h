/* SPDX-License-Identifier: Apache-2.0 */
/* Packets into and out of the queues of a TUN, for the tests of how queues behave. */
#ifndef CULVERT_TESTS_ASSUMPTIONS_TUN_PACKET_H
#define CULVERT_TESTS_ASSUMPTIONS_TUN_PACKET_H

#include "tests/assumptions/assume.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "system/netlink.h"
#include "system/tun.h"

enum { TUN_PACKET_VNET = 10, TUN_PACKET_NONE = -1 };

/* A TUN that is up, with queues that are all attached; its index. */
static inline uint32_t tun_packet_open(int *ret_fds, int count)
{
	struct netlink *netlink;
	char name[IFNAMSIZ];
	uint32_t index;

	if (tun_open("cv%d", true, &ret_fds[0], name) < 0)
		skip("opening a TUN");
	for (int i = 1; i < count; i++)
		assume(tun_open_queue(name, &ret_fds[i]) == 0, "a further queue can be opened");
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	assume(netlink_link_index(netlink, name, &index) == 0, "the TUN is found");
	assume(netlink_link_up(netlink, index, 1500, 500, NULL) == 0, "the TUN comes up");
	netlink_close(netlink);
	return index;
}

/* A socket that sends packets as they are through the interface. */
static inline int tun_packet_socket(uint32_t index)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)index
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assume(fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)) == 0,
		"a packet socket sends through the TUN");
	return fd;
}

/*
 * Sends a packet and tells which queue it comes out of; TUN_PACKET_NONE: none. What else is in the
 * queues, of the kernel's own, goes.
 */
static inline int tun_packet_send(
	int socket_fd, const void *packet, size_t len, const int *fds, int count)
{
	uint8_t got[TUN_PACKET_VNET + 2048];
	int found = TUN_PACKET_NONE;
	ssize_t got_len;

	(void)!send(socket_fd, packet, len, 0);
	for (int i = 0; i < count; i++) {
		while ((got_len = read(fds[i], got, sizeof(got))) >= 0) {
			if ((size_t)got_len == TUN_PACKET_VNET + len &&
				memcmp(got + TUN_PACKET_VNET, packet, len) == 0)
				found = i;
		}
	}
	return found;
}

#endif
