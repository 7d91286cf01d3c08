/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ROUTE_RULE_H
#define CULVERT_BASE_ROUTE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The rule for which announced prefixes may become routes, with a text for each refusal. Engine and
 * netd ask the same pure function about the same configuration: the engine to answer the peer, netd
 * because it does not trust the engine. The verdicts' numbers are also the reasons on the wire
 * (docs/protocol.md): never renumber.
 */

enum route_verdict {
	ROUTE_ACCEPTED = 0,
	ROUTE_HOST_BITS = 1,  /* bits are set past the prefix length */
	ROUTE_DEFAULT = 2,    /* 0.0.0.0/0 or ::/0 */
	ROUTE_LOOPBACK = 3,   /* overlaps 127.0.0.0/8 or ::1 */
	ROUTE_MULTICAST = 4,  /* overlaps 224.0.0.0/4 or ff00::/8 */
	ROUTE_LINK_LOCAL = 5, /* overlaps 169.254.0.0/16 or fe80::/10 */
	ROUTE_OUTER = 6,  /* would capture an address through which a tunnel itself is reached */
	ROUTE_TUNNEL = 7, /* overlaps the tunnel's own addresses (the pool) */
	ROUTE_NOT_ALLOWED = 8,  /* not inside any prefix of accept_routes */
	ROUTE_LIMIT = 9,        /* more than max_routes */
	ROUTE_TAKEN = 10,       /* another tunnel has it with the same metric */
	ROUTE_LOCAL = 11,       /* this end announces it itself, or it is on-link here */
	ROUTE_FAILED = 12,      /* the kernel refused it */
	ROUTE_UNSPECIFIED = 13, /* overlaps 0.0.0.0/8 or is :: */
	ROUTE_VERDICT_COUNT
};

struct route_rule {
	const struct prefix *accept; /* accept_routes: the prefixes that the peer may announce */
	size_t accept_count;
	const struct prefix *tunnel; /* pools and tunnel addresses that no announcement may cover */
	size_t tunnel_count;
	const struct addr *outer; /* addresses of the peer outside the tunnel; may be none */
	size_t outer_count;
	bool full_tunnel; /* accept a default route, even against the rest of the rule */
};

/*
 * Judges one prefix by all rules but ROUTE_LIMIT, ROUTE_TAKEN, ROUTE_LOCAL and ROUTE_FAILED, which
 * depend on other state. Accepts a prefix that merely lies inside a wider local network.
 */
enum route_verdict route_rule_judge(const struct route_rule *rule, const struct prefix *prefix);

/*
 * Judges a prefix that this end would announce, by its form only: host bits, default, loopback,
 * multicast, link-local, unspecified. A server may also announce a default route, for which this
 * returns ROUTE_DEFAULT.
 */
enum route_verdict route_rule_form(const struct prefix *prefix);

/*
 * A text for a person, such as "host bits are set past the prefix length"; "unknown reason" for an
 * unknown verdict.
 */
const char *route_verdict_text(enum route_verdict verdict);

#endif
