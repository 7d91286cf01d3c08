/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_nft_monitor.h"

#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which has its own otherwise */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "system/netlink_internal.h"

enum {
	DATAGRAMS_MAX = 64, /* in one go, so that a flood does not keep others waiting */
	NAME_ATTRIBUTE = 1, /* of the table, in messages about tables, chains and rules alike */
};

struct netlink_nft_monitor {
	struct nl_sock *sock;
	/* While it is being read. */
	const char *table;
	uint32_t own;
	bool changed;
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

static int on_event(struct nl_msg *message, void *context)
{
	struct netlink_nft_monitor *monitor = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[NAME_ATTRIBUTE + 1] = { NULL };
	const struct nfgenmsg *what;

	if (!is_change(header->nlmsg_type) || header->nlmsg_pid == monitor->own ||
		nlmsg_parse(header, sizeof(*what), attributes, NAME_ATTRIBUTE, NULL) < 0)
		return NL_OK;
	what = nlmsg_data(header);
	if (what->nfgen_family == NFPROTO_INET && attributes[NAME_ATTRIBUTE] != NULL &&
		nla_strcmp(attributes[NAME_ATTRIBUTE], monitor->table) == 0)
		monitor->changed = true;
	return NL_OK;
}

static int subscribe(struct nl_sock *sock)
{
	int r;

	nl_socket_disable_seq_check(sock);
	r = nl_connect(sock, NETLINK_NETFILTER);
	if (r == 0)
		r = nl_socket_set_nonblocking(sock);
	if (r == 0)
		r = nl_socket_add_memberships(sock, NFNLGRP_NFTABLES, 0);
	return r;
}

int netlink_nft_monitor_open(struct netlink_nft_monitor **ret_monitor, struct problem *problem)
{
	struct netlink_nft_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (monitor != NULL)
		monitor->sock = nl_socket_alloc();
	if (monitor == NULL || monitor->sock == NULL) {
		netlink_nft_monitor_close(monitor);
		problem_set(problem, "cannot watch the firewall: out of memory");
		return -ENOMEM;
	}
	nl_socket_modify_cb(monitor->sock, NL_CB_VALID, NL_CB_CUSTOM, on_event, monitor);
	r = subscribe(monitor->sock);
	if (r < 0) {
		problem_set(problem, "cannot watch the firewall: %s", nl_geterror(r));
		netlink_nft_monitor_close(monitor);
		return netlink_errno(r);
	}
	*ret_monitor = monitor;
	return 0;
}

void netlink_nft_monitor_close(struct netlink_nft_monitor *monitor)
{
	if (monitor == NULL)
		return;
	nl_socket_free(monitor->sock);
	free(monitor);
}

int netlink_nft_monitor_fd(const struct netlink_nft_monitor *monitor)
{
	return nl_socket_get_fd(monitor->sock);
}

int netlink_nft_monitor_read(
	struct netlink_nft_monitor *monitor, const char *table, uint32_t own, bool *ret_changed)
{
	int r = 0;

	monitor->table = table;
	monitor->own = own;
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
