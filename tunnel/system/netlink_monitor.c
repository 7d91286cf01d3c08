/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_monitor.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "system/netlink.h"
#include "system/netlink_watch.h"

struct netlink_monitor {
	struct netlink_watch watch;
	/* Valid during a read. */
	bool (*own)(const void *context, uint32_t index);
	const void *context;
	bool wants_own;
	bool counts_all; /* netlink_monitor_count_all() */
};

/* The link of the message; 0: it has none, or several. */
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
		/* Unreachable routes outlive their links, so their removal is an event. */
		*ret_our_route = route->rtm_protocol == RTPROT_CULVERT_HELD ||
			(route->rtm_protocol == RTPROT_CULVERT &&
				(header->nlmsg_type == RTM_NEWROUTE ||
					route->rtm_type != RTN_UNREACHABLE));
		return attributes[RTA_OIF] ? nla_get_u32(attributes[RTA_OIF]) : 0;
	default:
		return 0;
	}
}

static bool is_our_rule(struct nlmsghdr *header, uint16_t type)
{
	struct nlattr *attributes[FRA_MAX + 1] = { NULL };

	return header->nlmsg_type == type &&
		nlmsg_parse(header, sizeof(struct fib_rule_hdr), attributes, FRA_MAX, NULL) >= 0 &&
		attributes[FRA_PROTOCOL] && nla_get_u8(attributes[FRA_PROTOCOL]) == RTPROT_CULVERT;
}

/* Of a link or of all: forwarding, rp_filter and others. */
static bool is_setting(const struct nlmsghdr *header)
{
	return header->nlmsg_type == RTM_NEWNETCONF || header->nlmsg_type == RTM_DELNETCONF;
}

/* IPv4 reports no route that disappears with its link or address; but those two are reported. */
static bool touches_own(const struct netlink_monitor *monitor, struct nlmsghdr *header)
{
	const struct rtmsg *route;
	bool our_route;
	uint32_t link = link_of(header, &our_route);

	if (is_setting(header) || is_our_rule(header, RTM_DELRULE))
		return true;
	if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE)
		return monitor->counts_all || (link != 0 && monitor->own(monitor->context, link));
	route = nlmsg_valid_hdr(header, sizeof(*route)) ? nlmsg_data(header) : NULL;
	if (!route)
		return false;
	if (header->nlmsg_type == RTM_NEWROUTE)
		return (header->nlmsg_flags & NLM_F_REPLACE) != 0 ||
			(monitor->counts_all && route->rtm_protocol != RTPROT_CULVERT_HELD);
	return monitor->counts_all || route->rtm_protocol == RTPROT_CULVERT ||
		route->rtm_protocol == RTPROT_CULVERT_HELD;
}

/* A route that another program has turned into a tunnel is one that it has taken from elsewhere. */
static bool is_others_route(struct nlmsghdr *header)
{
	const struct rtmsg *route;

	if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE)
		return false;
	route = nlmsg_valid_hdr(header, sizeof(*route)) ? nlmsg_data(header) : NULL;
	return route && route->rtm_protocol != RTPROT_CULVERT &&
		route->rtm_protocol != RTPROT_CULVERT_HELD;
}

static int on_event(struct nl_msg *message, void *context)
{
	struct netlink_monitor *monitor = context;
	bool our_route;
	uint32_t link = link_of(nlmsg_hdr(message), &our_route);

	if (monitor->wants_own) {
		if (touches_own(monitor, nlmsg_hdr(message)))
			monitor->watch.changed = true;
		return NL_OK;
	}
	if (monitor->counts_all && is_others_route(nlmsg_hdr(message)))
		monitor->watch.changed = true;
	/* A new rule of ours is no event. A removed one is: another program may have done it. */
	if (!our_route && !is_setting(nlmsg_hdr(message)) &&
		!is_our_rule(nlmsg_hdr(message), RTM_NEWRULE) &&
		(link == 0 || !monitor->own(monitor->context, link)))
		monitor->watch.changed = true;
	return NL_OK;
}

static const struct netlink_watch_kind kind = {
	.what = "the network",
	.protocol = NETLINK_ROUTE,
	.groups = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_NETCONF,
		RTNLGRP_IPV6_NETCONF },
	.optional = RTNLGRP_NEXTHOP, /* Linux 5.3 */
	.on_event = on_event,
};

int netlink_monitor_open(struct netlink_monitor **ret_monitor, struct problem *problem)
{
	struct netlink_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor) {
		problem_set(problem, "cannot watch %s: out of memory", kind.what);
		return -ENOMEM;
	}
	r = netlink_watch_open(&monitor->watch, &kind, monitor, problem);
	if (r < 0) {
		free(monitor);
		return r;
	}
	*ret_monitor = monitor;
	return 0;
}

void netlink_monitor_close(struct netlink_monitor *monitor)
{
	if (!monitor)
		return;
	netlink_watch_close(&monitor->watch);
	free(monitor);
}

void netlink_monitor_count_all(struct netlink_monitor *monitor, bool all)
{
	monitor->counts_all = all;
}

int netlink_monitor_fd(const struct netlink_monitor *monitor)
{
	return nl_socket_get_fd(monitor->watch.sock);
}

static int read_events(struct netlink_monitor *monitor, bool wants_own,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_changed)
{
	monitor->own = own;
	monitor->context = context;
	monitor->wants_own = wants_own;
	return netlink_watch_read(&monitor->watch, ret_changed);
}

int netlink_monitor_read(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_changed)
{
	return read_events(monitor, false, own, context, ret_changed);
}

bool netlink_monitor_take_loss(struct netlink_monitor *monitor)
{
	bool lost = monitor->watch.lost;

	monitor->watch.lost = false;
	return lost;
}

int netlink_monitor_read_own(struct netlink_monitor *monitor,
	bool (*own)(const void *context, uint32_t index), const void *context, bool *ret_touched)
{
	return read_events(monitor, true, own, context, ret_touched);
}
