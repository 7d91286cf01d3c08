/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CLIENT_H
#define CULVERT_CLIENT_CLIENT_H

#include "client/dialer.h"
#include "engine/engine.h"

/*
 * The client's part of the engine: one session with the profile's server, and two dialers. One
 * dialer gets the session its connection, the other any further lanes. The session, and with it the
 * interface, outlives its connections. Engine's main thread.
 */

struct client {
	struct engine engine;
	struct dialer dialer;
	struct dialer joiner; /* for the session's further lanes */
	struct session *session;
	uint64_t failures;  /* attempts that failed since the session was last up */
	struct mono failed; /* when the newest one did */
};

extern const struct engine_role client_role;

#endif
