/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ADDRESS_CHECK_H
#define CULVERT_NETD_ADDRESS_CHECK_H

#include "base/problem.h"
#include "config/settings.h"
#include "netd/dns.h"
#include "netd/full_tunnel.h"
#include "netd/interfaces.h"

/*
 * Decides whether a client's tunnel can have the addresses that its server gave, on this host as it
 * is now. netd/policy judges the same addresses by the configuration. The kernel routes every
 * packet for the peer's tunnel address into the tunnel, and accepts every packet for this end's
 * address. So an address is refused when another machine or this host already has it: a neighbour
 * (netd/on_link), a resolver of this host (netd/resolvers), or the server that one of this host's
 * tunnels connects to (netd/needs).
 *
 * netd checks when the addresses come, and again whenever the network has changed: the network that
 * a laptop moves to may use the tunnel's range. A tunnel in a network namespace of its own is
 * checked against that namespace, and the host's resolvers do not count there. The tunnel of
 * `culvert run` is alone in its namespace. A server is not checked: its addresses are in its
 * configuration. netd's only thread.
 */

struct address_check {
	/* All are borrowed. */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct dns *dns;
	struct full_tunnel *full_tunnel;
};

/*
 * Returns 0 when the tunnel can have the addresses of `wanted`. -EADDRINUSE: another machine or
 * link has one of them, and *problem names both. Any other error: the kernel could not be asked.
 * The call may leave netd in a foreign network namespace, so the caller calls interfaces_leave()
 * afterwards.
 */
int address_check(struct address_check *check, const struct request_interface *wanted,
	const struct interface_target *target, struct problem *problem);

/*
 * Checks every interface again after the network has changed. It removes the addresses of an
 * interface that cannot have them any more, and, except in full tunnel, the resolvers that came
 * with it. The routes stay, so that no packet leaves unencrypted. It logs why. The engine learns of
 * it when it requests the interface again.
 */
void address_check_again(struct address_check *check);

#endif
