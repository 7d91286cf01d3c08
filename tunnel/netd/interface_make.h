/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_MAKE_H
#define CULVERT_NETD_INTERFACE_MAKE_H

#include "config/settings.h"
#include "netd/interfaces.h"

/*
 * How an interface comes into being: the TUN with all its queues, in the network namespace where it
 * is to live. In another one than ours it is made here, under a passing name, and moved: its
 * descriptors then hold nothing of that namespace, which can go whenever its owner likes and takes
 * the interface along. Where we may make none here (culvert run) it is made there. netd's only
 * thread.
 */

/*
 * Loads the program that spreads packets over queues, where a client is to have several, before netd
 * gives up its capabilities. Without it, which is logged, each interface gets one. A server lets its
 * kernel learn from the client's packets which lane a flow is on: one end decides, or flows would
 * swap lanes without end.
 */
void interface_make_load_steering(struct interfaces *interfaces, const struct settings *settings);

/*
 * Opens what interfaces_bring() wants and fills queues, now.queues, name, index and netns; it is down
 * and has no addresses. For interfaces_bring() alone. On failure it has what was opened so far, for the caller to close. Negative
 * errno with words.
 */
int interface_make(struct interfaces *interfaces, struct interface *interface,
	const struct interface_place *place, uint8_t queues, struct problem *problem);

#endif
