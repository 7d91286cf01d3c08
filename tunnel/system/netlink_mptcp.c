/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_mptcp.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "system/netlink.h"
#include "system/netlink_internal.h"

enum {
	FLAG_IMPLICIT = 1
		<< 4, /* MPTCP_PM_ADDR_FLAG_IMPLICIT, since Linux 5.18: of the kernel's own */
};

struct netlink_mptcp {
	struct netlink *netlink;
	uint16_t family; /* the message type of generic netlink's "mptcp_pm"; 0: not found */
};

/* A request of generic netlink. NULL: no memory. */
static struct nl_msg *request(uint16_t family, int flags, uint8_t command, uint8_t version)
{
	struct genlmsghdr header = { .cmd = command, .version = version };
	struct nl_msg *message = nlmsg_alloc_simple(family, flags);

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int on_family(struct nl_msg *message, void *context)
{
	struct netlink_mptcp *mptcp = context;
	struct nlattr *attributes[CTRL_ATTR_MAX + 1] = { NULL };

	if (nlmsg_parse(nlmsg_hdr(message), GENL_HDRLEN, attributes, CTRL_ATTR_MAX, NULL) >= 0 &&
		attributes[CTRL_ATTR_FAMILY_NAME] && attributes[CTRL_ATTR_FAMILY_ID] &&
		nla_strcmp(attributes[CTRL_ATTR_FAMILY_NAME], MPTCP_PM_NAME) == 0)
		mptcp->family = nla_get_u16(attributes[CTRL_ATTR_FAMILY_ID]);
	return NL_OK;
}

int netlink_mptcp_open(struct netlink_mptcp **ret_mptcp, struct problem *problem)
{
	struct netlink_mptcp *mptcp = calloc(1, sizeof(*mptcp));
	int r = mptcp ? netlink_open_protocol(NETLINK_GENERIC, &mptcp->netlink, problem) : -ENOMEM;

	if (!mptcp)
		problem_set(problem, "out of memory");
	if (r < 0)
		goto fail;
	r = netlink_dump(mptcp->netlink, request(GENL_ID_CTRL, NLM_F_DUMP, CTRL_CMD_GETFAMILY, 1),
		on_family, mptcp);
	if (r < 0) {
		problem_set(problem, "%s", nl_geterror(r));
		r = netlink_errno(r);
		goto fail;
	}
	if (mptcp->family == 0) {
		problem_set(problem, "this kernel has no path manager for Multipath TCP");
		r = -EOPNOTSUPP;
		goto fail;
	}
	*ret_mptcp = mptcp;
	return 0;
fail:
	netlink_mptcp_close(mptcp);
	return r;
}

void netlink_mptcp_close(struct netlink_mptcp *mptcp)
{
	if (!mptcp)
		return;
	netlink_close(mptcp->netlink);
	free(mptcp);
}

struct listing {
	struct netlink_mptcp_endpoint *endpoints;
	size_t count;
};

static bool get_address(struct nlattr *const *attributes, struct addr *ret_addr)
{
	const struct nlattr *v4 = attributes[MPTCP_PM_ADDR_ATTR_ADDR4];
	const struct nlattr *v6 = attributes[MPTCP_PM_ADDR_ATTR_ADDR6];

	if (v4 && nla_len(v4) == sizeof(struct in_addr))
		*ret_addr = addr_v4(nla_data(v4));
	else if (v6 && nla_len(v6) == sizeof(struct in6_addr))
		*ret_addr = addr_v6(nla_data(v6));
	else
		return false;
	return true;
}

static uint32_t number(struct nlattr *const *attributes, int which)
{
	const struct nlattr *attribute = attributes[which];
	uint8_t byte;
	uint16_t half;
	uint32_t whole = 0;

	if (!attribute)
		return 0;
	switch (nla_len(attribute)) {
	case sizeof(byte):
		memcpy(&byte, nla_data(attribute), sizeof(byte));
		return byte;
	case sizeof(half):
		memcpy(&half, nla_data(attribute), sizeof(half));
		return half;
	case sizeof(whole):
		memcpy(&whole, nla_data(attribute), sizeof(whole));
		return whole;
	default:
		return 0;
	}
}

static int on_endpoint(struct nl_msg *message, void *context)
{
	struct listing *listing = context;
	struct nlattr *outer[MPTCP_PM_ATTR_MAX + 1] = { NULL };
	struct nlattr *inner[MPTCP_PM_ADDR_ATTR_MAX + 1] = { NULL };
	struct netlink_mptcp_endpoint endpoint;

	if (listing->count == NETLINK_MPTCP_MAX ||
		nlmsg_parse(nlmsg_hdr(message), GENL_HDRLEN, outer, MPTCP_PM_ATTR_MAX, NULL) < 0 ||
		!outer[MPTCP_PM_ATTR_ADDR] ||
		nla_parse_nested(inner, MPTCP_PM_ADDR_ATTR_MAX, outer[MPTCP_PM_ATTR_ADDR], NULL) <
			0 ||
		!get_address(inner, &endpoint.addr))
		return NL_OK;
	endpoint.id = (uint8_t)number(inner, MPTCP_PM_ADDR_ATTR_ID);
	endpoint.flags = number(inner, MPTCP_PM_ADDR_ATTR_FLAGS);
	endpoint.link = number(inner, MPTCP_PM_ADDR_ATTR_IF_IDX);
	endpoint.port = (uint16_t)number(inner, MPTCP_PM_ADDR_ATTR_PORT);
	/* The kernel makes such a one for a path from any other address, and takes none from us. */
	if ((endpoint.flags & FLAG_IMPLICIT) == 0)
		listing->endpoints[listing->count++] = endpoint;
	return NL_OK;
}

int netlink_mptcp_endpoints(struct netlink_mptcp *mptcp,
	struct netlink_mptcp_endpoint ret_endpoints[static NETLINK_MPTCP_MAX], size_t *ret_count,
	struct problem *problem)
{
	struct listing listing = { .endpoints = ret_endpoints };
	int r = netlink_dump(mptcp->netlink,
		request(mptcp->family, NLM_F_DUMP, MPTCP_PM_CMD_GET_ADDR, MPTCP_PM_VER),
		on_endpoint, &listing);

	if (r < 0 && r != -NLE_DUMP_INTR) {
		problem_set(
			problem, "cannot list the endpoints of Multipath TCP: %s", nl_geterror(r));
		return netlink_errno(r);
	}
	*ret_count = listing.count;
	return 0;
}

/* A libnl error. */
static int put_endpoint(
	struct nl_msg *message, const struct netlink_mptcp_endpoint *endpoint, bool whole)
{
	struct nlattr *nest = nla_nest_start(message, MPTCP_PM_ATTR_ADDR | NLA_F_NESTED);
	bool v4 = endpoint->addr.family == AF_INET;
	int r = nest ? nla_put_u16(message, MPTCP_PM_ADDR_ATTR_FAMILY, v4 ? AF_INET : AF_INET6)
		     : -NLE_NOMEM;

	if (r == 0)
		r = nla_put(message, v4 ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6,
			(int)addr_size(&endpoint->addr), endpoint->addr.bytes);
	if (r == 0)
		r = nla_put_u8(message, MPTCP_PM_ADDR_ATTR_ID, endpoint->id);
	if (r == 0 && whole)
		r = nla_put_u32(message, MPTCP_PM_ADDR_ATTR_FLAGS, endpoint->flags);
	if (r == 0 && whole && endpoint->link != 0)
		r = nla_put_s32(message, MPTCP_PM_ADDR_ATTR_IF_IDX, (int32_t)endpoint->link);
	if (r == 0 && whole && endpoint->port != 0)
		r = nla_put_u16(message, MPTCP_PM_ADDR_ATTR_PORT, endpoint->port);
	if (r == 0)
		nla_nest_end(message, nest);
	return r;
}

static int change(struct netlink_mptcp *mptcp, uint8_t command,
	const struct netlink_mptcp_endpoint *endpoint, struct problem *problem)
{
	struct nl_msg *message = request(mptcp->family, NLM_F_ACK, command, MPTCP_PM_VER);
	int r = -NLE_NOMEM;

	if (message)
		r = put_endpoint(message, endpoint, command == MPTCP_PM_CMD_ADD_ADDR);
	if (r < 0)
		nlmsg_free(message);
	return netlink_talk(mptcp->netlink, r, message, problem);
}

int netlink_mptcp_renew(struct netlink_mptcp *mptcp, const struct netlink_mptcp_endpoint *endpoint,
	struct problem *problem)
{
	int r = change(mptcp, MPTCP_PM_CMD_DEL_ADDR, endpoint, problem);

	if (r < 0) {
		problem_prepend(problem, "the endpoint cannot be removed");
		/* That is the kernel's word for a number without an endpoint. */
		return r == -EINVAL ? -ENOENT : r;
	}
	r = change(mptcp, MPTCP_PM_CMD_ADD_ADDR, endpoint, problem);
	if (r < 0)
		problem_prepend(problem, "the endpoint is removed, and cannot be added again");
	return r;
}
