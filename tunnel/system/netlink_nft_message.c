/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <string.h>

#include "system/netlink_nft_internal.h"

struct netlink_nft_message netlink_nft_begin(
	int type, int flags, uint32_t sequence, uint8_t family, uint16_t resource)
{
	struct nfgenmsg header = {
		.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)
	};
	struct netlink_nft_message message = { .nl = nlmsg_alloc() };

	message.failed = !message.nl ||
		!nlmsg_put(message.nl, 0, sequence, type, 0, NLM_F_REQUEST | flags) ||
		nlmsg_append(message.nl, &header, sizeof(header), NLMSG_ALIGNTO) < 0;
	return message;
}

void netlink_nft_put(struct netlink_nft_message *message, int type, const void *data, size_t len)
{
	if (!message->failed)
		message->failed = nla_put(message->nl, type, (int)len, data) < 0;
}

void netlink_nft_put_u32(struct netlink_nft_message *message, int type, uint32_t value)
{
	uint32_t network = htonl(value);

	netlink_nft_put(message, type, &network, sizeof(network));
}

void netlink_nft_put_text(struct netlink_nft_message *message, int type, const char *text)
{
	netlink_nft_put(message, type, text, strlen(text) + 1);
}

struct nlattr *netlink_nft_nest(struct netlink_nft_message *message, int type)
{
	struct nlattr *nest = message->failed ? NULL : nla_nest_start(message->nl, type);

	if (!nest)
		message->failed = true;
	return nest;
}

void netlink_nft_nest_end(struct netlink_nft_message *message, struct nlattr *nest)
{
	if (!message->failed)
		message->failed = nla_nest_end(message->nl, nest) < 0;
}
