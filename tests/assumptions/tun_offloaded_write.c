/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A superpacket with its offload header may be written to a TUN whatever TUNSETOFFLOAD says: that
 * only limits what the kernel hands out. So what a peer may send us depends on what we announced,
 * not on our own TUN's state.
 */
#include "tests/assumptions/assume.h"

#include "system/netlink.h"
#include "system/tun.h"

enum { VNET = 10, HEADERS = 40, PAYLOAD = 4200, SEGMENT = 1400, TOTAL = HEADERS + PAYLOAD };

/* The IP header's own checksum (RFC 1071). */
static uint16_t checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

int main(void)
{
	static const uint8_t vnet[VNET] = { 1, 1, HEADERS, 0, SEGMENT & 0xff, SEGMENT >> 8, 20, 0,
		16, 0 };
	static const uint8_t ip[20] = { 0x45, 0, TOTAL >> 8, TOTAL & 0xff, 0, 1, 0x40, 0, 64, 6, 0,
		0, 10, 99, 0, 2, 10, 99, 0, 1 };
	static const uint8_t tcp[20] = { 0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1,
		0, 0, 0, 0, 0 };
	static uint8_t packet[VNET + TOTAL];
	struct netlink *netlink;
	char name[IFNAMSIZ];
	uint32_t index, set;
	uint16_t sum;
	int fd;

	own_namespace();
	if (tun_open("cv%d", false, &fd, name) < 0)
		skip("opening a TUN");
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	assume(netlink_link_index(netlink, name, &index) == 0, "the TUN is found");
	assume(netlink_link_up(netlink, index, 1500, 500, NULL) == 0, "the TUN comes up");
	assume(tun_set_offloads(fd, 0, &set) == 0 && set == 0, "all offloads can be switched off");
	memcpy(packet, vnet, sizeof(vnet));
	memcpy(packet + VNET, ip, sizeof(ip));
	memcpy(packet + VNET + 20, tcp, sizeof(tcp));
	sum = checksum(ip);
	packet[VNET + 10] = (uint8_t)(sum >> 8);
	packet[VNET + 11] = (uint8_t)sum;
	assume(write(fd, packet, sizeof(packet)) == (ssize_t)sizeof(packet),
		"a TCP superpacket can be written without offloads set");
	netlink_close(netlink);
	close(fd);
	return 0;
}
