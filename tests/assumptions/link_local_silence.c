/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fresh TUN gets a link-local address and sends router solicitations by itself; with
 * IN6_ADDR_GEN_MODE_NONE, set before it comes up, it does neither (system/netlink.c).
 */
#include "tests/assumptions/assume.h"

#include <poll.h>

#include "system/netlink.h"
#include "system/tun.h"

enum { WAIT_MS = 8000, SOLICITATION = 133 }; /* RFC 4861 */

struct tunnel {
	int fd;
	char name[IFNAMSIZ];
	uint32_t index;
};

static struct tunnel make(struct netlink *netlink)
{
	struct tunnel tunnel;

	if (tun_open("cv%d", false, &tunnel.fd, tunnel.name) < 0)
		skip("opening a TUN");
	assume(netlink_link_index(netlink, tunnel.name, &tunnel.index) == 0, "the TUN is found");
	return tunnel;
}

/* As anybody would bring up an interface. */
static void bring_up_plainly(const struct tunnel *tunnel)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(request.ifr_name, tunnel->name, IFNAMSIZ);
	assume(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "it comes up");
	close(fd);
}

static bool solicits(const struct tunnel *tunnel)
{
	uint8_t packet[2048];

	while (poll(&(struct pollfd){ .fd = tunnel->fd, .events = POLLIN }, 1, WAIT_MS) == 1) {
		ssize_t n = read(tunnel->fd, packet, sizeof(packet));

		/* Behind 10 bytes of offload header and the 40 of IPv6. */
		if (n > 50 && packet[10 + 6] == IPPROTO_ICMPV6 && packet[10 + 40] == SOLICITATION)
			return true;
	}
	return false;
}

int main(void)
{
	struct netlink_address *addresses;
	struct tunnel plain, quiet;
	struct netlink *netlink;
	size_t count;

	own_namespace();
	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		skip("this kernel has no IPv6");
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	quiet = make(netlink);
	plain = make(netlink);
	assume(netlink_link_up(netlink, quiet.index, 1500, 500, NULL) == 0, "the TUN comes up");
	bring_up_plainly(&plain);
	assume(solicits(&plain), "a plain TUN solicits routers");
	/* The quiet one came up before. */
	assume(poll(&(struct pollfd){ .fd = quiet.fd, .events = POLLIN }, 1, 0) == 0,
		"with IN6_ADDR_GEN_MODE_NONE a TUN sends nothing by itself");
	assume(netlink_addresses(netlink, &addresses, &count, NULL) == 0, "addresses are listed");
	for (size_t i = 0; i < count; i++)
		assume(addresses[i].index != quiet.index, "it has no address either");
	free(addresses);
	netlink_close(netlink);
	return 0;
}
