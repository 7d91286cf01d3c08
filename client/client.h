/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CLIENT_H
#define CULVERT_CLIENT_CLIENT_H

#include "client/dialer.h"
#include "engine/engine.h"

/*
 * The client's side of the engine: one session with the profile's server, and the dialer that gets
 * it its connections. The session stays between connections, and with it the interface. Engine's
 * main thread.
 */

struct client {
	struct engine engine;
	struct dialer dialer;
	struct session *session;
};

extern const struct engine_role client_role;

#endif
