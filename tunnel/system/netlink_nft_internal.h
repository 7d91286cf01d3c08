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
 * What the files netlink_nft*.c share. netlink_nft.c speaks to the kernel, netlink_nft_batch.c
 * gathers changes, netlink_nft_rule.c writes the terms of one, netlink_nft_message.c the attributes.
 * Each uses only those after it.
 */

enum {
	NETLINK_NFT_BATCH_SIZE = 65536,
	NETLINK_NFT_CHANGES_MAX = 96,
};

struct netlink_nft_change { /* for words about it */
	const char *kind, *name;
	const char *needs; /* what of the kernel */
};

/* The message of the change number n has the sequence number n + 1; the opening one 0. */
struct netlink_nft_batch {
	int error; /* a change could not be added; 0 */
	size_t count;
	struct netlink_nft_change changes[NETLINK_NFT_CHANGES_MAX];
	struct writer writer;
	uint8_t data[NETLINK_NFT_BATCH_SIZE];
};

/* The closing message. */
void netlink_nft_batch_end(struct netlink_nft_batch *batch);

/*
 * A message that is being built. What cannot be put into it is remembered in `failed`, so that the
 * calls in between need no check.
 */
struct netlink_nft_message {
	struct nl_msg *nl; /* NULL: no memory */
	bool failed;
};

/* The owner frees `nl`, also of one that has failed. */
struct netlink_nft_message netlink_nft_begin(
	int type, int flags, uint32_t sequence, uint8_t family, uint16_t resource);
/* Integers go in network order, as nf_tables wants its own; data of registers is put as bytes. */
void netlink_nft_put(struct netlink_nft_message *message, int type, const void *data, size_t len);
void netlink_nft_put_u32(struct netlink_nft_message *message, int type, uint32_t value);
void netlink_nft_put_text(struct netlink_nft_message *message, int type, const char *text);
struct nlattr *netlink_nft_nest(struct netlink_nft_message *message, int type);
void netlink_nft_nest_end(struct netlink_nft_message *message, struct nlattr *nest);

/* The rule's terms as expressions, one after the other. */
void netlink_nft_put_terms(
	struct netlink_nft_message *message, const struct netlink_nft_rule *rule);
/* What of the kernel the rule needs besides nf_tables itself. */
const char *netlink_nft_rule_needs(const struct netlink_nft_rule *rule);

#endif
