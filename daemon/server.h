/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_SERVER_H
#define CULVERT_DAEMON_SERVER_H

#include <sys/queue.h>

#include "base/rate.h"
#include "config/settings.h"
#include "daemon/held_messages.h"
#include "daemon/networks.h"
#include "engine/engine.h"
#include "lane/lane.h"
#include "engine/session.h"
#include "wire/message.h"

/*
 * The server's side of the engine: listeners take connections, admission judges them, an offer
 * turns a hello into a session. Everything on the engine's main thread.
 */

struct server;
struct pool;

struct listener {
	struct server *server;
	struct loop_watch watch; /* fd -1: not taken into the loop yet */
	int fd;
};

/* A connection that is not a session yet. */
struct candidate {
	TAILQ_ENTRY(candidate) link;
	struct server *server;
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

struct visitor; /* a connection without a whole ClientHello */
TAILQ_HEAD(visitor_list, visitor);

struct server {
	struct engine engine;
	struct listener listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	struct loop_timer accept_again; /* after running out of descriptors */
	struct visitor_list visitors;   /* oldest first */
	unsigned visitor_count;
	struct networks visitor_networks;
	struct candidate_list candidates;                  /* oldest first */
	unsigned candidate_count, judged_count, cut_count; /* each is part of the one before */
	struct networks candidate_networks;
	struct rate refusals_logged;
	uint64_t refusals_held_back; /* since the last that was logged */
	struct pool *pool;
	struct loop_timer save_leases;
};

extern const struct engine_role server_role;

/*
 * server.c: the log line of a connection that is turned away. A stranger can bring many: past a
 * burst they are only counted, and the next line says how many. `name` may be empty.
 */
void server_log_refusal(
	struct server *server, const struct endpoint *outer, const char *name, const char *cause);

/* listener.c */
void listener_add(struct server *server, int fd);
int listener_start(struct server *server,
	struct problem *problem);          /* all of them; negative errno of epoll_ctl */
void listener_stop(struct server *server); /* all of them; also closes */

/*
 * doorstep.c: takes the accepted socket. It goes on to admission when a whole ClientHello is there.
 * There are max_handshakes places; when they are full, the oldest connection of the fullest network
 * (IPv4 /32; IPv6 /48, in it /56, in it /64) gives way. So silence shuts nobody else out.
 */
void doorstep_take(struct server *server, int fd, const struct endpoint *outer);
void doorstep_stop(struct server *server); /* closes all */

/*
 * room.c: makes room for one more handshake from this host. NULL: there is room; else why there is
 * none. max_handshakes connections may be on their way from ClientHello to session; those that are
 * refused and end do not count. When the places are taken, the oldest of the fullest network that
 * has not said hello gives way. One host gets a quarter of the places; then a connection of its own
 * gives way, once it has stalled.
 */
const char *room_make(struct server *server, const struct addr *outer);

/* admission.c */
/* Refused, and logged with this cause: from now on only its end is awaited. Once. */
void admission_judge(struct candidate *candidate, const char *cause);
/* Takes the accepted socket, which holds a whole ClientHello. `deadline` is that of the welcome. */
void admission_take(
	struct server *server, int fd, const struct endpoint *outer, struct mono deadline);
/* An old session has ended: who waited for that goes on. */
void admission_session_ended(struct server *server, const struct identity *name);
void admission_stop(struct server *server);

/*
 * offer.c: the pool and its leases from the state directory. -ENOMEM; a broken lease file is only
 * logged.
 */
int offer_init(struct server *server, struct problem *problem);
void offer_save(struct server *server);
void offer_free(struct server *server); /* saves, too */
/*
 * What the server answers to a hello. Negative errno: *ret_code and the problem say what to tell
 * the client.
 */
int offer_make(struct server *server, const struct candidate *candidate,
	struct session_terms *ret_terms, struct message_welcome *ret_welcome, uint16_t *ret_code,
	struct problem *problem);
/*
 * An adopted session keeps the addresses that its interface has. Negative errno, of pool_claim(): they
 * are not its own any more, and the session must end.
 */
int offer_keep(struct server *server, const struct session *session, struct problem *problem);
/* The session is over: its addresses are free for others when nothing else is left. */
void offer_return(struct server *server, const struct identity *name);

#endif
