/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CLIENT_H
#define CULVERT_CLIENT_CLIENT_H

#include "client/client_renewal.h"
#include "client/dialer.h"
#include "client/preferred.h"
#include "engine/engine.h"

/*
 * The client's part of the engine: one session with the profile's server, and two dialers. One
 * dialer gets the session its connection, the other any further lanes. client/preferred finds when
 * a better remote is back. The session, and with it the
 * interface, outlives its connections. Engine's main thread.
 */

struct client {
	struct engine engine;
	struct dialer dialer;
	struct dialer joiner; /* for the session's further lanes */
	struct preferred preferred;
	/* The dialer connects again, beside a connection that is silent. */
	bool beside;
	/* It connects with its renewed certificate, beside the connection that began with the old. */
	bool renewed;
	/* The session leaves its connection for one that is there already. */
	bool switching;
	/* The settings or their files have changed since the session came up. */
	bool changed;
	struct session *session;
	struct client_renewal renewal;
	uint64_t failures;  /* attempts that failed since the session was last up */
	struct mono failed; /* when the newest one did */
};

extern const struct engine_role client_role;

#endif
