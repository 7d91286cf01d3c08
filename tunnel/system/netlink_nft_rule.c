/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule is a list of expressions: load a value of the packet into a register, compare the
 * register, or act. `nft --debug=netlink` shows the same for rules in nft's language.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netinet/in.h>
#include <string.h>

#include "system/netlink_nft.h"
#include "system/netlink_nft_internal.h"

/* Offsets in headers: RFC 791, RFC 8200, RFC 768 and 9293, RFC 792 and 4443. */
enum {
	IPV4_SOURCE = 12,
	IPV4_DESTINATION = 16,
	IPV6_SOURCE = 8,
	IPV6_DESTINATION = 24,
	FROM_PORT = 0,
	TO_PORT = 2,
	PORT_SIZE = 2,
	ICMP_TYPE = 0,
};

struct expression {
	struct nlattr *element, *data;
};

static struct expression begin(struct netlink_nft_message *message, const char *name)
{
	struct expression expression;

	expression.element = netlink_nft_nest(message, NFTA_LIST_ELEM);
	netlink_nft_put_text(message, NFTA_EXPR_NAME, name);
	expression.data = netlink_nft_nest(message, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct netlink_nft_message *message, struct expression expression)
{
	netlink_nft_nest_end(message, expression.data);
	netlink_nft_nest_end(message, expression.element);
}

/* Puts bytes for a register as a nested value. */
static void put_data(struct netlink_nft_message *message, int type, const void *bytes, size_t len)
{
	struct nlattr *nest = netlink_nft_nest(message, type);

	netlink_nft_put(message, NFTA_DATA_VALUE, bytes, len);
	netlink_nft_nest_end(message, nest);
}

static void load_meta(struct netlink_nft_message *message, enum nft_meta_keys key)
{
	struct expression meta = begin(message, "meta");

	netlink_nft_put_u32(message, NFTA_META_KEY, key);
	netlink_nft_put_u32(message, NFTA_META_DREG, NFT_REG_1);
	end(message, meta);
}

static void load_payload(struct netlink_nft_message *message, enum nft_payload_bases base,
	uint32_t offset, uint32_t len)
{
	struct expression payload = begin(message, "payload");

	netlink_nft_put_u32(message, NFTA_PAYLOAD_DREG, NFT_REG_1);
	netlink_nft_put_u32(message, NFTA_PAYLOAD_BASE, base);
	netlink_nft_put_u32(message, NFTA_PAYLOAD_OFFSET, offset);
	netlink_nft_put_u32(message, NFTA_PAYLOAD_LEN, len);
	end(message, payload);
}

static void mask(struct netlink_nft_message *message, const uint8_t *bytes, size_t len)
{
	static const uint8_t zeros[16];
	struct expression bitwise = begin(message, "bitwise");

	netlink_nft_put_u32(message, NFTA_BITWISE_SREG, NFT_REG_1);
	netlink_nft_put_u32(message, NFTA_BITWISE_DREG, NFT_REG_1);
	netlink_nft_put_u32(message, NFTA_BITWISE_LEN, (uint32_t)len);
	put_data(message, NFTA_BITWISE_MASK, bytes, len);
	put_data(message, NFTA_BITWISE_XOR, zeros, len);
	end(message, bitwise);
}

static void equals(struct netlink_nft_message *message, const void *bytes, size_t len)
{
	struct expression cmp = begin(message, "cmp");

	netlink_nft_put_u32(message, NFTA_CMP_SREG, NFT_REG_1);
	netlink_nft_put_u32(message, NFTA_CMP_OP, NFT_CMP_EQ);
	put_data(message, NFTA_CMP_DATA, bytes, len);
	end(message, cmp);
}

/* ---- terms ---- */

/* The kernel keeps these values in registers in host order. */
static void meta_is(struct netlink_nft_message *message, enum nft_meta_keys key, uint32_t value)
{
	load_meta(message, key);
	equals(message, &value, sizeof(value));
}

static void meta_is_u8(struct netlink_nft_message *message, enum nft_meta_keys key, uint32_t value)
{
	uint8_t byte = (uint8_t)value;

	load_meta(message, key);
	equals(message, &byte, sizeof(byte));
}

/* The kind is the one of "ip link add type". */
static void is_bridge(struct netlink_nft_message *message, enum nft_meta_keys key)
{
	static const char kind[IFNAMSIZ] = "bridge";

	load_meta(message, key);
	equals(message, kind, sizeof(kind));
}

static void load_ct(struct netlink_nft_message *message, enum nft_ct_keys key)
{
	struct expression ct = begin(message, "ct");

	netlink_nft_put_u32(message, NFTA_CT_KEY, key);
	netlink_nft_put_u32(message, NFTA_CT_DREG, NFT_REG_1);
	end(message, ct);
}

static void ct_is_new(struct netlink_nft_message *message)
{
	/* The state is one bit: NF_CT_STATE_BIT(IP_CT_NEW), whose macro needs unsigned numbers. */
	const uint32_t state = 1u << (IP_CT_NEW + 1);

	load_ct(message, NFT_CT_STATE);
	equals(message, &state, sizeof(state));
}

static void ct_is_reply(struct netlink_nft_message *message)
{
	const uint8_t direction = IP_CT_DIR_REPLY;

	load_ct(message, NFT_CT_DIRECTION);
	equals(message, &direction, sizeof(direction));
}

static void ct_mark_is(struct netlink_nft_message *message, uint32_t mark)
{
	load_ct(message, NFT_CT_MARK);
	equals(message, &mark, sizeof(mark));
}

static void load_value(struct netlink_nft_message *message, uint32_t value)
{
	struct expression immediate = begin(message, "immediate");

	netlink_nft_put_u32(message, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_data(message, NFTA_IMMEDIATE_DATA, &value, sizeof(value));
	end(message, immediate);
}

static void set_mark(struct netlink_nft_message *message, uint32_t mark)
{
	struct expression meta;

	load_value(message, mark);
	meta = begin(message, "meta");
	netlink_nft_put_u32(message, NFTA_META_KEY, NFT_META_MARK);
	netlink_nft_put_u32(message, NFTA_META_SREG, NFT_REG_1);
	end(message, meta);
}

static void set_ct_mark(struct netlink_nft_message *message, uint32_t mark)
{
	struct expression ct;

	load_value(message, mark);
	ct = begin(message, "ct");
	netlink_nft_put_u32(message, NFTA_CT_KEY, NFT_CT_MARK);
	netlink_nft_put_u32(message, NFTA_CT_SREG, NFT_REG_1);
	end(message, ct);
}

static void port_is(struct netlink_nft_message *message, uint32_t offset, uint32_t value)
{
	uint16_t port = htons((uint16_t)value);

	load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, offset, PORT_SIZE);
	equals(message, &port, sizeof(port));
}

static void icmp_type_is(struct netlink_nft_message *message, uint32_t value)
{
	uint8_t type = (uint8_t)value;

	load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, sizeof(type));
	equals(message, &type, sizeof(type));
}

/* Compares the address at the family's offset of the header. */
static void address_is_in(struct netlink_nft_message *message, uint32_t ipv4_offset,
	uint32_t ipv6_offset, const struct prefix *prefix)
{
	bool four = prefix->addr.family == AF_INET;
	size_t size = addr_size(&prefix->addr);
	uint8_t bits[16] = { 0 };

	for (unsigned bit = 0; bit < prefix->len; bit++)
		bits[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	meta_is_u8(message, NFT_META_NFPROTO, four ? NFPROTO_IPV4 : NFPROTO_IPV6);
	load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, four ? ipv4_offset : ipv6_offset,
		(uint32_t)size);
	mask(message, bits, size);
	equals(message, prefix->addr.bytes, size);
}

static void decide(struct netlink_nft_message *message, uint32_t code)
{
	struct expression immediate = begin(message, "immediate");
	struct nlattr *data, *verdict;

	netlink_nft_put_u32(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nft_nest(message, NFTA_IMMEDIATE_DATA);
	verdict = netlink_nft_nest(message, NFTA_DATA_VERDICT);
	netlink_nft_put_u32(message, NFTA_VERDICT_CODE, code);
	netlink_nft_nest_end(message, verdict);
	netlink_nft_nest_end(message, data);
	end(message, immediate);
}

/* A reset ignores the code. */
static void reject(struct netlink_nft_message *message, enum nft_reject_types type)
{
	static const uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
	struct expression expression = begin(message, "reject");

	netlink_nft_put_u32(message, NFTA_REJECT_TYPE, type);
	if (type == NFT_REJECT_ICMPX_UNREACH)
		netlink_nft_put(message, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	end(message, expression);
}

static void count(struct netlink_nft_message *message)
{
	static const uint8_t zero[8];
	struct expression counter = begin(message, "counter");

	netlink_nft_put(message, NFTA_COUNTER_BYTES, zero, sizeof(zero));
	netlink_nft_put(message, NFTA_COUNTER_PACKETS, zero, sizeof(zero));
	end(message, counter);
}

static void masquerade(struct netlink_nft_message *message)
{
	struct nlattr *element = netlink_nft_nest(message, NFTA_LIST_ELEM);

	netlink_nft_put_text(message, NFTA_EXPR_NAME, "masq");
	netlink_nft_nest_end(message, element);
}

static void put_link_term(struct netlink_nft_message *message, const struct netlink_nft_term *term)
{
	switch (term->kind) {
	case NETLINK_NFT_IIF:
		meta_is(message, NFT_META_IIF, term->value);
		break;
	case NETLINK_NFT_OIF:
		meta_is(message, NFT_META_OIF, term->value);
		break;
	case NETLINK_NFT_IIF_BRIDGE:
		is_bridge(message, NFT_META_IIFKIND);
		break;
	case NETLINK_NFT_OIF_BRIDGE:
		is_bridge(message, NFT_META_OIFKIND);
		break;
	case NETLINK_NFT_IIF_GROUP:
		meta_is(message, NFT_META_IIFGROUP, term->value);
		break;
	case NETLINK_NFT_OIF_GROUP:
		meta_is(message, NFT_META_OIFGROUP, term->value);
		break;
	default:
		break;
	}
}

static void put_ct_term(struct netlink_nft_message *message, const struct netlink_nft_term *term)
{
	switch (term->kind) {
	case NETLINK_NFT_CT_NEW:
		ct_is_new(message);
		break;
	case NETLINK_NFT_CT_REPLY:
		ct_is_reply(message);
		break;
	case NETLINK_NFT_CT_MARK:
		ct_mark_is(message, term->value);
		break;
	case NETLINK_NFT_SET_CT_MARK:
		set_ct_mark(message, term->value);
		break;
	default:
		break;
	}
}

static void put_verdict(struct netlink_nft_message *message, const struct netlink_nft_term *term)
{
	switch (term->kind) {
	case NETLINK_NFT_ACCEPT:
		decide(message, NF_ACCEPT);
		break;
	case NETLINK_NFT_DROP:
		decide(message, NF_DROP);
		break;
	case NETLINK_NFT_REJECT:
		reject(message, NFT_REJECT_ICMPX_UNREACH);
		break;
	case NETLINK_NFT_RESET:
		reject(message, NFT_REJECT_TCP_RST);
		break;
	default:
		break;
	}
}

static void put_term(struct netlink_nft_message *message, const struct netlink_nft_term *term)
{
	switch (term->kind) {
	case NETLINK_NFT_IIF:
	case NETLINK_NFT_OIF:
	case NETLINK_NFT_IIF_BRIDGE:
	case NETLINK_NFT_OIF_BRIDGE:
	case NETLINK_NFT_IIF_GROUP:
	case NETLINK_NFT_OIF_GROUP:
		put_link_term(message, term);
		break;
	case NETLINK_NFT_CT_NEW:
	case NETLINK_NFT_CT_REPLY:
	case NETLINK_NFT_CT_MARK:
	case NETLINK_NFT_SET_CT_MARK:
		put_ct_term(message, term);
		break;
	case NETLINK_NFT_SET_MARK:
		set_mark(message, term->value);
		break;
	case NETLINK_NFT_MARK:
		meta_is(message, NFT_META_MARK, term->value);
		break;
	case NETLINK_NFT_FAMILY:
		meta_is_u8(message, NFT_META_NFPROTO, term->value);
		break;
	case NETLINK_NFT_PROTOCOL:
		meta_is_u8(message, NFT_META_L4PROTO, term->value);
		break;
	case NETLINK_NFT_FROM_PORT:
		port_is(message, FROM_PORT, term->value);
		break;
	case NETLINK_NFT_TO_PORT:
		port_is(message, TO_PORT, term->value);
		break;
	case NETLINK_NFT_ICMP_TYPE:
		icmp_type_is(message, term->value);
		break;
	case NETLINK_NFT_SOURCE:
		address_is_in(message, IPV4_SOURCE, IPV6_SOURCE, &term->prefix);
		break;
	case NETLINK_NFT_DESTINATION:
		address_is_in(message, IPV4_DESTINATION, IPV6_DESTINATION, &term->prefix);
		break;
	case NETLINK_NFT_COUNT:
		count(message);
		break;
	case NETLINK_NFT_ACCEPT:
	case NETLINK_NFT_DROP:
	case NETLINK_NFT_REJECT:
	case NETLINK_NFT_RESET:
		put_verdict(message, term);
		break;
	case NETLINK_NFT_MASQUERADE:
		masquerade(message);
		break;
	case NETLINK_NFT_END:
		break;
	}
}

static_assert((int)NFPROTO_IPV4 == AF_INET && (int)NFPROTO_IPV6 == AF_INET6,
	"a family's number is also that of its packets");

void netlink_nft_put_terms(struct netlink_nft_message *message, const struct netlink_nft_rule *rule)
{
	for (size_t i = 0; i < NETLINK_NFT_TERMS_MAX && rule->terms[i].kind != NETLINK_NFT_END; i++)
		put_term(message, &rule->terms[i]);
}

const char *netlink_nft_rule_needs(const struct netlink_nft_rule *rule)
{
	for (size_t i = 0; i < NETLINK_NFT_TERMS_MAX; i++) {
		if (rule->terms[i].kind == NETLINK_NFT_REJECT ||
			rule->terms[i].kind == NETLINK_NFT_RESET)
			return "the module nft_reject_inet";
		if (rule->terms[i].kind == NETLINK_NFT_CT_MARK ||
			rule->terms[i].kind == NETLINK_NFT_CT_NEW)
			return "the modules nf_conntrack and nft_ct, with CONFIG_NF_CONNTRACK_MARK";
		if (rule->terms[i].kind == NETLINK_NFT_MASQUERADE)
			return "the module nft_masq";
	}
	return "the module nf_tables";
}
