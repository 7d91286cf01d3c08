/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_FORWARD_RULES_H
#define CULVERT_CLIENT_FORWARD_RULES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Would this host's nftables drop what is forwarded from one interface to another, or what comes in? Reads what
 * `nft list ruleset` prints (the tables that iptables-nft makes are among it) and walks the base
 * chains of hook forward as the kernel does, for a new connection of which only the two interfaces are
 * known: what else a rule asks for may or may not hold. Pure; any thread.
 */

enum { FORWARD_RULES_WORD_MAX = 64 };

struct forward_verdict {
	bool drops;
	bool unsure; /* a rule with further conditions may decide otherwise */
	/* Where: the base chain. */
	char family[FORWARD_RULES_WORD_MAX], table[FORWARD_RULES_WORD_MAX],
		chain[FORWARD_RULES_WORD_MAX];
};

/*
 * The first base chain that drops, or of those the first that is sure to. Takes `text` apart. -ENOMEM;
 * -E2BIG: more chains than FORWARD_RULES_CHAINS_MAX.
 */
enum { FORWARD_RULES_CHAINS_MAX = 1024 };
int forward_rules_judge(
	char *text, const char *in, const char *out, struct forward_verdict *ret_verdict);

/*
 * The same for a new TCP connection from elsewhere to this host's `port`, and base chains of hook input.
 * `family`: AF_INET or AF_INET6. Errors as above.
 */
int forward_rules_judge_input(
	char *text, int family, uint16_t port, struct forward_verdict *ret_verdict);

#endif
