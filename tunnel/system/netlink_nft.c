/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_nft.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error_text.h"
#include "system/netlink_internal.h"
#include "system/netlink_nft_internal.h"

/*
 * The kernel processes what it is sent before the send returns, and answers each change. So all
 * answers can be read at once, until none is left.
 */

enum { RECEIVE_SIZE = 16384, BUFFER_BYTES = 1048576 };

struct netlink_nft {
	struct nl_sock *sock;
	uint8_t buffer[RECEIVE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/*
 * A batch is one message, and the kernel answers each of its changes. The default buffers have room
 * for some 80 answers. Without CAP_NET_ADMIN, which every change needs, they stay as they are.
 */
static void enlarge_buffers(struct nl_sock *sock)
{
	const int bytes = BUFFER_BYTES;

	(void)setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

int netlink_nft_open(struct netlink_nft **ret_nft, struct problem *problem)
{
	struct netlink_nft *nft = calloc(1, sizeof(*nft));
	int r = -NLE_NOMEM;

	if (nft)
		nft->sock = nl_socket_alloc();
	if (!nft || !nft->sock)
		goto fail;
	/* libnl has no code for EPROTONOSUPPORT, the one error that the user can fix. */
	errno = 0;
	r = nl_connect(nft->sock, NETLINK_NETFILTER);
	if (r == 0) {
		enlarge_buffers(nft->sock);
		*ret_nft = nft;
		return 0;
	}

fail:
	if (errno == EPROTONOSUPPORT)
		problem_set(problem,
			"this kernel has no firewall tables: load the module nf_tables (modprobe "
			"nf_tables), or boot a kernel with CONFIG_NF_TABLES");
	else
		problem_set(problem, "cannot open a netlink socket for firewall tables: %s",
			nl_geterror(r));
	r = errno == EPROTONOSUPPORT ? -EPROTONOSUPPORT : netlink_errno(r);
	netlink_nft_close(nft);
	return r;
}

int netlink_nft_fd(const struct netlink_nft *nft)
{
	return nl_socket_get_fd(nft->sock);
}

int netlink_nft_adopt(int fd, struct netlink_nft **ret_nft)
{
	struct netlink_nft *nft = calloc(1, sizeof(*nft));
	int r;

	if (nft)
		nft->sock = nl_socket_alloc();
	if (!nft || !nft->sock) {
		free(nft);
		return -ENOMEM;
	}
	r = nl_socket_set_fd(nft->sock, NETLINK_NETFILTER, fd);
	if (r < 0) {
		netlink_nft_close(nft);
		return netlink_errno(r);
	}
	/* An answer that its former owner has not read is none to us. */
	while (recv(fd, nft->buffer, sizeof(nft->buffer), MSG_DONTWAIT) >= 0)
		;
	*ret_nft = nft;
	return 0;
}

void netlink_nft_close(struct netlink_nft *nft)
{
	if (!nft)
		return;
	nl_socket_free(nft->sock);
	free(nft);
}

uint32_t netlink_nft_port(const struct netlink_nft *nft)
{
	return nl_socket_get_local_port(nft->sock);
}

/* ---- the kernel's answers ---- */

typedef void message_fn(void *context, struct nlmsghdr *header);

/* Reads all answers. Returns 0, or the negative errno of recv(2). */
static int receive(struct netlink_nft *nft, message_fn *take, void *context)
{
	for (;;) {
		ssize_t got = recv(nl_socket_get_fd(nft->sock), nft->buffer, sizeof(nft->buffer),
			MSG_DONTWAIT);
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)nft->buffer;
		int left = (int)got;

		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		for (; nlmsg_ok(header, left); header = nlmsg_next(header, &left))
			take(context, header);
	}
}

static int send_bytes(struct netlink_nft *nft, const void *data, size_t len)
{
	ssize_t sent = send(nl_socket_get_fd(nft->sock), data, len, 0);

	return sent < 0 ? -errno : (size_t)sent != len ? -EIO : 0;
}

/* The result of a batch. */
struct outcome {
	uint32_t refused; /* sequence number of the first refused message */
	int error;        /* why; 0: none was refused */
	uint32_t last;    /* the last sequence number with an answer */
};

static void on_answer(void *context, struct nlmsghdr *header)
{
	struct outcome *outcome = context;
	const struct nlmsgerr *answer = nlmsg_data(header);

	if (header->nlmsg_type != NLMSG_ERROR || nlmsg_datalen(header) < (int)sizeof(*answer))
		return;
	outcome->last = header->nlmsg_seq;
	if (answer->error < 0 && outcome->error == 0) {
		outcome->error = answer->error;
		outcome->refused = header->nlmsg_seq;
	}
}

static bool is_lacking(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP || error == -EPROTONOSUPPORT;
}

static void explain(const struct netlink_nft_batch *batch, const struct outcome *outcome,
	struct problem *problem)
{
	static const struct netlink_nft_change all = { "firewall", "tables",
		"the module nf_tables" };
	bool is_one = outcome->refused > 0 && outcome->refused <= batch->count;
	const struct netlink_nft_change *change = is_one ? &batch->changes[outcome->refused - 1]
							 : &all;
	const char *cause = "", *what = "";

	if (is_lacking(outcome->error)) {
		cause = "; it lacks ";
		what = change->needs;
	} else if (outcome->error == -EPERM) {
		cause = is_one ? "; it belongs to another program" : "; that needs CAP_NET_ADMIN";
	}
	problem_set(problem, "the kernel refuses %s %s: %s%s%s", change->kind, change->name,
		error_text(outcome->error), cause, what);
}

int netlink_nft_commit(
	struct netlink_nft *nft, struct netlink_nft_batch *batch, struct problem *problem)
{
	struct outcome outcome = { 0 };
	uint32_t count = (uint32_t)batch->count;
	int r;

	netlink_nft_batch_end(batch);
	r = batch->error;
	if (r == 0)
		r = send_bytes(nft, batch->data, batch->writer.len);
	if (r == 0)
		r = receive(nft, on_answer, &outcome);
	if (r == 0 && outcome.error < 0) {
		explain(batch, &outcome, problem);
		return outcome.error;
	}
	if (r == 0 && outcome.last != count)
		r = -EIO;
	if (r < 0)
		problem_set(problem, "cannot change firewall tables: %s", error_text(r));
	return r;
}

/* ---- existing tables ---- */

struct listing {
	void (*found)(void *context, const char *table);
	void *context;
};

static void on_table(void *context, struct nlmsghdr *header)
{
	const struct listing *listing = context;
	struct nlattr *attributes[NFTA_TABLE_MAX + 1] = { NULL };
	char name[NETLINK_NFT_NAME_MAX + 1];

	if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) ||
		nlmsg_parse(header, sizeof(struct nfgenmsg), attributes, NFTA_TABLE_MAX, NULL) <
			0 ||
		!attributes[NFTA_TABLE_NAME])
		return;
	nla_strlcpy(name, attributes[NFTA_TABLE_NAME], sizeof(name));
	listing->found(listing->context, name);
}

/* Asks for all objects of a kind; -EIO. */
static int list(struct netlink_nft *nft, uint8_t family, uint16_t message,
	void (*take)(void *context, struct nlmsghdr *header), void *context)
{
	struct {
		struct nlmsghdr netlink;
		struct nfgenmsg netfilter;
	} request = {
		.netlink = { .nlmsg_len = sizeof(request),
			.nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message),
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.netfilter = { .nfgen_family = family, .version = NFNETLINK_V0 },
	};
	int r = send_bytes(nft, &request, sizeof(request));

	return r == 0 ? receive(nft, take, context) : r;
}

int netlink_nft_tables(struct netlink_nft *nft, void (*found)(void *context, const char *table),
	void *context, struct problem *problem)
{
	struct listing listing = { .found = found, .context = context };
	int r = list(nft, NFPROTO_INET, NFT_MSG_GETTABLE, on_table, &listing);

	if (r < 0) {
		problem_set(problem, "cannot list the firewall tables: %s", error_text(r));
		return -EIO;
	}
	return 0;
}

/* ---- existing chains ---- */

struct chains {
	void (*found)(void *context, const struct netlink_nft_place *place);
	void *context;
};

static const char *family_text(uint8_t family)
{
	return family == NFPROTO_IPV4    ? "ip"
		: family == NFPROTO_IPV6 ? "ip6"
		: family == NFPROTO_INET ? "inet"
					 : "other";
}

static bool drops_what_is_forwarded(struct nlattr *const attributes[])
{
	struct nlattr *hook[NFTA_HOOK_MAX + 1] = { NULL };

	return attributes[NFTA_CHAIN_HOOK] && attributes[NFTA_CHAIN_POLICY] &&
		nla_parse_nested(hook, NFTA_HOOK_MAX, attributes[NFTA_CHAIN_HOOK], NULL) == 0 &&
		hook[NFTA_HOOK_HOOKNUM] &&
		ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM])) == NF_INET_FORWARD &&
		ntohl(nla_get_u32(attributes[NFTA_CHAIN_POLICY])) == NF_DROP;
}

static void on_chain(void *context, struct nlmsghdr *header)
{
	const struct chains *chains = context;
	const struct nfgenmsg *netfilter = nlmsg_data(header);
	struct nlattr *attributes[NFTA_CHAIN_MAX + 1] = { NULL };
	struct netlink_nft_place place;

	if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
		nlmsg_parse(header, sizeof(struct nfgenmsg), attributes, NFTA_CHAIN_MAX, NULL) <
			0 ||
		!attributes[NFTA_CHAIN_TABLE] || !attributes[NFTA_CHAIN_NAME] ||
		!drops_what_is_forwarded(attributes))
		return;
	place.family = family_text(netfilter->nfgen_family);
	nla_strlcpy(place.table, attributes[NFTA_CHAIN_TABLE], sizeof(place.table));
	nla_strlcpy(place.chain, attributes[NFTA_CHAIN_NAME], sizeof(place.chain));
	chains->found(chains->context, &place);
}

int netlink_nft_closed_forwards(struct netlink_nft *nft,
	void (*found)(void *context, const struct netlink_nft_place *place), void *context,
	struct problem *problem)
{
	struct chains chains = { .found = found, .context = context };
	int r = list(nft, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN, on_chain, &chains);

	if (r < 0) {
		problem_set(problem, "cannot list the firewall chains: %s", error_text(r));
		return -EIO;
	}
	return 0;
}

struct search {
	const char *table;
	bool found;
};

static void compare_table(void *context, const char *table)
{
	struct search *search = context;

	if (strcmp(table, search->table) == 0)
		search->found = true;
}

int netlink_nft_has_table(struct netlink_nft *nft, const char *table, bool *ret_found)
{
	struct search search = { .table = table };
	struct problem ignored;
	int r = netlink_nft_tables(nft, compare_table, &search, &ignored);

	if (r == 0)
		*ret_found = search.found;
	return r;
}
