/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_ADMISSION_H
#define CULVERT_DAEMON_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/settings.h"
#include "daemon/held_messages.h"
#include "daemon/networks.h"
#include "daemon/offer.h"
#include "engine/descriptors.h"
#include "engine/peers.h"
#include "lane/lane.h"
#include "wire/message.h"

/*
 * From an accepted connection to a session: TLS handshake (on the lane's worker), identity, the
 * peers entry, hello. All of it within one deadline, kept by the lane. A connection that is refused
 * before TLS has verified it gets an alert and nothing else; afterwards a goodbye with the reason.
 * Main thread.
 */

struct admission;

struct admission_events {
	/* A lane over the accepted socket, which becomes the lane's. Errors: lane_new(). */
	int (*lane)(struct admission *admission, int fd, struct mono deadline,
		struct lane_owner *owner, struct lane **ret_lane);
	/* A session of that identity, registered with the peers. Errors: session_new(). */
	int (*session)(struct admission *admission, const struct identity *name,
		const struct settings_peer *peer, struct session **ret_session);
	/* A connection is turned away, for the log; `name` may be empty. */
	void (*refused)(struct admission *admission, const struct endpoint *outer, const char *name,
		const char *cause);
	/* A connection that led to no session has ended. */
	void (*ended)(struct admission *admission);
};

/* A connection that is not a session yet. */
struct candidate {
	TAILQ_ENTRY(candidate) link;
	struct admission *admission;
	struct lane *lane;
	struct lane_owner lane_owner;
	struct lane_peer lane_peer;
	struct endpoint outer;
	const struct settings_peer *peer; /* NULL: unlisted */
	struct message_hello hello;
	bool waiting;              /* for the old session of the same identity to end */
	struct held_messages held; /* while waiting: for the session */
	uint8_t replaced
		[MESSAGE_INSTANCE_SIZE]; /* the instance of that session, when it is another */
	bool has_replaced;
	struct mono since;      /* when its ClientHello was whole */
	struct network network; /* counted until it is judged */
	bool judged;            /* refused and logged: only its end is awaited */
	bool cut;               /* and that comes at once */
};

TAILQ_HEAD(candidate_list, candidate);

struct admission {
	const struct admission_events *events;
	const struct settings *settings;                   /* lent */
	const struct descriptors *descriptors;             /* lent */
	struct peers *peers;                               /* lent */
	struct offer *offer;                               /* lent */
	struct candidate_list candidates;                  /* oldest first */
	unsigned candidate_count, judged_count, cut_count; /* each is part of the one before */
	struct networks networks;
};

/* No candidate yet; the caller has filled in the borrowed members. `seed`: of networks_init(). */
void admission_init(
	struct admission *admission, const struct admission_events *events, uint64_t seed);
/* Takes the accepted socket, which holds a whole ClientHello. `deadline` is that of the welcome. */
void admission_take(
	struct admission *admission, int fd, const struct endpoint *outer, struct mono deadline);
/* Refused, and logged with this cause: from now on only its end is awaited. Once. */
void admission_judge(struct candidate *candidate, const char *cause);
/* An old session has ended: the candidate that waited for that goes on. */
void admission_session_ended(struct admission *admission, const struct identity *name);
/* The server is shutting down: all are refused. */
void admission_stop(struct admission *admission);

/*
 * room.c: makes room for one more handshake from this host. NULL: there is room; else why there is
 * none. max_handshakes connections may be on their way from ClientHello to session; those that are
 * refused and end do not count. When the places are taken, the oldest of the fullest network that
 * has not said hello gives way. One host gets a quarter of the places; then a connection of its own
 * gives way, once it has stalled.
 */
const char *room_make(struct admission *admission, const struct addr *outer);

#endif
