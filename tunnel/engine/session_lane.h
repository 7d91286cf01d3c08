/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_LANE_H
#define CULVERT_ENGINE_SESSION_LANE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/clock.h"
#include "lane/lane.h"
#include "engine/liveness.h"
#include "wire/message.h"

/*
 * One lane as its session sees it: the connection, the TUN queue that it has, and whether its peer
 * is alive. A queue is attached to its interface (TUNSETQUEUE) exactly while its lane carries: the
 * kernel gives packets to attached queues only, and drops what waits in one that is detached. Since
 * the main thread does both, a queue that changes hands is never without one or with two owners.
 * Used by session*.c alone. Main thread.
 *
 *   OPENING    hello and welcome: the lane that opens a connection
 *   JOINING    client: join is said and joined awaited
 *   CARRYING   packets pass
 *   LEAVING    its end is ordered, and the session goes on without it
 *
 * When the session itself closes, its lanes end from the stage they are in.
 */

struct session;

enum { SESSION_LANE_STEADY_MS = 1000 }; /* who lives for less is not replaced at once */

enum session_lane_stage {
	SESSION_LANE_OPENING,
	SESSION_LANE_JOINING,
	SESSION_LANE_CARRYING,
	SESSION_LANE_LEAVING,
};

struct session_lane;

/* What the session hears of its lane. While the lane is LEAVING it hears of its end alone. */
struct session_lane_events {
	/* A control message arrived: its payload. */
	void (*control)(struct session_lane *sl, const uint8_t *data, size_t len);
	/* The peer broke the protocol; the goodbye has this code and text. Nothing more is read. */
	void (*fault)(struct session_lane *sl, uint16_t code, const char *text);
	/* Nothing was heard for so long, and the watch has stopped. */
	void (*dead)(struct session_lane *sl, struct duration silence);
	/* It uses no queue any more: session_lane_free() is due. */
	void (*ended)(struct session_lane *sl, enum lane_end end, const char *text);
};

struct session_lane {
	TAILQ_ENTRY(session_lane) link;
	struct session *session;
	const struct session_lane_events *events;
	struct lane *lane;
	struct lane_owner owner;
	struct endpoint outer; /* the other end of its connection */
	struct liveness liveness;
	enum session_lane_stage stage;
	unsigned number;     /* of the session's lanes since it was made, from 1: for people */
	int queue;           /* which of the interface's; -1: none */
	bool uses_interface; /* its worker may use a queue, also after it has given that back */
	struct mono since;
};

TAILQ_HEAD(session_lanes, session_lane);

/*
 * The lane becomes the session's, which hears from now on what it reports. -ENOMEM: it stays the
 * caller's.
 */
int session_lane_new(struct session *session, const struct session_lane_events *events,
	struct lane *lane, const struct endpoint *outer, enum session_lane_stage stage,
	struct session_lane **ret_session_lane);

/*
 * Takes a queue and lets packets in, but none out yet. -ENOBUFS: all queues are taken; -ENOMEM.
 */
int session_lane_hold(struct session_lane *sl);
/*
 * Attaches the queue: packets go out, and the peer's life is watched. -ENOMEM, or what the kernel
 * says of the queue.
 */
int session_lane_carry(struct session_lane *sl);

/* Its end is ordered and the session goes on without it. Its queue is free at once. */
void session_lane_leave(struct session_lane *sl);
/* It has ended: gone from the session, counters kept. */
void session_lane_free(struct session_lane *sl);

/* The message goes out on this lane. Failures are logged. */
void session_lane_send(struct session_lane *sl, const struct message *message);

/* Something says that its path may be gone: it has to show life soon. */
void session_lane_probe(struct session_lane *sl);

/* How many of the session's lanes are not leaving. */
unsigned session_lane_count(const struct session *session);
/* It carries, and has lived for a while. */
bool session_lane_is_steady(const struct session_lane *sl);
/* No other carries. */
bool session_lane_is_last(const struct session_lane *sl);
/* One that carries, the longest-lived, or NULL. */
struct session_lane *session_lane_carrying(const struct session *session);

#endif
