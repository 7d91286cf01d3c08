/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_NFT_INTERNAL_H
#define CULVERT_SYSTEM_NETLINK_NFT_INTERNAL_H

#include <netlink/msg.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "system/netlink_nft.h"

/*
 * Shared by the netlink_nft*.c files, which alone include it. netlink_nft.c talks to the kernel,
 * netlink_nft_batch.c collects changes, netlink_nft_rule.c writes the terms of a rule,
 * netlink_nft_message.c the attributes. Each uses only those after it.
 */

enum {
	NETLINK_NFT_BATCH_SIZE = 524288,
	NETLINK_NFT_CHANGES_MAX = 1024,
};

/* For the text about it. */
struct netlink_nft_change {
	const char *kind, *name;
	const char *needs; /* of the kernel */
};

/* Change number n has the message sequence n + 1; the opening message has 0. */
struct netlink_nft_batch {
	int error; /* a change could not be added; 0: none */
	size_t count;
	struct netlink_nft_change changes[NETLINK_NFT_CHANGES_MAX];
	struct writer writer;
	uint8_t data[NETLINK_NFT_BATCH_SIZE];
};

/* Adds the closing message. */
void netlink_nft_batch_end(struct netlink_nft_batch *batch);

/*
 * A message under construction. An attribute that does not fit sets `failed`, so the calls in
 * between need no check.
 */
struct netlink_nft_message {
	struct nl_msg *nl; /* NULL: no memory */
	bool failed;
};

/* The owner frees `nl`, also after a failure. */
struct netlink_nft_message netlink_nft_begin(
	int type, int flags, uint32_t sequence, uint8_t family, uint16_t resource);
/* Integers are in network order, as nf_tables requires; register data is put as bytes. */
void netlink_nft_put(struct netlink_nft_message *message, int type, const void *data, size_t len);
void netlink_nft_put_u32(struct netlink_nft_message *message, int type, uint32_t value);
void netlink_nft_put_text(struct netlink_nft_message *message, int type, const char *text);
struct nlattr *netlink_nft_nest(struct netlink_nft_message *message, int type);
void netlink_nft_nest_end(struct netlink_nft_message *message, struct nlattr *nest);

/* Writes the rule's terms as expressions, in order. */
void netlink_nft_put_terms(
	struct netlink_nft_message *message, const struct netlink_nft_rule *rule);
/* The kernel features that the rule needs besides nf_tables itself. */
const char *netlink_nft_rule_needs(const struct netlink_nft_rule *rule);

#endif
