/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <stdlib.h>

#include "system/netlink.h"
#include "system/netlink_internal.h"

/*
 * Builds the message by hand: libnl's rtnl_addr_set_peer() accepts no IPv6 peer. IFA_LOCAL is our
 * end, IFA_ADDRESS the other end. The prefix length is that of the other end: a host's
 * (linux/if_addr.h).
 */
static struct nl_msg *point_to_point(
	int type, int flags, uint32_t index, const struct addr *local, const struct addr *remote)
{
	struct ifaddrmsg header = {
		.ifa_family = local->family,
		.ifa_prefixlen = prefix_host(remote).len,
		/* No other host on a point-to-point link can have the same address. */
		.ifa_flags = local->family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = index,
	};
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (!message)
		return NULL;
	if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		nla_put(message, IFA_LOCAL, (int)addr_size(local), local->bytes) < 0 ||
		nla_put(message, IFA_ADDRESS, (int)addr_size(remote), remote->bytes) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int change_address(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, bool add, struct problem *problem)
{
	char local_text[ADDR_TEXT_MAX], remote_text[ADDR_TEXT_MAX];
	struct nl_msg *message = point_to_point(add ? RTM_NEWADDR : RTM_DELADDR,
		NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0), index, local, remote);

	int r = netlink_talk(netlink, message ? 0 : -NLE_NOMEM, message, problem);
	if (r < 0)
		problem_prepend(problem, "cannot %s address %s peer %s", add ? "add" : "remove",
			addr_format(local, local_text), addr_format(remote, remote_text));
	return r;
}

int netlink_address_add(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem)
{
	return change_address(netlink, index, local, remote, true, problem);
}

int netlink_address_delete(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem)
{
	return change_address(netlink, index, local, remote, false, problem);
}

int netlink_addresses(struct netlink *netlink, struct netlink_address **ret_addresses,
	size_t *ret_count, struct problem *problem)
{
	struct netlink_address *addresses;
	struct nl_cache *cache;
	size_t count = 0;
	int r = rtnl_addr_alloc_cache(netlink->sock, &cache);

	if (r < 0) {
		problem_set(problem, "cannot list this host's addresses: %s", nl_geterror(r));
		return netlink_errno(r);
	}
	addresses = calloc((size_t)nl_cache_nitems(cache) + 1, sizeof(*addresses));
	for (struct nl_object *object = nl_cache_get_first(cache); addresses && object;
		object = nl_cache_get_next(object)) {
		struct rtnl_addr *entry = (struct rtnl_addr *)object;
		struct nl_addr *local = rtnl_addr_get_local(entry);
		struct nl_addr *peer = rtnl_addr_get_peer(entry);

		if (!local || netlink_from_nl(local, &addresses[count].prefix) < 0)
			continue;
		/* The local part of a point-to-point address is a host's own address. */
		if (peer) {
			addresses[count].prefix = prefix_host(&addresses[count].prefix.addr);
			(void)netlink_from_nl(peer, &addresses[count].peer);
		}
		addresses[count].index = (uint32_t)rtnl_addr_get_ifindex(entry);
		count++;
	}
	nl_cache_free(cache);
	if (!addresses) {
		problem_set(problem, "cannot list this host's addresses: out of memory");
		return -ENOMEM;
	}
	*ret_addresses = addresses;
	*ret_count = count;
	return 0;
}
