/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_monitor.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "system/netlink.h"
#include "system/netlink_internal.h"

enum { DATAGRAMS_MAX = 64 }; /* in one go, so that a flood does not keep others waiting */

struct netlink_monitor {
	struct nl_sock *sock;
	/* While it is being read. */
	bool (*own)(const void *context, uint32_t index);
	const void *context;
	bool changed;
};

/* What it is about; 0: the message does not say, or says it of several links. */
static uint32_t link_of(struct nlmsghdr *header, bool *ret_our_route)
{
	const struct rtmsg *route;
	struct nlattr *attributes[RTA_MAX + 1] = { NULL };

	*ret_our_route = false;
	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return nlmsg_valid_hdr(header, sizeof(struct ifinfomsg))
			? (uint32_t)((const struct ifinfomsg *)nlmsg_data(header))->ifi_index
			: 0;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return nlmsg_valid_hdr(header, sizeof(struct ifaddrmsg))
			? ((const struct ifaddrmsg *)nlmsg_data(header))->ifa_index
			: 0;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (nlmsg_parse(header, sizeof(*route), attributes, RTA_MAX, NULL) < 0)
			return 0;
		route = nlmsg_data(header);
		*ret_our_route = route->rtm_protocol == RTPROT_CULVERT;
		return attributes[RTA_OIF] != NULL ? nla_get_u32(attributes[RTA_OIF]) : 0;
	default:
		return 0;
	}
}

static int on_event(struct nl_msg *message, void *context)
{
	struct netlink_monitor *monitor = context;
	bool our_route;
	uint32_t link = link_of(nlmsg_hdr(message), &our_route);

	if (!our_route && (link == 0 || !monitor->own(monitor->context, link)))
		monitor->changed = true;
	return NL_OK;
}

static int subscribe(struct nl_sock *sock)
{
	int r;

	nl_socket_disable_seq_check(sock);
	r = nl_connect(sock, NETLINK_ROUTE);
	if (r == 0)
		r = nl_socket_set_nonblocking(sock);
	if (r == 0)
		r = nl_socket_add_memberships(sock, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
			RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0);
	return r;
}

int netlink_monitor_open(struct netlink_monitor **ret_monitor, struct problem *problem)
{
	struct netlink_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (monitor != NULL)
		monitor->sock = nl_socket_alloc();
	if (monitor == NULL || monitor->sock == NULL) {
		netlink_monitor_close(monitor);
		problem_set(problem, "cannot watch the network: out of memory");
		return -ENOMEM;
	}
	nl_socket_modify_cb(monitor->sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, monitor);
	r = subscribe(monitor->sock);
	if (r < 0) {
		problem_set(problem, "cannot watch the network: %s", nl_geterror(r));
		netlink_monitor_close(monitor);
		return netlink_errno(r);
	}
	*ret_monitor = monitor;
	return 0;
}

void netlink_monitor_close(struct netlink_monitor *monitor)
{
	if (monitor == NULL)
		return;
	nl_socket_free(monitor->sock);
	free(monitor);
}

int netlink_monitor_fd(const struct netlink_monitor *monitor)
{
	return nl_socket_get_fd(monitor->sock);
}

int netlink_monitor_read(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_changed)
{
	int r = 0;

	monitor->own = own;
	monitor->context = context;
	monitor->changed = false;
	for (int i = 0; i < DATAGRAMS_MAX && r >= 0; i++) {
		r = nl_recvmsgs_default(monitor->sock);
		/* ENOBUFS, the overrun, is libnl's NLE_NOMEM. The next receive goes on behind the gap. */
		if (r == -NLE_NOMEM) {
			monitor->changed = true;
			r = 0;
		}
	}
	if (r < 0 && r != -NLE_AGAIN)
		return netlink_errno(r);
	*ret_changed = monitor->changed;
	return 0;
}
