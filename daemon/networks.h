/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_NETWORKS_H
#define CULVERT_DAEMON_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Counts connections by their networks, so that a slot is taken from the network that has most. A
 * network is an IPv4 address, or the /48, /56 and /64 of an IPv6 address, which belong to one
 * customer. Nothing is allocated. Main thread only.
 *
 * A hash picks the counters, so two networks may share one. Each level has its own hash: two IPv4
 * addresses share all three counters once in 2^36 pairs. The seed keeps strangers from choosing
 * addresses that collide.
 */

enum {
	NETWORKS_LEVELS = 3, /* from wide to narrow */
	NETWORKS_COUNTERS = 4096,
};

/* The counters of one connection's network. */
struct network {
	uint16_t counter[NETWORKS_LEVELS];
};

struct networks {
	uint64_t seed;
	uint32_t count[NETWORKS_LEVELS][NETWORKS_COUNTERS];
};

void networks_init(struct networks *networks, uint64_t seed);
void networks_enter(
	struct networks *networks, const struct addr *addr, struct network *ret_network);
void networks_leave(struct networks *networks, const struct network *network);
/*
 * True: more connections come from the network of `a` than from that of `b`. The widest network
 * decides first.
 */
bool networks_is_fuller(
	const struct networks *networks, const struct network *a, const struct network *b);

#endif
