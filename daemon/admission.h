/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_ADMISSION_H
#define CULVERT_DAEMON_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/descriptors.h"
#include "config/settings.h"
#include "daemon/held_messages.h"
#include "daemon/networks.h"
#include "daemon/offer.h"
#include "engine/peers.h"
#include "lane/lane.h"
#include "wire/message.h"

/*
 * Turns an accepted connection into a session: TLS handshake (on the lane's worker), identity, the
 * peers entry, hello. One deadline, which the lane keeps, limits all of it. A connection that is
 * refused before TLS has verified it gets only an alert; after that it gets a goodbye with the
 * reason. Main thread only.
 */

struct admission;

struct admission_events {
	/*
	 * Makes a lane over the accepted socket, which the lane then owns. Errors: those of
	 * lane_new().
	 */
	int (*lane)(struct admission *admission, int fd, struct mono deadline,
		struct lane_owner *owner, struct lane **ret_lane);
	/*
	 * Makes a session of that identity, registered with the peers. Errors: those of
	 * session_new().
	 */
	int (*session)(struct admission *admission, const struct identity *name,
		const struct settings_peer *peer, struct session **ret_session);
	/* For the log: a connection is refused. `name` may be empty. */
	void (*refused)(struct admission *admission, const struct endpoint *outer, const char *name,
		const char *cause);
	/* A connection that led to no session has ended. */
	void (*ended)(struct admission *admission);
};

/* A connection that has no session yet. */
struct candidate {
	TAILQ_ENTRY(candidate) link;
	struct admission *admission;
	struct lane *lane;
	struct lane_owner lane_owner;
	struct lane_peer lane_peer;
	struct endpoint outer;
	const struct settings_peer *peer; /* NULL: unlisted */
	struct message_hello hello;
	bool seen;    /* admission_turn_away() has left it time for its hello */
	bool waiting; /* its hello waits until the old session of the same identity has ended */
	struct held_messages held; /* while waiting: messages for the new session */
	/* The instance of that session, if it is another instance. */
	uint8_t replaced[MESSAGE_INSTANCE_SIZE];
	bool has_replaced;
	uint64_t replaced_copy; /* as in struct session */
	struct mono since;      /* when its ClientHello was complete */
	struct network network; /* counted until the candidate is judged */
	bool judged;            /* it was refused and logged: only its end is awaited */
	/* It was also cut: its end comes at once. */
	bool cut;
};

TAILQ_HEAD(candidate_list, candidate);

struct admission {
	const struct admission_events *events;
	const struct settings *settings;                   /* borrowed */
	const struct descriptors *descriptors;             /* borrowed */
	struct peers *peers;                               /* borrowed */
	struct offer *offer;                               /* borrowed */
	struct candidate_list candidates;                  /* the oldest first */
	unsigned candidate_count, judged_count, cut_count; /* each count includes the next */
	struct networks networks;
	/* Not NULL: the server is being drained, and this is what a newcomer hears. */
	const char *draining;
};

/*
 * Begins without candidates. The caller has set the borrowed members. `seed`: see networks_init().
 */
void admission_init(
	struct admission *admission, const struct admission_events *events, uint64_t seed);
/*
 * Takes an accepted socket with a complete ClientHello. `deadline` is the deadline for the welcome.
 */
void admission_take(
	struct admission *admission, int fd, const struct endpoint *outer, struct mono deadline);
/*
 * Marks a candidate as refused and logs the cause. Only its end is awaited then. Does nothing when
 * it was judged before.
 */
void admission_judge(struct candidate *candidate, const char *cause);
/* An old session has ended: admits the candidate that waited for that. */
void admission_session_ended(struct admission *admission, const struct identity *name);
/* The settings have changed: looks up the entries again, and refuses candidates without one. */
void admission_follow(struct admission *admission);
/*
 * The server is being drained: refuses each candidate that was secured before the last call, has
 * said no hello, and has no session to join. So a client that only probes learns of it.
 */
void admission_turn_away(struct admission *admission, const char *text);
/* The server stops: refuses all candidates. */
void admission_stop(struct admission *admission);

/*
 * room.c: makes room for one more handshake from this host. NULL: there is room; otherwise the
 * cause. max_handshakes connections may be between ClientHello and session; refused ones that end
 * do not count. When all slots are taken, a candidate without a hello gives way: the oldest of the
 * fullest network. One host gets a quarter of the slots. Beyond that a stalled connection of the
 * same host gives way.
 */
const char *room_make(struct admission *admission, const struct addr *outer);

#endif
