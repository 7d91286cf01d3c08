/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_PREFERRED_H
#define CULVERT_CLIENT_PREFERRED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "client/attempt.h"
#include "client/resolver.h"
#include "config/settings.h"

/*
 * The way back to a remote of a better priority. While the client is connected to a worse one, it
 * probes the better ones, best first: connect, TLS with both certificates, a short wait in which a
 * server that is being drained says goodbye, and a goodbye of its own. A probe sends no hello, so
 * the server makes no session, and the running session is not touched. When one remote has answered
 * every probe for `return_after`, the last probe's connection is handed to the client, which moves
 * its session there. A probe that fails begins the count again. Engine's main thread.
 */

enum {
	PREFERRED_INTERVAL_MS = 10000, /* between two probes, at most; a third of return_after */
	PREFERRED_INTERVAL_LEAST_MS = 500, /* … and at least */
	PREFERRED_LISTEN_MS = 400, /* for a goodbye, besides twice the time of the handshake */
};

struct preferred;

struct preferred_events {
	/* Makes a lane over this connected socket, as in client/attempt. */
	int (*lane)(struct preferred *preferred, int fd, struct mono deadline,
		struct lane_owner *owner, struct lane **ret_lane);
	/* True: this server asked the client to stay away. */
	bool (*held)(struct preferred *preferred, size_t remote, const struct endpoint *outer);
	/* A server asks the client to stay away for so long. */
	void (*hold)(struct preferred *preferred, size_t remote, const struct endpoint *outer,
		struct duration wait);
	/*
	 * A better remote has answered for `return_after`. Returns 0 if the client takes the lane;
	 * else the count begins again.
	 */
	int (*steady)(struct preferred *preferred, struct lane *lane, const struct lane_peer *peer,
		size_t remote, const struct endpoint *outer);
	/* It was stopped, and its last probe has ended. */
	void (*ended)(struct preferred *preferred);
};

struct preferred {
	const struct preferred_events *events;
	struct loop *loop;               /* borrowed; NULL before preferred_init() */
	const struct settings *settings; /* borrowed */
	bool running;                    /* it looks for better remotes */
	unsigned below;                  /* better: a priority under this one */
	struct loop_timer timer;         /* of the next probe; while it listens, of that */
	struct attempt attempt;
	struct resolver resolver;
	bool resolver_made;
	bool asking;
	/* The probe that is under way: */
	unsigned priority; /* of `remote` */
	size_t remote;
	struct endpoint endpoints[RESOLVER_ADDRESSES_MAX];
	size_t endpoint_count, address;
	/* The remote that has answered every probe since then. */
	bool answers;
	size_t answering;
	struct mono since;
	struct mono next; /* when the next probe begins; 0: one is under way */
};

void preferred_init(struct preferred *preferred, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct preferred_events *events);
void preferred_free(struct preferred *preferred);
/*
 * The session is up at a remote of this priority. Probes the remotes that are better, if there are
 * any, from now on; the count begins.
 */
void preferred_watch(struct preferred *preferred, unsigned priority);
/* The session is not up, or ends: abandons a probe that is under way. */
void preferred_stop(struct preferred *preferred);
bool preferred_is_idle(const struct preferred *preferred);

#endif
