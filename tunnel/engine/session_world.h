/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_WORLD_H
#define CULVERT_ENGINE_SESSION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/identity.h"
#include "base/prefix_list.h"
#include "lane/reach.h"
#include "wire/message.h"

/*
 * What a session borrows for its life, and the events that it reports. The engine owns all of it, keeps it up to
 * date, and outlives its sessions. A session reads it only. Main thread.
 */

struct descriptors;
struct loop;
struct netd_link;
struct session;
struct settings;

/* None may be NULL. No event frees the session. */
struct session_events {
	/*
	 * The session has no connection any more and keeps its place. Its client does not dial again
	 * for `retry_after_ms`.
	 */
	void (*idle)(struct session *session, uint32_t retry_after_ms);
	/*
	 * Client: the session is up and may have another lane: it is new, or has lost one. Not at
	 * once: one failed, or did not live for long.
	 */
	void (*lane_wanted)(struct session *session, bool at_once);
	/* Its peer offers these prefixes. Sessions without a connection give way. */
	void (*offered)(struct session *session, const struct message_prefixes *prefixes);
	/* Its addresses, routes or carrier have changed, or it is about to go. */
	void (*changed)(struct session *session);
	/*
	 * Asked: what its peer is told; the sources, other than the tunnel's own addresses, of packets
	 * that may go to its peer; sorted. -ENOMEM; the session frees the list either way.
	 */
	int (*gather_offer)(const struct session *session, struct prefix_list *list);
	int (*gather_sources)(const struct session *session, struct prefix_list *list);
	/* Asked: what a wide prefix does not cover, or NULL. The session takes a reference. */
	struct reach_bar *(*barred)(const struct session *session);
	/* It has ended for good and is freed right after. */
	void (*ended)(struct session *session);
};

struct session_world {
	struct loop *loop;
	struct netd_link *netd;
	const struct settings *settings;
	const struct identity *identity;       /* of this end */
	const struct prefix_list *announced;   /* by this end to every peer, now; sorted */
	const struct descriptors *descriptors; /* the reserve that no interface may use up */
	const struct session_events *events;
	bool held;     /* client: netd was asked for an interface by the engine before */
	bool ready;    /* everything of the engine before has been adopted */
	bool stopping; /* the program ends, and netd removes all interfaces at once */
};

#endif
