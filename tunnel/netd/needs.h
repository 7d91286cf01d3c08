/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NEEDS_H
#define CULVERT_NETD_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/nameservers.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/interfaces.h"

/*
 * The addresses that this host's tunnels need outside of any tunnel, and what for. A route of a tunnel
 * that takes the path to one of them cuts off that tunnel, or another one. So netd asks here before it
 * makes a route or an interface's address.
 *
 * Three sources, none of which is the engine's word:
 *  - `remotes` and `proxy` of the own configuration, where they are numbers;
 *  - the kernel's TCP connections with the mark of outer connections (system/netlink_diag): those of
 *    all Culverts of this network namespace, servers and clients, candidates and lanes. Marks need
 *    CAP_NET_ADMIN, so no other local user adds to the set. A connection counts after its handshake, so
 *    no stranger adds a forged address either. What the engine can do is to connect its own sockets:
 *    the cost is a refused route to a place that answers outside of the tunnel;
 *  - a client's resolvers, while `remotes` or `proxy` has a name: those of /etc/resolv.conf, and behind
 *    a local one (127.0.0.53) those that systemd-resolved and NetworkManager write down.
 *
 * The answer is a snapshot of the moment. netd's only thread.
 */

enum need_kind {
	NEED_REMOTE,     /* of the configuration: a server, or the proxy */
	NEED_CONNECTION, /* the other end of an outer connection, of any Culvert here */
	NEED_RESOLVER,   /* that looks up a name of `remotes` or `proxy` */
};

struct need {
	struct addr addr;
	enum need_kind kind;
};

struct needs {
	struct need *items;
	size_t count;
};

/*
 * What is needed now. `pushed` are the resolvers that the tunnel itself has brought, which may be inside
 * of it; NULL: none. Never fails as a whole: a source that cannot be read is left out, and `problem`
 * then has words (else ""). The caller frees the answer with needs_free(), always.
 */
void needs_gather(const struct settings *settings, const struct nameservers *pushed,
	struct needs *ret_needs, struct problem *problem);
void needs_free(struct needs *needs);

/*
 * The first need from *at on that the prefix covers, and *at behind it; NULL: there is none. Begin with
 * *at 0.
 */
const struct need *needs_next(const struct needs *needs, const struct prefix *prefix, size_t *at);

/*
 * -EADDRINUSE: a route of ours to the prefix, in the main table, would take the path of a need, which `why`
 * names. It does not where a longer prefix leads there: a network that is on-link, or a route that
 * somebody has made for that address. Else 0. `netlink` is of the own namespace.
 */
int needs_judge_route(const struct needs *needs, const struct interfaces *interfaces,
	struct netlink *netlink, const struct prefix *prefix, struct problem *why);

/* "a resolver of this host", …: what the address is, for a sentence with "is". */
const char *need_kind_text(enum need_kind kind);

/*
 * For tests: the resolvers of a text as /etc/resolv.conf has it, 1 to `max`; of one that Culvert has
 * written, those that it keeps. *ret_local: one of them is on this host. Returns how many others.
 */
size_t needs_parse_resolvers(const char *text, struct addr *out, size_t max, bool *ret_local);

#endif
