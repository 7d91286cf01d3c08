/* SPDX-License-Identifier: Apache-2.0 */
#include "base/route_rule.h"

#include "base/array.h"

/* Ranges that no announcement may touch. The first match gives the reason. */
static const struct {
	struct prefix prefix;
	enum route_verdict verdict;
} special[] = {
	{ { { AF_INET, { 127 } }, 8 }, ROUTE_LOOPBACK },
	{ { { AF_INET6, { [15] = 1 } }, 128 }, ROUTE_LOOPBACK },
	{ { { AF_INET, { 224 } }, 4 }, ROUTE_MULTICAST },
	{ { { AF_INET6, { 0xff } }, 8 }, ROUTE_MULTICAST },
	{ { { AF_INET, { 169, 254 } }, 16 }, ROUTE_LINK_LOCAL },
	{ { { AF_INET6, { 0xfe, 0x80 } }, 10 }, ROUTE_LINK_LOCAL },
	{ { { AF_INET, { 0 } }, 8 }, ROUTE_UNSPECIFIED },
	{ { { AF_INET6, { 0 } }, 128 }, ROUTE_UNSPECIFIED },
	/* No host has one of these; 255.255.255.255 is every host of the link. */
	{ { { AF_INET, { 240 } }, 4 }, ROUTE_UNSPECIFIED },
};

static const char *const verdict_texts[ROUTE_VERDICT_COUNT] = {
	[ROUTE_ACCEPTED] = "accepted",
	[ROUTE_HOST_BITS] = "host bits are set past the prefix length",
	[ROUTE_DEFAULT] = "it is a default route, which only a client with full_tunnel takes",
	[ROUTE_LOOPBACK] = "it overlaps the loopback range",
	[ROUTE_MULTICAST] = "it overlaps the multicast range",
	[ROUTE_LINK_LOCAL] = "it overlaps the link-local range",
	[ROUTE_OUTER] = "it would capture the address through which a tunnel itself is reached",
	[ROUTE_TUNNEL] = "it overlaps the tunnel's own addresses",
	[ROUTE_NOT_ALLOWED] = "it is not inside any prefix of accept_routes",
	[ROUTE_LIMIT] = "more prefixes than max_routes allows",
	[ROUTE_TAKEN] = "another tunnel has it with the same metric",
	[ROUTE_LOCAL] = "it is announced by this end itself, or on-link here",
	[ROUTE_FAILED] = "the kernel refused it",
	[ROUTE_UNSPECIFIED] = "it overlaps the unspecified or the reserved range",
};

enum route_verdict route_rule_form(const struct prefix *prefix)
{
	size_t size = addr_size(&prefix->addr);

	if (size == 0 || prefix->len > size * 8)
		return ROUTE_UNSPECIFIED;
	if (prefix_has_host_bits(prefix))
		return ROUTE_HOST_BITS;
	if (prefix->len == 0)
		return ROUTE_DEFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (prefix_overlaps(prefix, &special[i].prefix))
			return special[i].verdict;
	}
	return ROUTE_ACCEPTED;
}

enum route_verdict route_rule_judge(const struct route_rule *rule, const struct prefix *prefix)
{
	enum route_verdict verdict = route_rule_form(prefix);

	if (verdict == ROUTE_DEFAULT && rule->full_tunnel)
		return ROUTE_ACCEPTED;
	if (verdict != ROUTE_ACCEPTED)
		return verdict;
	for (size_t i = 0; i < rule->outer_count; i++) {
		if (prefix_contains_addr(prefix, &rule->outer[i]))
			return ROUTE_OUTER;
	}
	for (size_t i = 0; i < rule->tunnel_count; i++) {
		if (prefix_overlaps(prefix, &rule->tunnel[i]))
			return ROUTE_TUNNEL;
	}
	for (size_t i = 0; i < rule->accept_count; i++) {
		if (prefix_contains(&rule->accept[i], prefix))
			return ROUTE_ACCEPTED;
	}
	return ROUTE_NOT_ALLOWED;
}

const char *route_verdict_text(enum route_verdict verdict)
{
	if ((unsigned)verdict >= ROUTE_VERDICT_COUNT)
		return "unknown reason";
	return verdict_texts[verdict];
}
