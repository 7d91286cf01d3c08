/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_WORLD_H
#define CULVERT_ENGINE_SESSION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/identity.h"
#include "base/prefix_list.h"
#include "lane/filter.h"
#include "wire/message.h"

/*
 * What a session borrows for its life, and the events that it reports. The engine owns all of it,
 * updates it, and outlives its sessions. A session only reads it. Main thread only.
 */

struct descriptors;
struct loop;
struct netd_link;
struct session;
struct settings;

/* No member may be NULL unless it says so. No event frees the session. */
struct session_events {
	/*
	 * The session has lost its connection and stays. A client does not dial again for
	 * `retry_after_ms`.
	 */
	void (*idle)(struct session *session, uint32_t retry_after_ms);
	/*
	 * Client: the session is up and may have another lane: it is new, or has lost a lane.
	 * `at_once` is false after a lane that failed or was short-lived.
	 */
	void (*lane_wanted)(struct session *session, bool at_once);
	/*
	 * It has got a lane. CAs or revocation lists may have changed since the lane's handshake
	 * began.
	 */
	void (*lane_added)(struct session *session);
	/* The session is up: packets pass. */
	void (*up)(struct session *session);
	/*
	 * Data has not been acknowledged for 2 s on a lane of a session that is up. True: the role
	 * connects again, beside it (session_is_silent()), so the old connection gets all the time
	 * that `dead_after` leaves it.
	 */
	bool (*doubted)(struct session *session);
	/* Its peer gets routes to these prefixes. Sessions without a connection give way. */
	void (*offered)(struct session *session, const struct prefix *prefixes, size_t count);
	/* Its addresses, routes or carrier have changed, or it is about to end. */
	void (*changed)(struct session *session);
	/*
	 * The session asks for the prefixes to announce to its peer, and for the sources of packets
	 * to its peer without the tunnel's own addresses. Both are sorted. -ENOMEM; the session
	 * frees the list also on failure.
	 */
	int (*gather_offer)(const struct session *session, struct prefix_list *list);
	int (*gather_sources)(const struct session *session, struct prefix_list *list);
	/*
	 * The session asks which addresses a wide prefix does not cover; NULL: none. It takes a
	 * reference. -ENOMEM: they cannot be gathered, so the session must carry nothing.
	 */
	int (*exclusions)(const struct session *session, struct filter_exclusions **ret_exclusions);
	/* Its peer has sent sign, issued or trust. May be NULL. */
	void (*renewal)(struct session *session, const struct message *message);
	/* It has ended for good. It is freed right after this call. */
	void (*ended)(struct session *session);
};

struct session_world {
	struct loop *loop;
	struct netd_link *netd;
	const struct settings *settings;
	const struct identity *identity;     /* of this end */
	const struct prefix_list *announced; /* this end's announcements to every peer: sorted */
	/* The reserve of descriptors, which no interface may use. */
	const struct descriptors *descriptors;
	const struct session_events *events;
	/* Client: the engine before had asked netd for an interface. */
	bool held;
	bool ready; /* adoption is complete */
	/* The program ends, and netd then removes all interfaces at once. */
	bool stopping;
};

#endif
