/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ADDRESS_CHECK_H
#define CULVERT_NETD_ADDRESS_CHECK_H

#include "base/problem.h"
#include "config/settings.h"
#include "netd/dns.h"
#include "netd/full_tunnel.h"
#include "netd/interfaces.h"

/*
 * Whether a client's tunnel can have the addresses that its server gave, on this host as it is now. The
 * configuration's part of the answer is netd/policy's. The kernel leads every packet for the tunnel's other
 * end into the tunnel, and takes every packet for its own end: an address that something near has already
 * (netd/on_link), or that this host's resolver has (netd/resolvers), would be taken from it. So would the address at which
 * a tunnel of this host reaches its other end (netd/needs).
 *
 * It is asked when the addresses come and whenever the network has changed: who comes home with a laptop may find
 * the tunnel's range there. A tunnel in a network namespace of its own is judged by that namespace, where the
 * host's resolvers do not count; that of `culvert run` is alone in its own. A server's addresses are its
 * configuration's. netd's only thread.
 */

struct address_check {
	/* All borrowed. */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct dns *dns;
	struct full_tunnel *full_tunnel;
};

/*
 * 0: nothing stands in the way. -EADDRINUSE: `problem` names the address and what has it. Anything else: the kernel
 * did not tell. A visit to another namespace may be under way afterwards: interfaces_come_home().
 */
int address_check(struct address_check *check, const struct request_interface *wanted,
	const struct interface_place *place, struct problem *problem);

/*
 * The network has changed: takes the addresses away from each interface that cannot have them any more, and, but for
 * a full tunnel, its resolvers from this host. Its routes stay, so that nothing leaves in the clear. The log says
 * why. The engine learns it when it asks for the interface again.
 */
void address_check_again(struct address_check *check);

#endif
