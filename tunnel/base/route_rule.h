/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ROUTE_RULE_H
#define CULVERT_BASE_ROUTE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Which announced prefixes may become routes, and the words for why not. One pure function, asked
 * by the engine (to answer the peer) and by netd (which believes nobody) with the same
 * configuration. The verdicts' numbers are also the reasons on the wire (docs/protocol.md): never
 * renumber.
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
	ROUTE_LOCAL = 11,       /* announced by this very end, or on-link here */
	ROUTE_FAILED = 12,      /* the kernel refused it */
	ROUTE_UNSPECIFIED = 13, /* overlaps 0.0.0.0/8 or is :: */
	ROUTE_VERDICT_COUNT
};

struct route_rule {
	const struct prefix *accept; /* accept_routes: what may be announced to us */
	size_t accept_count;
	const struct prefix *tunnel; /* pools and tunnel addresses that no announcement may cover */
	size_t tunnel_count;
	const struct addr *outer; /* addresses of the peer outside the tunnel; may be none */
	size_t outer_count;
	bool full_tunnel; /* a default route is welcome, whatever else the rule says */
};

/*
 * Judges one prefix by everything but ROUTE_LIMIT, ROUTE_TAKEN, ROUTE_LOCAL and ROUTE_FAILED, which
 * need to know of others. A prefix that merely lies inside a wider local network is fine.
 */
enum route_verdict route_rule_judge(const struct route_rule *rule, const struct prefix *prefix);

/*
 * What may be announced by ourselves: the form only (host bits, default, loopback, multicast,
 * link-local, unspecified). A server may announce a default route as well.
 */
enum route_verdict route_rule_form(const struct prefix *prefix);

/*
 * Words for a person, e.g. "host bits are set past the prefix length"; "unknown reason" past the
 * end.
 */
const char *route_verdict_text(enum route_verdict verdict);

#endif
