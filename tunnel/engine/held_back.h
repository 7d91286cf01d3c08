/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_HELD_BACK_H
#define CULVERT_ENGINE_HELD_BACK_H

#include <stdbool.h>

#include "engine/session.h"

/*
 * What a full tunnel holds back, in words for the log and for `status`. netd does it (netd/full_tunnel),
 * from the first interface on; the engine only knows why. Main thread.
 */

enum { HELD_BACK_TEXT_MAX = REQUEST_TEXT_MAX + 64 };

enum held_back { /* a set: the families of which nothing leaves but what has a longer route */
	HELD_BACK_NONE = 0,
	HELD_BACK_IPV4 = 1,
	HELD_BACK_IPV6 = 2,
};

/* True: this host's packets leave by the tunnel or not at all. Before the first welcome it is false, and after it true for good. */
bool held_back_in_force(const struct session *session);

/* Each family that has no way out by the tunnel just now; none where no full tunnel is in force. */
unsigned held_back_families(const struct session *session);

/*
 * Why they are, as in "the server offers no IPv6 default route": what the server offers, why its default route is not taken,
 * why there is no interface, or why the session is away. "" where none is. Without control characters, also in words of the peer.
 * Returns `out`.
 */
const char *held_back_cause(const struct session *session, char out[static HELD_BACK_TEXT_MAX]);

#endif
