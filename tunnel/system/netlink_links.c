/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_links.h"

#include <errno.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>

#include "system/netlink_internal.h"

static struct netlink_link read_link(struct rtnl_link *entry)
{
	struct netlink_link link = {
		.index = (uint32_t)rtnl_link_get_ifindex(entry),
		.master = (uint32_t)rtnl_link_get_master(entry),
	};
	const char *kind = rtnl_link_get_type(entry);
	int32_t elsewhere;

	(void)snprintf(link.kind, sizeof(link.kind), "%s", kind ? kind : "");
	/* The number of a link in another namespace may be that of another link here. */
	if (rtnl_link_get_link_netnsid(entry, &elsewhere) < 0)
		link.lower = (uint32_t)rtnl_link_get_link(entry);
	return link;
}

int netlink_links(struct netlink *netlink, struct netlink_link **ret_links, size_t *ret_count,
	struct problem *problem)
{
	struct netlink_link *links;
	struct nl_cache *cache;
	size_t count = 0;
	int r = rtnl_link_alloc_cache(netlink->sock, AF_UNSPEC, &cache);

	if (r < 0) {
		problem_set(problem, "cannot list this host's links: %s", nl_geterror(r));
		return netlink_errno(r);
	}
	links = calloc((size_t)nl_cache_nitems(cache) + 1, sizeof(*links));
	for (struct nl_object *object = nl_cache_get_first(cache); links && object;
		object = nl_cache_get_next(object))
		links[count++] = read_link((struct rtnl_link *)object);
	nl_cache_free(cache);
	if (!links) {
		problem_set(problem, "cannot list this host's links: out of memory");
		return -ENOMEM;
	}
	*ret_links = links;
	*ret_count = count;
	return 0;
}
