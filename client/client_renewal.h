/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CLIENT_RENEWAL_H
#define CULVERT_CLIENT_CLIENT_RENEWAL_H

#include "client/renewal.h"

struct engine;
struct session;

/*
 * What a renewal does in the client's engine: it keeps what comes in the state directory, and makes
 * the TLS context from the profile's credentials and from that. The engine writes there itself, so
 * nothing that came from the network passes through netd. A file is verified again each time it is
 * read: an engine that was subverted once leaves nothing behind that would be trusted. Main thread
 * only.
 */

struct client_renewal {
	struct renewal renewal;
	struct engine *engine;
	struct session **session; /* the client's; *session NULL: none */
	struct tls_context *base; /* from the profile alone; counted */
	/* The session's connection has the certificate of before, which ends sooner. */
	void (*renewed)(struct client_renewal *renewal);
};

/*
 * Takes the engine's TLS context as the profile's, and replaces it by one with what was renewed.
 * Does nothing without `renew`. Logs what it takes, and why it takes something not.
 */
void client_renewal_start(struct client_renewal *renewal, struct engine *engine,
	struct session **session, void (*renewed)(struct client_renewal *renewal));
/* The engine has another TLS context, from the profile. */
void client_renewal_rebase(struct client_renewal *renewal);
void client_renewal_free(struct client_renewal *renewal);

#endif
