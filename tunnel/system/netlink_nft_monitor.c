/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_nft_monitor.h"

#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which otherwise defines its own */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "system/netlink_watch.h"

enum {
	NAME_ATTRIBUTE = 1,
	PROGRAM_MAX = 15
}; /* the table's name, in messages about tables, chains and rules */

struct netlink_nft_monitor {
	struct netlink_watch watch;
	/* Valid during a read. */
	const char *table;
	uint32_t own;
	/* A change of the table has come, and the message that names its program has not. */
	bool unnamed;
	char program[PROGRAM_MAX + 1];
};

static bool is_change(uint16_t type)
{
	switch (type & 0xff) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		return type >> 8 == NFNL_SUBSYS_NFTABLES;
	default:
		return false;
	}
}

/* Each change of the firewall ends with a message that names the program (Linux 4.18). */
static void take_program(struct netlink_nft_monitor *monitor, struct nlmsghdr *header)
{
	struct nlattr *attributes[NFTA_GEN_MAX + 1] = { NULL };

	if (monitor->unnamed &&
		nlmsg_parse(header, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX, NULL) >= 0 &&
		attributes[NFTA_GEN_PROC_NAME])
		(void)nla_strlcpy(
			monitor->program, attributes[NFTA_GEN_PROC_NAME], sizeof(monitor->program));
	monitor->unnamed = false;
}

static int on_event(struct nl_msg *message, void *context)
{
	struct netlink_nft_monitor *monitor = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[NAME_ATTRIBUTE + 1] = { NULL };
	const struct nfgenmsg *what;

	if (header->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		take_program(monitor, header);
	if (!is_change(header->nlmsg_type) || header->nlmsg_pid == monitor->own ||
		nlmsg_parse(header, sizeof(*what), attributes, NAME_ATTRIBUTE, NULL) < 0)
		return NL_OK;
	what = nlmsg_data(header);
	if (what->nfgen_family == NFPROTO_INET && attributes[NAME_ATTRIBUTE] &&
		nla_strcmp(attributes[NAME_ATTRIBUTE], monitor->table) == 0)
		monitor->watch.changed = monitor->unnamed = true;
	return NL_OK;
}

static const struct netlink_watch_kind kind = {
	.what = "the firewall",
	.protocol = NETLINK_NETFILTER,
	.groups = { NFNLGRP_NFTABLES },
	.on_event = on_event,
};

int netlink_nft_monitor_open(struct netlink_nft_monitor **ret_monitor, struct problem *problem)
{
	struct netlink_nft_monitor *monitor = calloc(1, sizeof(*monitor));
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

void netlink_nft_monitor_close(struct netlink_nft_monitor *monitor)
{
	if (!monitor)
		return;
	netlink_watch_close(&monitor->watch);
	free(monitor);
}

int netlink_nft_monitor_fd(const struct netlink_nft_monitor *monitor)
{
	return nl_socket_get_fd(monitor->watch.sock);
}

const char *netlink_nft_monitor_program(const struct netlink_nft_monitor *monitor)
{
	return monitor->program;
}

int netlink_nft_monitor_read(
	struct netlink_nft_monitor *monitor, const char *table, uint32_t own, bool *ret_changed)
{
	monitor->table = table;
	monitor->own = own;
	return netlink_watch_read(&monitor->watch, ret_changed);
}
