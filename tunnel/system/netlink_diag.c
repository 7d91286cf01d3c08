/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_diag.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdlib.h>

#include "base/error_text.h"
#include "system/netlink_internal.h"

static const uint32_t states[] = {
	[NETLINK_DIAG_PROVEN] = 1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_CLOSE_WAIT,
	[NETLINK_DIAG_OPENING] = 1u << TCP_SYN_SENT | 1u << TCP_SYN_RECV,
};

/* INET_DIAG_REQ_BYTECODE: the kernel sends only sockets for which the program reaches its end. */
struct mark_filter {
	struct inet_diag_bc_op op;
	struct inet_diag_markcond condition;
};

static_assert(sizeof(struct mark_filter) == 12, "the program has no padding");

struct collection {
	struct addr **addrs;
	size_t *count;
	size_t capacity;
	int error;
};

static int append(struct collection *collection, const struct addr *addr)
{
	struct addr *addrs = *collection->addrs;
	size_t capacity = collection->capacity == 0 ? 64 : collection->capacity * 2;

	if (*collection->count >= collection->capacity) {
		while (capacity <= *collection->count)
			capacity *= 2;
		addrs = reallocarray(addrs, capacity, sizeof(*addrs));
		if (!addrs)
			return -ENOMEM;
		*collection->addrs = addrs;
		collection->capacity = capacity;
	}
	addrs[(*collection->count)++] = *addr;
	return 0;
}

static int on_socket(struct nl_msg *message, void *context)
{
	struct collection *collection = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct inet_diag_msg *socket;
	struct in6_addr address;
	struct addr other;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		!nlmsg_valid_hdr(header, sizeof(*socket)) || collection->error < 0 ||
		*collection->count >= NETLINK_DIAG_MAX)
		return NL_OK;
	socket = nlmsg_data(header);
	memcpy(&address, socket->id.idiag_dst, sizeof(address));
	if (socket->idiag_family == AF_INET)
		other = addr_v4(&address);
	else if (socket->idiag_family != AF_INET6)
		return NL_OK;
	else if (IN6_IS_ADDR_V4MAPPED(&address))
		other = addr_v4(&address.s6_addr[12]);
	else
		other = addr_v6(&address);
	collection->error = append(collection, &other);
	return NL_OK;
}

/* NULL: no memory. */
static struct nl_msg *dump_request(
	uint8_t family, enum netlink_diag_which which, uint32_t mark, uint32_t mask)
{
	const struct inet_diag_req_v2 body = {
		.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states[which]
	};
	/*
	 * Offsets in bytes. `yes` leads to the end; `no` leads past it, which excludes the socket.
	 */
	const struct mark_filter filter = {
		.op = { .code = INET_DIAG_BC_MARK_COND,
			.yes = sizeof(filter),
			.no = sizeof(filter) + sizeof(filter.op) },
		.condition = { .mark = mark, .mask = mask },
	};
	struct nl_msg *message = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);

	if (!message)
		return NULL;
	if (nlmsg_append(message, (void *)(uintptr_t)&body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
		nla_put(message, INET_DIAG_REQ_BYTECODE, sizeof(filter), &filter) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Returns a libnl error. */
static int dump(struct nl_sock *sock, uint8_t family, enum netlink_diag_which which, uint32_t mark,
	uint32_t mask)
{
	struct nl_msg *message = dump_request(family, which, mark, mask);
	int r = message ? nl_send_auto(sock, message) : -NLE_NOMEM;

	nlmsg_free(message);
	if (r >= 0)
		r = nl_recvmsgs_default(sock);
	/* Connections change meanwhile: a missed one is like one that opens right after. */
	return r == -NLE_DUMP_INTR ? 0 : r;
}

int netlink_diag_connections(enum netlink_diag_which which, uint32_t mark, uint32_t mask,
	struct addr **addrs, size_t *count, struct problem *problem)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct collection collection = { .addrs = addrs, .count = count, .capacity = *count };
	struct nl_sock *sock = nl_socket_alloc();
	int r = sock ? nl_connect(sock, NETLINK_SOCK_DIAG) : -NLE_NOMEM;

	if (r >= 0)
		r = nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_socket, &collection);
	for (size_t i = 0; i < sizeof(families) && r >= 0; i++)
		r = dump(sock, families[i], which, mark, mask);
	nl_socket_free(sock);
	if (r >= 0 && collection.error == 0)
		return 0;
	problem_set(problem, "cannot ask the kernel for TCP connections: %s",
		r < 0 ? nl_geterror(r) : error_text(collection.error));
	if (r == -NLE_OBJ_NOTFOUND || r == -NLE_PROTO_MISMATCH || r == -NLE_AF_NOSUPPORT)
		return -EOPNOTSUPP;
	return r < 0 ? netlink_errno(r) : collection.error;
}
