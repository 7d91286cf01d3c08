/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN with IFF_VNET_HDR puts 10 bytes in front of each packet, little-endian after TUNSETVNETLE,
 * and with TUN_F_CSUM leaves the checksum of a local sender to the reader (system/tun.c,
 * wire/vnet.h).
 */
#include "tests/assumptions/assume.h"

#include <poll.h>

#include "base/offload.h"
#include "system/netlink.h"
#include "system/tun.h"

static void send_datagram(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(0x0a630002);
	assume(fd >= 0 &&
			sendto(fd, "datagram", 8, 0, (const struct sockaddr *)&to, sizeof(to)) == 8,
		"a datagram is sent into the tunnel");
	close(fd);
}

int main(void)
{
	const uint8_t local4[] = { 10, 99, 0, 1 }, remote4[] = { 10, 99, 0, 2 };
	/* flags NEEDS_CSUM, no segmentation, header length any, size 0, checksum from 20, at 6. */
	const uint8_t tail[] = { 0, 0, 20, 0, 6, 0 };
	struct addr local = addr_v4(local4), remote = addr_v4(remote4);
	struct netlink *netlink;
	uint8_t packet[128];
	char name[IFNAMSIZ];
	uint32_t index, set;
	int fd;

	own_namespace();
	if (tun_open("cv%d", false, &fd, name) < 0)
		skip("opening a TUN");
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	assume(netlink_link_index(netlink, name, &index) == 0, "the TUN is found");
	assume(netlink_link_up(netlink, index, 1500, 500, NULL) == 0, "the TUN comes up");
	assume(netlink_address_add(netlink, index, &local, &remote, NULL) == 0, "address added");
	assume(tun_set_offloads(fd, OFFLOAD_CSUM, &set) == 0 && set == OFFLOAD_CSUM,
		"TUNSETOFFLOAD takes TUN_F_CSUM");
	send_datagram();
	assume(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000) == 1,
		"the datagram comes out of the TUN");
	assume(read(fd, packet, sizeof(packet)) == 10 + 20 + 8 + 8,
		"10 bytes stand before the IP packet");
	assume(packet[10] == 0x45, "the IP header follows them");
	assume(packet[0] == 1 && packet[1] == 0, "flags say NEEDS_CSUM, no segmentation");
	assume(memcmp(packet + 4, tail, sizeof(tail)) == 0, "the fields are little-endian");
	netlink_close(netlink);
	close(fd);
	return 0;
}
