/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_RULE_H
#define CULVERT_SYSTEM_NETLINK_RULE_H

#include "system/netlink.h"

/*
 * Policy rules of the network namespace (ip-rule(8)), those of ours: they carry RTPROT_CULVERT as
 * their protocol (FRA_PROTOCOL, Linux 4.17), and no others are ever touched. The kernel keeps them
 * until somebody removes them. Same owner and same errors as netlink.h; -EAFNOSUPPORT: this kernel
 * has no policy routing, or not this family.
 */

enum netlink_rule_action {
	NETLINK_RULE_LOOKUP, /* in `table`; nothing found there: on to the next rule */
	NETLINK_RULE_GOTO,   /* on to the rule at `target`, which is a later one */
	NETLINK_RULE_NOP,    /* a target */
};

struct netlink_rule {
	uint8_t family;    /* AF_INET, AF_INET6 */
	uint32_t priority; /* lower ones are asked first */
	enum netlink_rule_action action;
	uint32_t table, target;
	uint32_t not_mark;   /* for packets without this very mark; 0: for all */
	uint32_t mark, mask; /* for packets with this mark under the mask; 0: for all */
	struct prefix to;    /* for these destinations; AF_UNSPEC: all */
	struct prefix from;  /* for these sources; AF_UNSPEC: all */
	/* LOOKUP: a route to a link of this group counts as none, and the next rule is asked; 0: each counts. */
	uint32_t without_group;
};

/* -EEXIST: the very same rule is there. */
int netlink_rule_add(
	struct netlink *netlink, const struct netlink_rule *rule, struct problem *problem);
/* All rules of ours that have this family and priority. -ENOENT: there is none. */
int netlink_rule_delete(
	struct netlink *netlink, uint8_t family, uint32_t priority, struct problem *problem);

/*
 * The priority of each rule of ours to take(). One may come twice when they change meanwhile. Needs no
 * privilege. -EAGAIN: they change faster than they are read. Where the kernel has no such rules there is none.
 */
int netlink_rules(struct netlink *netlink, uint8_t family,
	void (*take)(void *context, uint32_t priority), void *context, struct problem *problem);

#endif
