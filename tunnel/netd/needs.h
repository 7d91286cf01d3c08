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
 * The addresses that this host's tunnels need outside of any tunnel, and why. A tunnel's route that
 * takes the path to such an address would cut off that tunnel or another one. So netd checks here
 * before it makes a route or an interface's address.
 *
 * The addresses have three sources, and none depends on what the engine claims:
 *  - `remotes` and `proxy` of this configuration, where they are numbers;
 *  - the kernel's TCP connections with the mark of outer connections (system/netlink_diag);
 *  - a client's resolvers, while `remotes` or `proxy` has a name: those of /etc/resolv.conf, and
 *    behind a local one (127.0.0.53) those that systemd-resolved and NetworkManager write down.
 *
 * The second source has the connections of all Culverts in this network namespace: servers and
 * clients, candidates and lanes. Setting a mark needs CAP_NET_ADMIN, so no other local user can add
 * an address. A connection counts only after its handshake, so no stranger can add a forged one.
 * The engine can connect its own sockets; the cost is a refused route to an address that answers
 * outside of the tunnel.
 *
 * The answer is a snapshot of the moment. netd's only thread.
 */

enum need_kind {
	NEED_REMOTE,     /* of the configuration: a server, or the proxy */
	NEED_CONNECTION, /* the other end of an outer connection, of any Culvert here */
	NEED_RESOLVER,   /* looks up a name of `remotes` or `proxy` */
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
 * Collects the needs of this moment. `pushed` are the resolvers that the tunnel itself has brought,
 * which may be inside of it; NULL: none. It never fails as a whole: it leaves out a source that
 * cannot be read, and then *problem says why; otherwise the text is "". The caller always frees the
 * answer with needs_free().
 */
void needs_gather(const struct settings *settings, const struct nameservers *pushed,
	struct needs *ret_needs, struct problem *problem);
void needs_free(struct needs *needs);

/*
 * Returns the first need that the prefix covers, from position *at on, and sets *at behind it;
 * NULL: there is no further one. Begin with *at 0.
 */
const struct need *needs_next(const struct needs *needs, const struct prefix *prefix, size_t *at);

/*
 * -EADDRINUSE: a route of netd's to the prefix, in the main table, would take the path of a need,
 * and *why names it. A longer prefix that leads to the need prevents that: a network that is
 * on-link, or a route that an administrator has made for the address. Returns 0 otherwise.
 * `netlink` belongs to netd's own namespace.
 */
int needs_judge_route(const struct needs *needs, const struct interfaces *interfaces,
	struct netlink *netlink, const struct prefix *prefix, struct problem *why);

/*
 * Returns the description of an address for a sentence with "is", such as "a resolver of this
 * host".
 */
const char *need_kind_text(enum need_kind kind);

/*
 * For tests: parses the resolvers of a text like /etc/resolv.conf, 1 to `max`, and of a text that
 * Culvert has written, those that it keeps. *ret_local: one of them is on this host. Returns the
 * number of the others.
 */
size_t needs_parse_resolvers(const char *text, struct addr *out, size_t max, bool *ret_local);

#endif
