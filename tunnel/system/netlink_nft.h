/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_NFT_H
#define CULVERT_SYSTEM_NETLINK_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/problem.h"

/*
 * Firewall tables by nf_tables (linux/netfilter/nf_tables.h). It does not use libnftables, whose
 * licence is not ours. Tables are of the family inet: their rules see IPv4 and IPv6.
 *
 * Changes are collected in a batch, which the kernel applies as a whole or not at all. So there is
 * no gap between a table's old and new content. The kernel answers at once. Changes need
 * CAP_NET_ADMIN. One owner, netd or the command line; not thread-safe.
 */

enum {
	NETLINK_NFT_NAME_MAX = 255, /* NFT_NAME_MAXLEN without its NUL */
	NETLINK_NFT_TERMS_MAX = 8,  /* of one rule */
	NETLINK_NFT_LOOPBACK = 1,   /* the index of lo, in every network namespace */
};

/*
 * A rule's terms: conditions on a packet, and what to do with it. A comment names the meaning of
 * `value`.
 */
enum netlink_nft_kind {
	NETLINK_NFT_END, /* after the last term of a rule */
	NETLINK_NFT_IIF, /* arrived by the link with this index */
	NETLINK_NFT_OIF, /* leaves by the link with this index */
	/* Arrived by a bridge; with OIF_BRIDGE also a packet between ports of one bridge. */
	NETLINK_NFT_IIF_BRIDGE,
	NETLINK_NFT_OIF_BRIDGE, /* leaves by a bridge */
	NETLINK_NFT_IIF_GROUP,  /* arrived by a link of this group: netlink_link_set_group() */
	NETLINK_NFT_OIF_GROUP,  /* leaves by a link of this group */
	NETLINK_NFT_MARK,       /* has this mark: SO_MARK in socket(7) */
	NETLINK_NFT_FAMILY,     /* AF_INET or AF_INET6 */
	NETLINK_NFT_PROTOCOL,   /* IPPROTO_TCP, ... */
	NETLINK_NFT_FROM_PORT,  /* UDP, TCP: the source port */
	NETLINK_NFT_TO_PORT,
	NETLINK_NFT_ICMP_TYPE, /* with a PROTOCOL of ICMP or ICMPv6 before it */
	NETLINK_NFT_SOURCE,    /* the source is inside `prefix` */
	NETLINK_NFT_DESTINATION,
	/* The connection that the kernel tracks (conntrack): */
	NETLINK_NFT_CT_NEW,   /* the packet begins it */
	NETLINK_NFT_CT_REPLY, /* the packet goes to the end that has begun it */
	NETLINK_NFT_CT_MARK,  /* it has this mark */
	NETLINK_NFT_SET_CT_MARK,
	NETLINK_NFT_SET_MARK, /* gives the packet this mark */
	NETLINK_NFT_COUNT,    /* counts the packet; `nft list ruleset` shows the counter */
	NETLINK_NFT_ACCEPT,
	NETLINK_NFT_DROP,
	NETLINK_NFT_REJECT,     /* drops it and answers "administratively prohibited" */
	NETLINK_NFT_RESET,      /* after a PROTOCOL of TCP: drops it and resets the connection */
	NETLINK_NFT_MASQUERADE, /* replaces the source by the address of its outgoing link */
};

struct netlink_nft_term {
	enum netlink_nft_kind kind;
	uint32_t value; /* host order */
	struct prefix prefix;
};

struct netlink_nft_rule {
	const char *what; /* what the rule does, for the error text if the kernel refuses it */
	/* All must hold; ended by END or full. */
	struct netlink_nft_term terms[NETLINK_NFT_TERMS_MAX];
};

enum netlink_nft_hook {
	NETLINK_NFT_PREROUTING,
	NETLINK_NFT_INPUT,
	NETLINK_NFT_FORWARD,
	NETLINK_NFT_OUTPUT,
	NETLINK_NFT_POSTROUTING,
};

struct netlink_nft_chain {
	const char *name;
	enum netlink_nft_hook hook;
	int32_t priority; /* among the chains of the hook: NF_IP_PRI_* */
	bool nat;         /* a chain of type nat, else filter */
	bool reroute; /* OUTPUT: a chain of type route: a packet whose mark changes is routed again */
	bool drop;    /* drop what no rule accepted; else it passes */
};

/* ---- changes ---- */

struct netlink_nft_batch;

/* -ENOMEM. */
int netlink_nft_batch_new(struct netlink_nft_batch **ret_batch);
void netlink_nft_batch_free(struct netlink_nft_batch *batch); /* accepts NULL */

/*
 * Each call below adds one change. It borrows the names and the rule's `what` until the commit. If
 * a change does not fit, or there is no memory, the commit fails.
 */

/*
 * Makes a table, or keeps an existing one. `owned`: the table ends with the socket of the commit,
 * and no other program can change or flush it (NFT_TABLE_F_OWNER, since Linux 5.12).
 */
void netlink_nft_table_add(struct netlink_nft_batch *batch, const char *table, bool owned);
/* Deletes a table with its content. The table must exist. */
void netlink_nft_table_delete(struct netlink_nft_batch *batch, const char *table);
void netlink_nft_chain_add(
	struct netlink_nft_batch *batch, const char *table, const struct netlink_nft_chain *chain);
/* Appends a rule to the chain. */
void netlink_nft_rule_add(struct netlink_nft_batch *batch, const char *table, const char *chain,
	const struct netlink_nft_rule *rule);

/* The batch as it will be sent, without the closing message: for tests. */
struct view netlink_nft_batch_view(const struct netlink_nft_batch *batch);

/* ---- the kernel ---- */

struct netlink_nft;

/* On failure *problem says why. -EPROTONOSUPPORT: a kernel without netfilter; -EMFILE, -ENOMEM. */
int netlink_nft_open(struct netlink_nft **ret_nft, struct problem *problem);
void netlink_nft_close(struct netlink_nft *nft); /* accepts NULL; deletes its owned tables */

/*
 * For a restart: the socket's descriptor, which the module keeps; and the way back, which takes over
 * the socket of another process, and its tables with it. -EINVAL, -EPROTOTYPE and others: it is no
 * such socket, and stays the caller's; -ENOMEM.
 */
int netlink_nft_fd(const struct netlink_nft *nft);
int netlink_nft_adopt(int fd, struct netlink_nft **ret_nft);

/* The port by which netlink_nft_monitor recognizes this socket's changes. */
uint32_t netlink_nft_port(const struct netlink_nft *nft);

/*
 * Applies all changes of the batch, or none. Returns the kernel's negative errno. *problem then
 * names the first change that the kernel refused and what the kernel lacks. -EPERM, also for a
 * table that another socket owns. -ENOENT, -EOPNOTSUPP, -EPROTONOSUPPORT: a module or a newer
 * kernel is missing. -ENOBUFS: the batch is too large. -ENOMEM. -EIO: netlink itself failed.
 */
int netlink_nft_commit(
	struct netlink_nft *nft, struct netlink_nft_batch *batch, struct problem *problem);

/*
 * Calls `found` with the name of each table of the family inet; for none if the kernel has no
 * nf_tables. On failure *problem says why. -EIO.
 */
int netlink_nft_tables(struct netlink_nft *nft, void (*found)(void *context, const char *table),
	void *context, struct problem *problem);

/* A base chain, of any program. */
struct netlink_nft_place {
	const char *family; /* as nft(8) names it: ip, ip6, inet; "other" for the rest */
	char table[NETLINK_NFT_NAME_MAX + 1], chain[NETLINK_NFT_NAME_MAX + 1];
};

/*
 * Calls `found` for each base chain that drops the packets to be forwarded that none of its rules
 * accepts (hook forward, policy drop); for none if the kernel has no nf_tables. The tables of
 * iptables-nft are among them. On failure *problem says why. -EIO.
 */
int netlink_nft_closed_forwards(struct netlink_nft *nft,
	void (*found)(void *context, const struct netlink_nft_place *place), void *context,
	struct problem *problem);

/* *ret_found: there is a table of the family inet with that name. -EIO. */
int netlink_nft_has_table(struct netlink_nft *nft, const char *table, bool *ret_found);

#endif
