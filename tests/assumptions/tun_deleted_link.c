/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN's link can be deleted while its descriptor is open: reading then fails with EBADFD, and
 * closing is what is left to do (netd/interfaces.c deletes first and closes then). A group of links
 * goes by one request.
 */
#include "tests/assumptions/assume.h"

#include "system/netlink.h"
#include "system/tun.h"

enum { COUNT = 20, GROUP = 0x7fffffff };

int main(void)
{
	struct netlink *netlink;
	int fds[COUNT];
	char byte;

	own_namespace();
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	for (int i = 0; i < COUNT; i++) {
		char name[IFNAMSIZ];
		uint32_t index;

		if (tun_open("cv%d", false, &fds[i], name) < 0)
			skip("opening a TUN");
		assume(netlink_link_index(netlink, name, &index) == 0, "the TUN is found");
		if (i == 0) {
			assume(netlink_link_delete(netlink, index, NULL) == 0, "it can be deleted");
			assume(if_nametoindex(name) == 0,
				"it is gone while its descriptor is open");
			continue;
		}
		assume(netlink_link_set_group(netlink, index, GROUP, NULL) == 0,
			"it takes a group");
	}
	assume(netlink_group_delete(netlink, GROUP, NULL) == 0, "a group can be deleted");
	for (int i = 0; i < COUNT; i++) {
		assume(read(fds[i], &byte, 1) < 0 && errno == EBADFD, "reading says EBADFD");
		assume(close(fds[i]) == 0, "closing works");
	}
	assume(netlink_group_delete(netlink, GROUP, NULL) == -ENODEV, "an empty group is told");
	netlink_close(netlink);
	return 0;
}
