/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_queues.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>

#include "base/error_text.h"
#include "system/netlink_internal.h"

/*
 * libnl does not know the attributes of a TUN, so this parses them. The answer is a link and an
 * acknowledgement, or an error.
 */
struct question {
	uint32_t sequence, queues;
	bool counted; /* the answer has the number of queues */
	bool answered;
	int error;
};

static void read_link(struct nlmsghdr *header, struct question *question)
{
	struct nlattr *link[IFLA_MAX + 1] = { NULL }, *info[IFLA_INFO_MAX + 1] = { NULL };
	struct nlattr *tun[IFLA_TUN_MAX + 1] = { NULL };

	if (nlmsg_parse(header, sizeof(struct ifinfomsg), link, IFLA_MAX, NULL) < 0 ||
		!link[IFLA_LINKINFO] ||
		nla_parse_nested(info, IFLA_INFO_MAX, link[IFLA_LINKINFO], NULL) < 0 ||
		!info[IFLA_INFO_DATA] ||
		nla_parse_nested(tun, IFLA_TUN_MAX, info[IFLA_INFO_DATA], NULL) < 0 ||
		!tun[IFLA_TUN_NUM_QUEUES] || !tun[IFLA_TUN_NUM_DISABLED_QUEUES])
		return;
	question->queues = nla_get_u32(tun[IFLA_TUN_NUM_QUEUES]) +
		nla_get_u32(tun[IFLA_TUN_NUM_DISABLED_QUEUES]);
	question->counted = true;
}

static int on_answer(struct nl_msg *message, void *context)
{
	struct question *question = context;
	struct nlmsghdr *header = nlmsg_hdr(message);

	if (header->nlmsg_seq != question->sequence)
		return NL_SKIP;
	if (header->nlmsg_type == RTM_NEWLINK)
		read_link(header, question);
	if (header->nlmsg_type != NLMSG_ERROR)
		return NL_SKIP;
	question->answered = true;
	question->error = nlmsg_datalen(header) < (int)sizeof(struct nlmsgerr)
		? -EIO
		: ((const struct nlmsgerr *)nlmsg_data(header))->error;
	return NL_STOP;
}

static int ask(struct netlink *netlink, uint32_t index, struct question *question)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_ACK);
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int r = message && callbacks ? 0 : -NLE_NOMEM;

	if (r == 0)
		r = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	if (r == 0)
		r = nl_send_auto(netlink->sock, message);
	if (r >= 0) {
		question->sequence = nlmsg_hdr(message)->nlmsg_seq;
		nl_cb_set(callbacks, NL_CB_MSG_IN, NL_CB_CUSTOM, on_answer, question);
	}
	while (r >= 0 && !question->answered)
		r = nl_recvmsgs(netlink->sock, callbacks);
	nl_cb_put(callbacks);
	nlmsg_free(message);
	return r < 0 ? netlink_errno(r) : question->error;
}

int netlink_link_queues(
	struct netlink *netlink, uint32_t index, uint32_t *ret_queues, struct problem *problem)
{
	struct question question = { .counted = false };
	int r = ask(netlink, index, &question);

	if (r == 0 && !question.counted)
		r = -EOPNOTSUPP;
	if (r < 0)
		problem_set(problem, "cannot count the queues of the interface: %s", error_text(r));
	else
		*ret_queues = question.queues;
	return r;
}
