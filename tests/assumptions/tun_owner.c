/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any local user may attach a queue to a TUN with several queues, and so read its packets, unless the
 * TUN has an owner (drivers/net/tun.c: tun_not_capable()). Then a stranger gets EPERM, and the owner
 * opens further queues. Each queue is counted, also that of a stranger. A stranger that was handed
 * a queue attaches and detaches that queue.
 */
#include "tests/assumptions/tun_packet.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>

#include "system/netlink_queues.h"
#include "system/tun.h"

/* Opened as root: what counts is not the mode of the device but the caller of TUNSETIFF. */
enum { TRIES = 4 };
static int tries[TRIES], tried;

static void open_device(void)
{
	for (int i = 0; i < TRIES; i++) {
		tries[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		if (tries[i] < 0)
			skip("opening /dev/net/tun");
	}
}

static int try_attach(const char *name, int flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | flags) };

	memcpy(request.ifr_name, name, strlen(name) + 1);
	return ioctl(tries[tried++], TUNSETIFF, &request) < 0 ? -errno : 0;
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) < 0 ||
		setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
		setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0)
		skip("becoming an ordinary user");
}

static uint32_t count_queues(struct netlink *netlink, const char *name)
{
	struct problem problem;
	uint32_t index = 0, queues = 0;

	if (netlink_link_index(netlink, name, &index) < 0 ||
		netlink_link_queues(netlink, index, &queues, &problem) < 0)
		skip("counting queues");
	return queues;
}

int main(void)
{
	char several[IFNAMSIZ], one[IFNAMSIZ], open_to_all[IFNAMSIZ] = "open%d";
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR |
					 IFF_MULTI_QUEUE) };
	int first, second, single, bare;
	struct netlink *netlink;
	struct problem problem;

	own_namespace();
	if (tun_open("cv%d", true, &first, several) < 0 ||
		tun_open("cv%d", false, &single, one) < 0)
		skip("making a TUN");
	assume(tun_open_queue(several, &second) == 0, "the owner opens a further queue");
	if (netlink_open(&netlink, &problem) < 0)
		skip("opening netlink");
	assume(count_queues(netlink, several) == 2, "both are counted");
	assume(tun_queue_attach(second, false) == 0 && count_queues(netlink, several) == 2,
		"also while one is detached");
	assume(tun_queue_attach(second, true) == 0, "it is attached again");
	bare = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	memcpy(request.ifr_name, open_to_all, sizeof(open_to_all));
	if (bare < 0 || ioctl(bare, TUNSETIFF, &request) < 0)
		skip("making a TUN without an owner");
	open_device();
	become_nobody();
	assume(try_attach(request.ifr_name, IFF_MULTI_QUEUE) == 0,
		"a stranger attaches a queue to a TUN that has no owner");
	assume(count_queues(netlink, request.ifr_name) == 2, "and it is counted");
	assume(try_attach(several, IFF_MULTI_QUEUE) == -EPERM,
		"a stranger attaches no queue to a TUN of ours");
	assume(try_attach(one, 0) == -EPERM, "nor to one that has one queue");
	assume(tun_queue_attach(second, false) == 0,
		"a stranger detaches a queue that he was given");
	assume(try_attach(several, IFF_MULTI_QUEUE) == -EPERM,
		"and a stranger still attaches none");
	assume(tun_queue_attach(second, true) == 0, "he attaches it again");
	netlink_close(netlink);
	return 0;
}
