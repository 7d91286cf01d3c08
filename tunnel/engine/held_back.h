/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_HELD_BACK_H
#define CULVERT_ENGINE_HELD_BACK_H

#include <stdbool.h>

#include "engine/session.h"

/*
 * Describes for the log and `status` which traffic a full tunnel holds back, and why. netd blocks
 * it (netd/full_tunnel) from the first interface on; only the engine knows the reason. Main thread
 * only.
 */

enum { HELD_BACK_TEXT_MAX = REQUEST_TEXT_MAX + 64 };

/* A set of address families. Of such a family only packets with a more specific route leave. */
enum held_back {
	HELD_BACK_NONE = 0,
	HELD_BACK_IPV4 = 1,
	HELD_BACK_IPV6 = 2,
};

/*
 * True: this host's packets leave through the tunnel or not at all. That begins with the first
 * welcome and never ends.
 */
bool held_back_in_force(const struct session *session);

/*
 * The families that have no way out through the tunnel now. Empty while no full tunnel is in force.
 */
unsigned held_back_families(const struct session *session);

/*
 * Writes why they are held back, such as "the server offers no IPv6 default route". The cause is
 * what the server offers, why its default route is refused, why there is no interface, or why the
 * session has no connection. "" if nothing is held back. Control characters are gone, also from a
 * peer's text. Returns `out`, or a constant text when out of memory.
 */
const char *held_back_cause(const struct session *session, char out[static HELD_BACK_TEXT_MAX]);

#endif
