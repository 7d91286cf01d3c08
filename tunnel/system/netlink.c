/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error_text.h"
#include "system/netlink_internal.h"

/*
 * libnl-route builds the requests, but this file sends them. libnl would fold the kernel's errnos
 * into fewer codes of its own and hide the kernel's text. There is one request at a time.
 */

int netlink_errno(int nl_error)
{
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_NODEV:
		return -ENODEV;
	case NLE_OBJ_NOTFOUND:
		return -ESRCH;
	case NLE_PERM:
		return -EPERM;
	case NLE_INVAL:
		return -EINVAL;
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	default:
		return -EIO;
	}
}

/* Parses the acknowledgement: an errno and, since Linux 4.12, attributes with a text. */
static int on_message(struct nl_msg *message, void *context)
{
	struct netlink_answer *answer = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1] = { NULL };
	const struct nlmsgerr *error;

	if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_seq != answer->sequence)
		return NL_SKIP;
	answer->done = true;
	if (nlmsg_datalen(header) < (int)sizeof(*error)) {
		answer->error = -EIO;
		return NL_STOP;
	}
	error = nlmsg_data(header);
	answer->error = error->error;
	if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0 &&
		nlmsg_parse(header, sizeof(*error), attributes, NLMSGERR_ATTR_MAX, NULL) >= 0 &&
		attributes[NLMSGERR_ATTR_MSG])
		nla_strlcpy(answer->text, attributes[NLMSGERR_ATTR_MSG], sizeof(answer->text));
	return NL_STOP;
}

int netlink_talk(
	struct netlink *netlink, int build, struct nl_msg *message, struct problem *problem)
{
	struct netlink_answer *answer = &netlink->answer;
	int r = build;

	if (r < 0) {
		problem_set(problem, "%s", nl_geterror(r));
		return netlink_errno(r);
	}
	r = nl_send_auto(netlink->sock, message);
	*answer = (struct netlink_answer){ .sequence = nlmsg_hdr(message)->nlmsg_seq };
	nlmsg_free(message);
	while (r >= 0 && !answer->done)
		r = nl_recvmsgs(netlink->sock, netlink->callbacks);
	if (r < 0) {
		problem_set(problem, "%s", nl_geterror(r));
		return netlink_errno(r);
	}
	if (answer->error < 0)
		problem_set(problem, "%s%s%s%s", error_text(answer->error),
			answer->text[0] != '\0' ? " (" : "", answer->text,
			answer->text[0] != '\0' ? ")" : "");
	return answer->error;
}

/* Asks for errors with the kernel's text and without a copy of our request. Both are optional. */
static void ask_for_texts(struct nl_sock *sock)
{
	int one = 1;

	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
}

int netlink_open_protocol(int protocol, struct netlink **ret_netlink, struct problem *problem)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int r;

	if (netlink) {
		netlink->sock = nl_socket_alloc();
		netlink->callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	}
	if (!netlink || !netlink->sock || !netlink->callbacks) {
		netlink_close(netlink);
		problem_set(problem, "cannot open a netlink socket: out of memory");
		return -ENOMEM;
	}
	/*
	 * Our own callback ends a reply before libnl has counted it. With one request at a time
	 * nothing needs counting.
	 */
	nl_socket_disable_seq_check(netlink->sock);
	/* libnl counts answers itself, and would miss those that on_message() takes. */
	nl_socket_disable_seq_check(netlink->sock);
	nl_cb_set(netlink->callbacks, NL_CB_MSG_IN, NL_CB_CUSTOM, on_message, &netlink->answer);
	r = nl_connect(netlink->sock, protocol);
	if (r < 0) {
		problem_set(problem, "cannot open a netlink socket: %s", nl_geterror(r));
		netlink_close(netlink);
		return netlink_errno(r);
	}
	ask_for_texts(netlink->sock);
	*ret_netlink = netlink;
	return 0;
}

int netlink_open(struct netlink **ret_netlink, struct problem *problem)
{
	return netlink_open_protocol(NETLINK_ROUTE, ret_netlink, problem);
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	nl_cb_put(netlink->callbacks);
	nl_socket_free(netlink->sock);
	free(netlink);
}

struct nl_addr *netlink_to_nl(const struct addr *addr, uint8_t len)
{
	struct nl_addr *nl = nl_addr_build(addr->family, addr->bytes, addr_size(addr));

	if (nl)
		nl_addr_set_prefixlen(nl, len);
	return nl;
}

int netlink_from_nl(const struct nl_addr *nl, struct prefix *ret_prefix)
{
	struct prefix prefix = { .len = (uint8_t)nl_addr_get_prefixlen(nl) };
	/* A default route has an address without bytes. */
	static const uint8_t zeros[16];
	const void *bytes = nl_addr_get_len(nl) > 0 ? nl_addr_get_binary_addr(nl) : zeros;

	if (nl_addr_get_family(nl) == AF_INET)
		prefix.addr = addr_v4(bytes);
	else if (nl_addr_get_family(nl) == AF_INET6)
		prefix.addr = addr_v6(bytes);
	else
		return -EAFNOSUPPORT;
	*ret_prefix = prefix;
	return 0;
}

int netlink_link_index(struct netlink *netlink, const char *name, uint32_t *ret_index)
{
	struct ifreq request = { 0 };

	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, name, strlen(name));
	/* Any socket will do (netdevice(7)); this one is in the right namespace. */
	if (ioctl(nl_socket_get_fd(netlink->sock), SIOCGIFINDEX, &request) < 0)
		return -errno;
	*ret_index = (uint32_t)request.ifr_ifindex;
	return 0;
}

void netlink_link_name(struct netlink *netlink, uint32_t index, char ret_name[static IFNAMSIZ])
{
	struct ifreq request = { .ifr_ifindex = (int)index };

	if (ioctl(nl_socket_get_fd(netlink->sock), SIOCGIFNAME, &request) < 0)
		(void)snprintf(ret_name, IFNAMSIZ, "link %u", index);
	else
		memcpy(ret_name, request.ifr_name, IFNAMSIZ);
}

/* Requests `changes` of the link `index`; takes ownership of the object. */
static int change_link(
	struct netlink *netlink, uint32_t index, struct rtnl_link *changes, struct problem *problem)
{
	struct rtnl_link *which = rtnl_link_alloc();
	struct nl_msg *message = NULL;
	int r = -NLE_NOMEM;

	if (which && changes) {
		rtnl_link_set_ifindex(which, (int)index);
		r = rtnl_link_build_change_request(which, changes, 0, &message);
	}
	rtnl_link_put(which);
	rtnl_link_put(changes);
	return netlink_talk(netlink, r, message, problem);
}

int netlink_link_set_mtu(
	struct netlink *netlink, uint32_t index, uint32_t mtu, struct problem *problem)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	if (changes)
		rtnl_link_set_mtu(changes, mtu);
	r = change_link(netlink, index, changes, problem);
	if (r < 0)
		problem_prepend(problem, "cannot set the MTU to %u", mtu);
	return r;
}

/* Does nothing on a kernel without IPv6. */
static int silence_ipv6(struct netlink *netlink, uint32_t index, struct problem *problem)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	if (changes)
		rtnl_link_inet6_set_addr_gen_mode(changes, IN6_ADDR_GEN_MODE_NONE);
	r = change_link(netlink, index, changes, problem);
	if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		problem_prepend(problem, "cannot switch off link-local addresses");
	return r;
}

int netlink_link_up(struct netlink *netlink, uint32_t index, uint32_t mtu, uint32_t queue_length,
	struct problem *problem)
{
	struct rtnl_link *changes;
	int r = silence_ipv6(netlink, index, problem);

	if (r < 0)
		return r;
	changes = rtnl_link_alloc();
	if (changes) {
		rtnl_link_set_mtu(changes, mtu);
		rtnl_link_set_txqlen(changes, queue_length);
		rtnl_link_set_flags(changes, IFF_UP);
	}
	r = change_link(netlink, index, changes, problem);
	if (r < 0)
		problem_prepend(problem, "cannot bring the interface up with MTU %u", mtu);
	return r;
}

/* The caller frees the link with rtnl_link_put(). */
static int get_link(struct netlink *netlink, uint32_t index, struct rtnl_link **ret_link,
	struct problem *problem)
{
	int r = rtnl_link_get_kernel(netlink->sock, (int)index, NULL, ret_link);

	if (r < 0) {
		problem_set(problem, "cannot look at the interface: %s", nl_geterror(r));
		return netlink_errno(r);
	}
	return 0;
}

int netlink_link_state(struct netlink *netlink, uint32_t index, bool *ret_up, uint32_t *ret_mtu,
	uint32_t *ret_group, struct problem *problem)
{
	struct rtnl_link *link;
	int r = get_link(netlink, index, &link, problem);

	if (r < 0)
		return r;
	*ret_up = (rtnl_link_get_flags(link) & IFF_UP) != 0;
	*ret_mtu = rtnl_link_get_mtu(link);
	if (ret_group)
		*ret_group = rtnl_link_get_group(link);
	rtnl_link_put(link);
	return 0;
}

int netlink_link_carries(
	struct netlink *netlink, uint32_t index, bool *ret_carries, struct problem *problem)
{
	const unsigned wanted = IFF_UP | IFF_RUNNING;
	struct rtnl_link *link;
	int r = get_link(netlink, index, &link, problem);

	if (r < 0)
		return r;
	*ret_carries = (rtnl_link_get_flags(link) & wanted) == wanted;
	rtnl_link_put(link);
	return 0;
}

int netlink_link_group(
	struct netlink *netlink, uint32_t index, uint32_t *ret_group, struct problem *problem)
{
	struct rtnl_link *link;
	int r = get_link(netlink, index, &link, problem);

	if (r < 0)
		return r;
	*ret_group = rtnl_link_get_group(link);
	rtnl_link_put(link);
	return 0;
}

int netlink_link_delete(struct netlink *netlink, uint32_t index, struct problem *problem)
{
	struct rtnl_link *which = rtnl_link_alloc();
	struct nl_msg *message = NULL;
	int r = -NLE_NOMEM;

	if (which) {
		rtnl_link_set_ifindex(which, (int)index);
		r = rtnl_link_build_delete_request(which, &message);
	}
	rtnl_link_put(which);
	r = netlink_talk(netlink, r, message, problem);
	if (r < 0)
		problem_prepend(problem, "cannot delete the interface");
	return r;
}

int netlink_link_move(struct netlink *netlink, uint32_t index, int netns, const char *name,
	struct problem *problem)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	if (changes) {
		rtnl_link_set_ns_fd(changes, netns);
		rtnl_link_set_name(changes, name);
	}
	r = change_link(netlink, index, changes, problem);
	if (r < 0)
		problem_prepend(
			problem, "cannot move interface %s into its network namespace", name);
	return r;
}

int netlink_link_set_group(
	struct netlink *netlink, uint32_t index, uint32_t group, struct problem *problem)
{
	struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	if (changes)
		rtnl_link_set_group(changes, group);
	r = change_link(netlink, index, changes, problem);
	if (r < 0)
		problem_prepend(problem, "cannot put the interface into a group");
	return r;
}

int netlink_group_delete(struct netlink *netlink, uint32_t group, struct problem *problem)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);
	int r = message ? 0 : -NLE_NOMEM;

	/* libnl's own request requires an index or a name. */
	if (r == 0)
		r = nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
	if (r == 0)
		r = nla_put_u32(message, IFLA_GROUP, group);
	if (r < 0)
		nlmsg_free(message);
	r = netlink_talk(netlink, r, message, problem);
	if (r < 0)
		problem_prepend(problem, "cannot delete a group of interfaces");
	return r;
}

/* There is only our one request. libnl counts, and misses what netlink_talk() takes. */
static int any_sequence(struct nl_msg *message, void *context)
{
	(void)message;
	(void)context;
	return NL_OK;
}

int netlink_dump(
	struct netlink *netlink, struct nl_msg *message, nl_recvmsg_msg_cb_t take, void *context)
{
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int r = callbacks && message ? 0 : -NLE_NOMEM;

	if (r == 0)
		r = nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, take, context);
	if (r == 0)
		r = nl_cb_set(callbacks, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_sequence, NULL);
	if (r == 0)
		r = nl_send_auto(netlink->sock, message);
	if (r >= 0)
		r = nl_recvmsgs(netlink->sock, callbacks);
	nlmsg_free(message);
	nl_cb_put(callbacks);
	return r;
}
