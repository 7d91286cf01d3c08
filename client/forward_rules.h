/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_FORWARD_RULES_H
#define CULVERT_CLIENT_FORWARD_RULES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Predicts whether this host's nftables would drop packets from one interface to another, or
 * packets to this host. It reads the output of `nft list ruleset`, which includes the tables of
 * iptables-nft. It walks the base chains of hook forward as the kernel does, for a new connection
 * of which it knows only the two interfaces. Any other condition of a rule may or may not hold.
 * Pure; any thread.
 */

enum { FORWARD_RULES_WORD_MAX = 64 };

struct forward_verdict {
	bool drops;
	bool unsure; /* a rule with further conditions may decide otherwise */
	/* The base chain that drops. */
	char family[FORWARD_RULES_WORD_MAX], table[FORWARD_RULES_WORD_MAX],
		chain[FORWARD_RULES_WORD_MAX];
};

/*
 * Finds the first base chain that surely drops, or else the first that may drop. Modifies `text`.
 * -ENOMEM; -E2BIG: more chains than FORWARD_RULES_CHAINS_MAX.
 */
enum { FORWARD_RULES_CHAINS_MAX = 1024 };
int forward_rules_judge(
	char *text, const char *in, const char *out, struct forward_verdict *ret_verdict);

/*
 * Does the same for a new TCP connection from outside to this host's `port`, with the base chains
 * of hook input. `family`: AF_INET or AF_INET6. Errors: those of forward_rules_judge().
 */
int forward_rules_judge_input(
	char *text, int family, uint16_t port, struct forward_verdict *ret_verdict);

#endif
