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
 * One lane as its session sees it: the connection, its TUN queue, and whether its peer is alive. A
 * queue is attached to its interface (TUNSETQUEUE) exactly while its lane carries. The kernel gives
 * packets to attached queues only, and drops those that wait in a detached one. The main thread
 * attaches and detaches, so a queue that changes hands always has exactly one owner. For session*.c
 * only. Main thread only.
 *
 *   OPENING    the lane that opens a connection, with hello and welcome
 *   JOINING    client: join is sent and joined awaited
 *   CARRYING   packets pass
 *   LEAVING    its end is ordered, and the session goes on without it
 *
 * When the session itself closes, its lanes end from the stage they are in.
 */

struct session;

enum { SESSION_LANE_STEADY_MS = 1000 }; /* a lane that lived shorter is not replaced at once */

enum session_lane_stage {
	SESSION_LANE_OPENING,
	SESSION_LANE_JOINING,
	SESSION_LANE_CARRYING,
	SESSION_LANE_LEAVING,
};

struct session_lane;

/* What a lane reports to its session. In stage LEAVING it only reports its end. */
struct session_lane_events {
	/* A control message arrived: this is its payload. */
	void (*control)(struct session_lane *sl, const uint8_t *data, size_t len);
	/*
	 * The peer broke the protocol. The goodbye has this code and text, and nothing more is
	 * read.
	 */
	void (*fault)(struct session_lane *sl, uint16_t code, const char *text);
	/* It carries, and what it has sent is not acknowledged. Repeated while that lasts. */
	void (*doubted)(struct session_lane *sl);
	/* Nothing was heard for this long; liveness has stopped. */
	void (*dead)(struct session_lane *sl, struct duration silence);
	/* It has ended and uses no queue any more: the session calls session_lane_free(). */
	void (*ended)(struct session_lane *sl, enum lane_end end, const char *text);
};

struct session_lane {
	TAILQ_ENTRY(session_lane) link;
	struct session *session;
	const struct session_lane_events *events;
	struct lane *lane;
	struct lane_owner owner;
	struct endpoint outer; /* the other end of its connection */
	/* The certificates of its peer, shared with other lanes that came with the same; counted. */
	struct tls_peer_chain *chain;
	struct liveness liveness;
	enum session_lane_stage stage;
	/* Its number among all lanes of the session, from 1: for display. */
	unsigned number;
	int queue; /* its queue of the interface; -1: none */
	/* Its congestion control, once it carries; "": not known yet. */
	struct lane_congestion congestion;
	struct mono congestion_since;
	unsigned congestion_changes;
	/* Its worker may use a queue, even after the queue was returned. */
	bool uses_interface;
	/* Why session_lane_fail() ordered its end: negative errno; 0: it did not. */
	int failure;
	struct mono since;
	/* The wall clock when it was made, and wall_since_boot() then: session_expiry.c. */
	int64_t since_wall, since_boot;
};

TAILQ_HEAD(session_lanes, session_lane);

/*
 * Takes the lane for the session, which gets its reports from now on. -ENOMEM: the caller keeps the
 * lane.
 */
int session_lane_new(struct session *session, const struct session_lane_events *events,
	struct lane *lane, const struct endpoint *outer, enum session_lane_stage stage,
	struct session_lane **ret_session_lane);

/*
 * Takes a queue: packets from the peer pass, but none to it yet. -ENOBUFS: all queues are taken;
 * -ENOMEM.
 */
int session_lane_hold(struct session_lane *sl);
/*
 * Attaches the queue: packets to the peer pass, and liveness starts. -ENOMEM, or negative errno of
 * TUNSETQUEUE.
 */
int session_lane_carry(struct session_lane *sl);

/* Orders the end of the lane, and the session goes on without it. Its queue is free at once. Idempotent. */
void session_lane_leave(struct session_lane *sl);
/* Frees a lane that has ended. The session keeps its counters. */
void session_lane_free(struct session_lane *sl);

/*
 * Both ends would go on with a different state if this lane went on. Logs "cannot WHAT: ERROR" and orders the end of the
 * lane, once. ended() reports it later as LANE_END_INTERNAL, so the session finds its lanes unchanged when this returns.
 * Then the peer connects again, or another lane takes the control role, and both ends repeat everything.
 */
void session_lane_fail(struct session_lane *sl, const char *what, int error);

/*
 * Sends the message on this lane. A message that cannot be sent ends the lane by session_lane_fail(), and nothing more is
 * sent on it.
 */
void session_lane_send(struct session_lane *sl, const struct message *message);

/* The path of the lane may be broken: it has to show soon that its peer is alive. */
void session_lane_probe(struct session_lane *sl);

/* The same, but the peer has until `dead_after` to answer. */
void session_lane_ask(struct session_lane *sl);

/* The number of the session's lanes that are not LEAVING. */
unsigned session_lane_count(const struct session *session);
/* True: it carries, and is at least SESSION_LANE_STEADY_MS old. */
bool session_lane_is_steady(const struct session_lane *sl);
/* True: no other lane carries. */
bool session_lane_is_last(const struct session_lane *sl);
/* The oldest lane that carries, or NULL. */
struct session_lane *session_lane_carrying(const struct session *session);

#endif
