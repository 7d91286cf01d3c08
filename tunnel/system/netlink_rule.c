/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>

#include "base/array.h"
#include "system/netlink_internal.h"

/*
 * Messages are built by hand: libnl's rules support neither an inverted selector nor an action
 * other than a lookup. Attributes are those of linux/fib_rules.h.
 */

enum { LIST_TRIES = 3 };

static const uint8_t actions[] = {
	[NETLINK_RULE_LOOKUP] = FR_ACT_TO_TBL,
	[NETLINK_RULE_GOTO] = FR_ACT_GOTO,
	[NETLINK_RULE_NOP] = FR_ACT_NOP,
};

/* Begins a message with the attributes of all our rules. NULL: no memory. */
static struct nl_msg *begin(int type, int flags, struct fib_rule_hdr *header, uint32_t priority)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_ACK | flags);

	if (!message)
		return NULL;
	if (nlmsg_append(message, header, sizeof(*header), NLMSG_ALIGNTO) < 0 ||
		nla_put_u32(message, FRA_PRIORITY, priority) < 0 ||
		nla_put_u8(message, FRA_PROTOCOL, RTPROT_CULVERT) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int put_ports(struct nl_msg *message, const struct netlink_rule *rule)
{
	const struct fib_rule_port_range range = { .start = rule->to_port, .end = rule->to_port };
	int r = 0;

	if (rule->protocol != 0)
		r = nla_put_u8(message, FRA_IP_PROTO, rule->protocol);
	if (r == 0 && rule->to_port != 0)
		r = nla_put(message, FRA_DPORT_RANGE, sizeof(range), &range);
	return r;
}

static int put_rest(struct nl_msg *message, const struct netlink_rule *rule)
{
	int r = 0;

	if (rule->action == NETLINK_RULE_LOOKUP)
		r = nla_put_u32(message, FRA_TABLE, rule->table);
	if (r == 0 && rule->action == NETLINK_RULE_GOTO)
		r = nla_put_u32(message, FRA_GOTO, rule->target);
	if (r == 0 && rule->not_mark != 0)
		r = nla_put_u32(message, FRA_FWMARK, rule->not_mark);
	if (r == 0 && rule->not_mark != 0)
		r = nla_put_u32(message, FRA_FWMASK, UINT32_MAX);
	if (r == 0 && rule->mask != 0)
		r = nla_put_u32(message, FRA_FWMARK, rule->mark);
	if (r == 0 && rule->mask != 0)
		r = nla_put_u32(message, FRA_FWMASK, rule->mask);
	if (r == 0 && rule->without_group != 0)
		r = nla_put_u32(message, FRA_SUPPRESS_IFGROUP, rule->without_group);
	if (r == 0 && addr_is_set(&rule->from.addr))
		r = nla_put(
			message, FRA_SRC, (int)addr_size(&rule->from.addr), rule->from.addr.bytes);
	if (r == 0 && addr_is_set(&rule->to.addr))
		r = nla_put(message, FRA_DST, (int)addr_size(&rule->to.addr), rule->to.addr.bytes);
	return r == 0 ? put_ports(message, rule) : r;
}

int netlink_rule_add(
	struct netlink *netlink, const struct netlink_rule *rule, struct problem *problem)
{
	struct fib_rule_hdr header = {
		.family = rule->family,
		.dst_len = addr_is_set(&rule->to.addr) ? rule->to.len : 0,
		.src_len = addr_is_set(&rule->from.addr) ? rule->from.len : 0,
		.action = actions[rule->action],
		.flags = rule->not_mark != 0 ? FIB_RULE_INVERT : 0,
	};
	struct nl_msg *message = begin(
		RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &header, rule->priority);
	int r = message ? put_rest(message, rule) : -NLE_NOMEM;

	if (r < 0)
		nlmsg_free(message);
	r = netlink_talk(netlink, r, message, problem);
	if (r < 0)
		problem_prepend(problem, "cannot add IPv%d policy rule %u",
			rule->family == AF_INET ? 4 : 6, rule->priority);
	return r;
}

int netlink_rule_delete(
	struct netlink *netlink, uint8_t family, uint32_t priority, struct problem *problem)
{
	struct fib_rule_hdr header = { .family = family };
	size_t deleted = 0;
	int r;

	do { /* the kernel removes one at a time */
		struct nl_msg *message = begin(RTM_DELRULE, 0, &header, priority);

		r = netlink_talk(netlink, message ? 0 : -NLE_NOMEM, message, problem);
		deleted += r == 0;
	} while (r == 0);
	if (r == -ENOENT && deleted > 0)
		return 0;
	problem_prepend(
		problem, "cannot remove IPv%d policy rule %u", family == AF_INET ? 4 : 6, priority);
	return r;
}

struct listing {
	void (*take)(void *context, const struct netlink_rule_seen *seen);
	void *context;
};

static uint32_t read_u32(struct nlmsghdr *header, int type)
{
	const struct nlattr *attribute = nlmsg_find_attr(header, sizeof(struct fib_rule_hdr), type);

	return attribute && nla_len(attribute) == (int)sizeof(uint32_t) ? nla_get_u32(attribute)
									: 0;
}

/* Selectors besides source and destination, whose lengths are in the header. */
static bool has_selector(struct nlmsghdr *header)
{
	static const int types[] = { FRA_IIFNAME, FRA_OIFNAME, FRA_FWMARK, FRA_TUN_ID, FRA_L3MDEV,
		FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (nlmsg_find_attr(header, sizeof(struct fib_rule_hdr), types[i]))
			return true;
	}
	return false;
}

static int on_rule(struct nl_msg *message, void *context)
{
	const struct listing *listing = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct fib_rule_hdr *rule = nlmsg_data(header);
	const struct nlattr *protocol;
	struct netlink_rule_seen seen;

	if (header->nlmsg_type != RTM_NEWRULE ||
		header->nlmsg_len < NLMSG_LENGTH(sizeof(struct fib_rule_hdr)))
		return NL_OK;
	protocol = nlmsg_find_attr(header, sizeof(struct fib_rule_hdr), FRA_PROTOCOL);
	seen = (struct netlink_rule_seen){
		.priority = read_u32(header, FRA_PRIORITY),
		.table = read_u32(header, FRA_TABLE),
		.protocol = protocol && nla_len(protocol) == 1 ? nla_get_u8(protocol) : 0,
		.diverts = rule->action == FR_ACT_TO_TBL,
		.conditional = rule->src_len != 0 || rule->dst_len != 0 || rule->tos != 0 ||
			has_selector(header),
	};
	seen.ours = seen.protocol == RTPROT_CULVERT;
	if (seen.table == 0)
		seen.table = rule->table;
	listing->take(listing->context, &seen);
	return NL_OK;
}

/* NULL: no memory. */
static struct nl_msg *list_request(uint8_t family)
{
	struct fib_rule_hdr header = { .family = family };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETRULE, NLM_F_DUMP);

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int netlink_rules_seen(struct netlink *netlink, uint8_t family,
	void (*take)(void *context, const struct netlink_rule_seen *seen), void *context,
	struct problem *problem)
{
	struct listing listing = { take, context };
	int r = -NLE_DUMP_INTR;

	for (int i = 0; i < LIST_TRIES && r == -NLE_DUMP_INTR; i++)
		r = netlink_dump(netlink, list_request(family), on_rule, &listing);
	if (r >= 0 || r == -NLE_OPNOTSUPP || r == -NLE_AF_NOSUPPORT || r == -NLE_OBJ_NOTFOUND)
		return 0;
	problem_set(problem, "cannot read the policy rules of this host: %s", nl_geterror(r));
	return r == -NLE_DUMP_INTR ? -EAGAIN : netlink_errno(r);
}

struct own_rules {
	void (*take)(void *context, uint32_t priority);
	void *context;
};

static void take_own(void *context, const struct netlink_rule_seen *seen)
{
	const struct own_rules *own = context;

	if (seen->ours)
		own->take(own->context, seen->priority);
}

int netlink_rules(struct netlink *netlink, uint8_t family,
	void (*take)(void *context, uint32_t priority), void *context, struct problem *problem)
{
	struct own_rules own = { take, context };

	return netlink_rules_seen(netlink, family, take_own, &own, problem);
}
