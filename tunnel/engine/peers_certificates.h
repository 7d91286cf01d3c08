/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_PEERS_CERTIFICATES_H
#define CULVERT_ENGINE_PEERS_CERTIFICATES_H

#include "engine/peers.h"
#include "system/tls.h"

/*
 * Judges the certificates of peers that are or were connected, after CAs or revocation lists have
 * changed. A session whose peer is not accepted any more ends with GOODBYE_REVOKED. Main thread
 * only.
 */

/*
 * Judges all sessions by this context, from now on: in pieces of PEERS_JUDGE_MS, between which the
 * loop goes on. A thousand take a second, so those that a quick look suspects come first. Takes a reference to the context. Call it once the engine uses the context, and
 * once at the start.
 */
void peers_judge_certificates(struct peers *peers, struct tls_context *context);

/*
 * The session has got a lane. Its handshake may have begun before the last change: then it is
 * judged a moment later.
 */
void peers_judge_late(struct peers *peers, const struct session *session);

#endif
