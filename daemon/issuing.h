/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_ISSUING_H
#define CULVERT_DAEMON_ISSUING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/rate.h"
#include "system/loop.h"
#include "system/tls.h"
#include "wire/message.h"
#include "wire/pieces.h"

/*
 * The engine's part in renewals: it carries a client's request to the issuing process and the
 * answer back, and gives clients that ask for it this end's bundle of authorities and revocation
 * lists. It judges neither. A peer can make it keep one request, of MESSAGE_SIGN_MAX bytes at most,
 * and has a limit of requests. Main thread only.
 */

enum {
	ISSUING_SECONDS = 20, /* how long the issuing process may take */
	ISSUING_PAUSE_S = 5,  /* a peer's requests, for a certificate and for the bundle each */
#ifdef CULVERT_TEST_CLOCK
	ISSUING_BURST = 1000, /* years pass in minutes */
#else
	ISSUING_BURST = 4,
#endif
};

struct session;

/* Of a session whose peer renews; in session->renewal. */
struct issuing_peer {
	TAILQ_ENTRY(issuing_peer) link;
	struct session *session;
	struct pieces pieces;
	uint32_t number; /* the peer's, of the request that is under way; 0: none */
	uint32_t ours;   /* ours of the same */
	struct loop_timer patience;
	struct rate requests, bundles;
	bool wants_bundle; /* it is told when the bundle changes */
	struct issuing *issuing;
};

struct issuing {
	struct loop *loop;
	int fd; /* borrowed, the channel to the issuing process; -1: nothing is issued */
	struct loop_watch watch;
	uint32_t last; /* of our numbers */
	TAILQ_HEAD(, issuing_peer) peers;
	char *bundle; /* PEM; NULL: none that could be sent */
	size_t bundle_len;
	uint8_t hash[MESSAGE_HASH_SIZE];
};

/* Begins to listen to the issuing process, if there is one. Negative errno of epoll_ctl(2). */
int issuing_init(struct issuing *issuing, struct loop *loop, int fd, const struct tls_context *tls);
void issuing_free(struct issuing *issuing);

/* The TLS context was replaced: clients get its authorities and lists. */
void issuing_trust_changed(struct issuing *issuing, const struct tls_context *tls);

/* A peer has sent sign or trust. */
void issuing_take(struct issuing *issuing, struct session *session, const struct message *message);

/* The session is about to be freed. */
void issuing_forget(struct session *session);

#endif
