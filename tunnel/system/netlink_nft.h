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
 * Firewall tables by nf_tables (linux/netfilter/nf_tables.h), without libnftables, whose licence is
 * not ours. Tables are of the family inet: their rules see IPv4 and IPv6.
 *
 * Changes are gathered in a batch, which the kernel takes as a whole or not at all: what a table
 * held and what it holds then have no gap between them. Synchronous: the kernel answers at once.
 * Changing needs CAP_NET_ADMIN. One owner, netd or the command line; not thread-safe.
 */

enum {
	NETLINK_NFT_NAME_MAX = 255, /* NFT_NAME_MAXLEN less its NUL */
	NETLINK_NFT_TERMS_MAX = 8,  /* of one rule */
	NETLINK_NFT_LOOPBACK = 1,   /* the index of lo, in every network namespace */
};

/* What a packet has to be, and what becomes of it; `value` where a remark says so. */
enum netlink_nft_kind {
	NETLINK_NFT_END, /* after the last term of a rule */
	NETLINK_NFT_IIF, /* came in by the link of this index */
	NETLINK_NFT_OIF, /* leaves by the link of this index */
	NETLINK_NFT_IIF_BRIDGE, /* came in by a bridge; with OIF_BRIDGE this is also what goes from port to port of one */
	NETLINK_NFT_OIF_BRIDGE, /* leaves by a bridge */
	NETLINK_NFT_OIF_GROUP,  /* leaves by a link of this group: netlink_link_set_group() */
	NETLINK_NFT_MARK,       /* has this mark: SO_MARK in socket(7) */
	NETLINK_NFT_FAMILY,     /* AF_INET or AF_INET6 */
	NETLINK_NFT_PROTOCOL,   /* IPPROTO_TCP, ... */
	NETLINK_NFT_FROM_PORT,  /* UDP, TCP: its source port */
	NETLINK_NFT_TO_PORT,
	NETLINK_NFT_ICMP_TYPE, /* with a PROTOCOL of ICMP or ICMPv6 before it */
	NETLINK_NFT_SOURCE,    /* lies in `prefix` */
	NETLINK_NFT_DESTINATION,
	NETLINK_NFT_COUNT, /* is counted; `nft list ruleset` shows how often */
	NETLINK_NFT_ACCEPT,
	NETLINK_NFT_DROP,
	NETLINK_NFT_REJECT,     /* dropped, and its sender hears "administratively prohibited" */
	NETLINK_NFT_RESET,      /* with a PROTOCOL of TCP before it: dropped, and reset */
	NETLINK_NFT_MASQUERADE, /* gets the address of the link that it leaves by */
};

struct netlink_nft_term {
	enum netlink_nft_kind kind;
	uint32_t value; /* host order */
	struct prefix prefix;
};

struct netlink_nft_rule {
	const char *what; /* it does; for the words when the kernel refuses it */
	struct netlink_nft_term terms[NETLINK_NFT_TERMS_MAX]; /* all hold; ended by END or full */
};

enum netlink_nft_hook {
	NETLINK_NFT_PREROUTING,
	NETLINK_NFT_FORWARD,
	NETLINK_NFT_OUTPUT,
	NETLINK_NFT_POSTROUTING,
};

struct netlink_nft_chain {
	const char *name;
	enum netlink_nft_hook hook;
	int32_t priority; /* among the chains of that hook: NF_IP_PRI_* */
	bool nat;         /* a chain of type nat, else filter */
	bool drop;        /* what no rule has accepted; else that passes */
};

/* ---- changes ---- */

struct netlink_nft_batch;

/* -ENOMEM. */
int netlink_nft_batch_new(struct netlink_nft_batch **ret_batch);
void netlink_nft_batch_free(struct netlink_nft_batch *batch); /* accepts NULL */

/*
 * What follows adds one change. Names and the rule's `what` are borrowed until the commit. A change
 * that does not fit, or for which there is no memory, is remembered: the commit then fails.
 */

/*
 * Makes a table; fine when it is there. `owned`: it lives no longer than the socket that the batch
 * is committed on, and nobody else can change or flush it (NFT_TABLE_F_OWNER, since Linux 5.12).
 */
void netlink_nft_table_add(struct netlink_nft_batch *batch, const char *table, bool owned);
/* With all that is in it; has to be there. */
void netlink_nft_table_delete(struct netlink_nft_batch *batch, const char *table);
void netlink_nft_chain_add(
	struct netlink_nft_batch *batch, const char *table, const struct netlink_nft_chain *chain);
/* At the end of the chain. */
void netlink_nft_rule_add(struct netlink_nft_batch *batch, const char *table, const char *chain,
	const struct netlink_nft_rule *rule);

/* What has been gathered, as it will be sent but for the closing message: for tests. */
struct view netlink_nft_batch_view(const struct netlink_nft_batch *batch);

/* ---- the kernel ---- */

struct netlink_nft;

/* -EPROTONOSUPPORT: a kernel without netfilter; -EMFILE, -ENOMEM. With words. */
int netlink_nft_open(struct netlink_nft **ret_nft, struct problem *problem);
void netlink_nft_close(struct netlink_nft *nft); /* accepts NULL; its owned tables go */

/* By which the kernel's news tells who made a change: netlink_nft_monitor. */
uint32_t netlink_nft_port(const struct netlink_nft *nft);

/*
 * Makes all changes of the batch, or none. The kernel's negative errno, with words that name the
 * first change it refused and, where it lacks something, what: -EPERM, also for a table that
 * another socket owns; -ENOENT, -EOPNOTSUPP, -EPROTONOSUPPORT: a module or a newer kernel is
 * missing; -ENOBUFS: the batch is too large; -ENOMEM; -EIO: netlink itself failed.
 */
int netlink_nft_commit(
	struct netlink_nft *nft, struct netlink_nft_batch *batch, struct problem *problem);

/*
 * Calls `found` with the name of each table of the family inet. Nothing is found where the kernel
 * has no nf_tables. -EIO, with words.
 */
int netlink_nft_tables(struct netlink_nft *nft, void (*found)(void *context, const char *table),
	void *context, struct problem *problem);

#endif
