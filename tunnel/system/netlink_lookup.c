/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_lookup.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <string.h>

#include "base/error_text.h"
#include "system/netlink_internal.h"

/* The answer is a route and an acknowledgement, or an error alone. */
struct lookup {
	struct netlink_way way;
	uint32_t sequence;
	bool answered;
	int error;
};

static void read_route(struct nlmsghdr *header, struct lookup *lookup)
{
	struct nlattr *attributes[RTA_MAX + 1] = { NULL };
	const struct rtmsg *route;

	if (nlmsg_parse(header, sizeof(*route), attributes, RTA_MAX, NULL) < 0) {
		lookup->error = -EIO;
		return;
	}
	route = nlmsg_data(header);
	lookup->way = (struct netlink_way){
		.table = route->rtm_table,
		.protocol = route->rtm_protocol,
		.len = route->rtm_dst_len,
		.local = route->rtm_type == RTN_LOCAL,
		.unicast = route->rtm_type == RTN_UNICAST,
	};
	if (attributes[RTA_TABLE])
		lookup->way.table = nla_get_u32(attributes[RTA_TABLE]);
	if (attributes[RTA_OIF])
		lookup->way.index = nla_get_u32(attributes[RTA_OIF]);
}

static int on_answer(struct nl_msg *message, void *context)
{
	struct lookup *lookup = context;
	struct nlmsghdr *header = nlmsg_hdr(message);

	if (header->nlmsg_seq != lookup->sequence)
		return NL_SKIP;
	if (header->nlmsg_type == RTM_NEWROUTE)
		read_route(header, lookup);
	if (header->nlmsg_type != NLMSG_ERROR)
		return NL_SKIP;
	lookup->answered = true;
	if (nlmsg_datalen(header) < (int)sizeof(struct nlmsgerr))
		lookup->error = -EIO;
	else if (lookup->error == 0)
		lookup->error = ((const struct nlmsgerr *)nlmsg_data(header))->error;
	return NL_STOP;
}

/* `flags`: RTM_F_FIB_MATCH asks for the route as its table has it, with its own prefix. */
static struct nl_msg *question(const struct addr *to, unsigned flags)
{
	struct rtmsg header = {
		.rtm_family = to->family,
		.rtm_dst_len = prefix_host(to).len,
		.rtm_flags = RTM_F_LOOKUP_TABLE | flags,
	};
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, 0);

	if (!message)
		return NULL;
	if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		nla_put(message, RTA_DST, (int)addr_size(to), to->bytes) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Sends the question and waits for its answer. Returns a libnl error if there is none. */
static int ask(struct netlink *netlink, struct nl_msg *message, struct lookup *lookup)
{
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int r = message && callbacks ? 0 : -NLE_NOMEM;

	if (r == 0)
		r = nl_send_auto(netlink->sock, message);
	if (r >= 0) {
		lookup->sequence = nlmsg_hdr(message)->nlmsg_seq;
		nl_cb_set(callbacks, NL_CB_MSG_IN, NL_CB_CUSTOM, on_answer, lookup);
	}
	while (r >= 0 && !lookup->answered)
		r = nl_recvmsgs(netlink->sock, callbacks);
	nl_cb_put(callbacks);
	return r;
}

static int look_up(struct netlink *netlink, const struct addr *to, unsigned flags,
	struct netlink_way *ret_way, struct problem *problem)
{
	struct lookup lookup = { .answered = false };
	struct nl_msg *message = question(to, flags);
	char text[ADDR_TEXT_MAX];
	int r = ask(netlink, message, &lookup);

	nlmsg_free(message);
	if (r < 0)
		problem_set(problem, "cannot look for the route to %s: %s", addr_format(to, text),
			nl_geterror(r));
	else if (lookup.error < 0)
		problem_set(problem, "no route to %s: %s", addr_format(to, text),
			error_text(lookup.error));
	if (r < 0)
		return netlink_errno(r);
	if (lookup.error == 0)
		*ret_way = lookup.way;
	return lookup.error;
}

int netlink_lookup(struct netlink *netlink, const struct addr *to, struct netlink_way *ret_way,
	struct problem *problem)
{
	struct netlink_way way = { .index = 0 }, leg = { .index = 0 };
	int r = look_up(netlink, to, RTM_F_FIB_MATCH, &way, problem);

	if (r < 0)
		return r;
	/* A route over several links has none of its own: the kernel says which one it takes. */
	if (way.index == 0 && way.unicast && look_up(netlink, to, 0, &leg, problem) == 0)
		way.index = leg.index;
	*ret_way = way;
	return 0;
}
