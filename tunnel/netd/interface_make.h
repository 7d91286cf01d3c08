/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_MAKE_H
#define CULVERT_NETD_INTERFACE_MAKE_H

#include "config/settings.h"
#include "netd/interfaces.h"

/*
 * Makes the TUN of an interface with all its queues, in the network namespace where the interface
 * is to live. For a foreign network namespace netd makes it in its own, under a temporary name, and
 * moves it. The TUN's descriptors then hold no reference to the foreign namespace, so its owner can
 * delete it, and the interface with it. Where netd may make no interface in its own namespace
 * (culvert run), it makes the TUN in the foreign one. netd/desired_state holds the interface's
 * state but does not make a deleted one again: the engine asks for that. netd's only thread.
 */

/*
 * Loads the program that distributes packets over queues, if a client is to have several. Call it
 * before netd gives up its capabilities. On failure it logs that, and each interface gets one
 * queue. A server loads no program: its kernel learns from the client's packets which lane a flow
 * is on. Only one end may decide, or flows would change lanes without end.
 */
void interface_make_load_steering(struct interfaces *interfaces, const struct settings *settings);

/*
 * Opens the TUN that interfaces_bring() wants, and fills in queues, now.queues, name, index and
 * netns. The interface is down and has no addresses. Only interfaces_bring() calls it. On failure
 * (negative errno) *problem says why, and the caller closes the queues that were opened.
 */
int interface_make(struct interfaces *interfaces, struct interface *interface,
	const struct interface_target *target, uint8_t queues, struct problem *problem);

#endif
