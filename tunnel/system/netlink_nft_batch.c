/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#include "system/netlink_nft.h"
#include "system/netlink_nft_internal.h"

static_assert((int)NETLINK_NFT_NAME_MAX == NFT_NAME_MAXLEN - 1, "the kernel's names");

/* ---- a batch ---- */

/* Takes ownership of the message. */
static void add(struct netlink_nft_batch *batch, struct netlink_nft_message *message)
{
	int r = message->failed ? -ENOMEM : 0;

	if (r == 0)
		r = writer_copy(
			&batch->writer, nlmsg_hdr(message->nl), nlmsg_hdr(message->nl)->nlmsg_len);
	if (r < 0)
		batch->error = r;
	nlmsg_free(message->nl);
}

static void add_limit(struct netlink_nft_batch *batch, int type, uint32_t sequence)
{
	struct netlink_nft_message message = netlink_nft_begin(
		type, 0, sequence, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	add(batch, &message);
}

int netlink_nft_batch_new(struct netlink_nft_batch **ret_batch)
{
	struct netlink_nft_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	writer_init(&batch->writer, batch->data, sizeof(batch->data));
	add_limit(batch, NFNL_MSG_BATCH_BEGIN, 0);
	*ret_batch = batch;
	return 0;
}

void netlink_nft_batch_free(struct netlink_nft_batch *batch)
{
	free(batch);
}

struct view netlink_nft_batch_view(const struct netlink_nft_batch *batch)
{
	return (struct view){ .data = batch->data, .len = batch->writer.len };
}

void netlink_nft_batch_end(struct netlink_nft_batch *batch)
{
	add_limit(batch, NFNL_MSG_BATCH_END, (uint32_t)batch->count + 1);
}

static struct netlink_nft_message begin_change(struct netlink_nft_batch *batch, int type, int flags)
{
	return netlink_nft_begin(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_ACK | flags,
		(uint32_t)batch->count + 1, NFPROTO_INET, 0);
}

static void add_change(struct netlink_nft_batch *batch, struct netlink_nft_message *message,
	struct netlink_nft_change change)
{
	if (batch->count >= NETLINK_NFT_CHANGES_MAX) {
		batch->error = -ENOBUFS;
		nlmsg_free(message->nl);
		return;
	}
	batch->changes[batch->count++] = change;
	add(batch, message);
}

/* ---- the changes ---- */

void netlink_nft_table_add(struct netlink_nft_batch *batch, const char *table, bool owned)
{
	struct netlink_nft_message message = begin_change(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	netlink_nft_put_text(&message, NFTA_TABLE_NAME, table);
	netlink_nft_put_u32(&message, NFTA_TABLE_FLAGS, owned ? NFT_TABLE_F_OWNER : 0);
	add_change(batch, &message,
		(struct netlink_nft_change){ .kind = "the table",
			.name = table,
			.needs = owned ? "the module nf_tables, of Linux 5.12 or newer"
				       : "the module nf_tables" });
}

void netlink_nft_table_delete(struct netlink_nft_batch *batch, const char *table)
{
	struct netlink_nft_message message = begin_change(batch, NFT_MSG_DELTABLE, 0);

	netlink_nft_put_text(&message, NFTA_TABLE_NAME, table);
	add_change(batch, &message,
		(struct netlink_nft_change){ .kind = "to delete the table",
			.name = table,
			.needs = "the module nf_tables" });
}

static uint32_t hook_number(enum netlink_nft_hook hook)
{
	static const uint32_t numbers[] = {
		[NETLINK_NFT_PREROUTING] = NF_INET_PRE_ROUTING,
		[NETLINK_NFT_INPUT] = NF_INET_LOCAL_IN,
		[NETLINK_NFT_FORWARD] = NF_INET_FORWARD,
		[NETLINK_NFT_OUTPUT] = NF_INET_LOCAL_OUT,
		[NETLINK_NFT_POSTROUTING] = NF_INET_POST_ROUTING,
	};

	return numbers[hook];
}

void netlink_nft_chain_add(
	struct netlink_nft_batch *batch, const char *table, const struct netlink_nft_chain *chain)
{
	struct netlink_nft_message message = begin_change(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	netlink_nft_put_text(&message, NFTA_CHAIN_TABLE, table);
	netlink_nft_put_text(&message, NFTA_CHAIN_NAME, chain->name);
	hook = netlink_nft_nest(&message, NFTA_CHAIN_HOOK);
	netlink_nft_put_u32(&message, NFTA_HOOK_HOOKNUM, hook_number(chain->hook));
	netlink_nft_put_u32(&message, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	netlink_nft_nest_end(&message, hook);
	netlink_nft_put_u32(&message, NFTA_CHAIN_POLICY, chain->drop ? NF_DROP : NF_ACCEPT);
	netlink_nft_put_text(&message, NFTA_CHAIN_TYPE,
		chain->nat               ? "nat"
			: chain->reroute ? "route"
					 : "filter");
	add_change(batch, &message,
		(struct netlink_nft_change){ .kind = "the chain",
			.name = chain->name,
			.needs = chain->nat ? "the module nft_chain_nat"
					    : "the module nf_tables with CONFIG_NF_TABLES_INET" });
}

void netlink_nft_rule_add(struct netlink_nft_batch *batch, const char *table, const char *chain,
	const struct netlink_nft_rule *rule)
{
	struct netlink_nft_message message = begin_change(
		batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	struct nlattr *expressions;

	netlink_nft_put_text(&message, NFTA_RULE_TABLE, table);
	netlink_nft_put_text(&message, NFTA_RULE_CHAIN, chain);
	expressions = netlink_nft_nest(&message, NFTA_RULE_EXPRESSIONS);
	netlink_nft_put_terms(&message, rule);
	netlink_nft_nest_end(&message, expressions);
	add_change(batch, &message,
		(struct netlink_nft_change){ .kind = "the rule that",
			.name = rule->what,
			.needs = netlink_nft_rule_needs(rule) });
}
