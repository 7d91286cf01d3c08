/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_RULE_H
#define CULVERT_SYSTEM_NETLINK_RULE_H

#include "system/netlink.h"

/*
 * Our policy rules in the network namespace (ip-rule(8)). They carry RTPROT_CULVERT as their
 * protocol (FRA_PROTOCOL, Linux 4.17), and this module changes no others. The kernel keeps them
 * until a program removes them. Owner and errors: those of netlink.h. -EAFNOSUPPORT: this kernel
 * has no policy routing, or not for this family.
 */

enum netlink_rule_action {
	NETLINK_RULE_LOOKUP, /* look in `table`; if it has no route, go to the next rule */
	NETLINK_RULE_GOTO,   /* go to the rule at `target`, a later one */
	NETLINK_RULE_NOP,    /* the target of a GOTO */
};

struct netlink_rule {
	uint8_t family;    /* AF_INET, AF_INET6 */
	uint32_t priority; /* lower ones come first */
	enum netlink_rule_action action;
	uint32_t table, target;
	uint32_t not_mark;   /* for packets without exactly this mark; 0: for all */
	uint32_t mark, mask; /* for packets with this mark under the mask; 0: for all */
	struct prefix to;    /* for these destinations; AF_UNSPEC: all */
	struct prefix from;  /* for these sources; AF_UNSPEC: all */
	uint8_t protocol;    /* IPPROTO_UDP and its like, Linux 4.17; 0: for all */
	uint16_t to_port;    /* with a protocol: for this destination port; 0: for all */
	/* LOOKUP: ignores routes to links of this group; 0: ignores none. */
	uint32_t without_group;
};

/* -EEXIST: the same rule exists. */
int netlink_rule_add(
	struct netlink *netlink, const struct netlink_rule *rule, struct problem *problem);
/* Deletes all our rules of this family and priority. -ENOENT: there is none. */
int netlink_rule_delete(
	struct netlink *netlink, uint8_t family, uint32_t priority, struct problem *problem);

/* A rule of anybody, as far as others have to know it. */
struct netlink_rule_seen {
	uint32_t priority;
	uint32_t table;   /* of a rule that diverts */
	uint8_t protocol; /* of the program that made it (rtnetlink(7)); 0: not known */
	bool ours;        /* it has Culvert's protocol number */
	bool diverts;     /* it looks in a table */
	bool conditional; /* it is for some packets only */
};

/*
 * Calls take() for each rule of the family; for none if the kernel has no such rules. A rule may
 * come twice if the rules change meanwhile. Needs no privilege. -EAGAIN: they change faster than
 * they are read.
 */
int netlink_rules_seen(struct netlink *netlink, uint8_t family,
	void (*take)(void *context, const struct netlink_rule_seen *seen), void *context,
	struct problem *problem);

/*
 * Calls take() with the priority of each rule of ours; for none if the kernel has no such rules. A
 * priority may come twice if the rules change meanwhile. Needs no privilege. -EAGAIN: they change
 * faster than they are read.
 */
int netlink_rules(struct netlink *netlink, uint8_t family,
	void (*take)(void *context, uint32_t priority), void *context, struct problem *problem);

#endif
