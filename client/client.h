/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CLIENT_H
#define CULVERT_CLIENT_CLIENT_H

#include "client/dialer.h"
#include "engine/engine.h"

/*
 * The client's side of the engine: one session with the profile's server, and the dialers that get
 * it its connections and, where there are to be several lanes, the further ones. The session stays
 * between connections, and with it the interface. Engine's main thread.
 */

struct client {
	struct engine engine;
	struct dialer dialer;
	struct dialer joiner; /* of the session's further lanes */
	struct session *session;
};

extern const struct engine_role client_role;

#endif
