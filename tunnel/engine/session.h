/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_H
#define CULVERT_ENGINE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/rate.h"
#include "base/settings.h"
#include "engine/announcer.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/liveness.h"
#include "engine/routes.h"
#include "wire/message.h"

/*
 * A session: an authenticated identity that is connected, with its interface, addresses and routes.
 * It is not its connection: the lane comes and goes. Its life is a table of state × event
 * (session_state.c), the one writer of `state`. Main thread.
 *
 *   state      leads to
 *   IDLE       GREETING (client: a secured connection), OPENING (server: hello accepted), REMOVING (leave)
 *   GREETING   OPENING (client: welcome), CLOSING (leave, goodbye)
 *   OPENING    UP (netd has made the interface), CLOSING (it could not; leave, goodbye)
 *   UP         CLOSING (goodbye said or heard: dead peer, fault, stop, replaced)
 *   CLOSING    IDLE (the lane has ended: the client dials again, the server lingers) or REMOVING (for good)
 *   REMOVING   ENDED (the interface is gone; the session is freed)
 *
 * A lane that breaks leads from any state with a lane to where CLOSING leads. From CLOSING on,
 * leave changes nothing.
 */

enum session_state {
	SESSION_IDLE,     /* no connection; the client keeps its interface */
	SESSION_GREETING, /* client: hello is sent, welcome awaited */
	SESSION_OPENING,  /* terms are known, netd makes the interface */
	SESSION_UP,       /* packets pass */
	SESSION_CLOSING,  /* goodbye said or heard; the lane ends */
	SESSION_REMOVING, /* netd removes the interface */
	SESSION_ENDED,
	SESSION_STATE_COUNT
};

struct session_terms { /* what hello and welcome have agreed on, seen from this end */
	uint64_t session_id;
	uint32_t mtu;
	uint32_t offloads_send;   /* the peer accepts them and we use them */
	uint32_t offloads_accept; /* we have told the peer that we accept them */
	struct addr local4, remote4, local6, remote6; /* in pairs, or AF_UNSPEC */
	struct duration ping_interval, dead_after;
};

struct session_interface {
	int fd; /* TUN descriptor; -1: none */
	uint32_t index;
	char name[REQUEST_IFNAME_MAX + 1];
};

struct session_leave { /* why the session is closing, as said or heard in goodbye */
	uint16_t code; /* enum goodbye_code; 0: none */
	bool heard;    /* the peer said it */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1];
};

struct session {
	TAILQ_ENTRY(session) link;
	struct engine *engine;
	struct identity name;             /* of the peer */
	const struct settings_peer *peer; /* NULL: unlisted */
	uint8_t instance
		/* of the client's run: the peer's on a server, our own on a client */
		[MESSAGE_INSTANCE_SIZE];
	/*
	 * Server: the instance that this one has replaced. Should its goodbye have been lost, it
	 * comes back and must not replace us in turn.
	 */
	uint8_t replaced[MESSAGE_INSTANCE_SIZE];
	bool has_replaced;
	enum session_state state;
	bool final;        /* ends when its lane does */
	bool adopted;      /* from the engine before: whichever instance comes is the right one */
	unsigned draining; /* lanes that have been replaced and still have to end */
	struct loop_timer linger; /* server: while it is IDLE */

	struct lane *lane;
	struct lane_owner lane_owner;
	struct lane_peer lane_peer; /* of the newest connection */
	struct endpoint outer;      /* the peer's end of the newest connection */
	struct addr outer_addr;     /* for the route rule */
	struct session_terms terms;
	struct session_interface interface;
	struct host_call interface_call;
	bool interface_broken;   /* somebody removed it under us */
	bool interface_stale;    /* the pending request is on terms that are not the present ones */
	struct message *welcome; /* server: goes out when the interface is there; NULL: has gone */
	struct prefix tunnel_prefixes[4]; /* for the route rule: pools, or the tunnel's addresses */
	struct routes routes;
	struct announcer announcer;
	struct reach *reach;
	struct liveness liveness;
	struct session_leave leave;      /* of the connection that is */
	struct session_leave last_leave; /* of the one before */
	struct loop_timer reap;
	struct rate log_rate; /* of lines that the peer can cause at will */

	struct mono created, up_since; /* up_since counts in UP only */
	struct mono entered;           /* when the present state began */
	uint64_t connections;          /* lanes that came up, in all */
	struct lane_counters past;     /* sums of lanes that are gone; main thread's own */
};

/* In the engine's registry, IDLE. -ENOMEM. */
int session_new(struct engine *engine, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session);

/*
 * Client: a secured lane to the server, which is now the session's; hello goes out. Frees nothing
 * on failure: the session closes by itself.
 */
void session_greet(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer);
/*
 * Server: a lane whose hello was accepted on these terms. The welcome goes out, through
 * send_welcome, when the interface is there.
 */
void session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *terms,
	const struct message_welcome *welcome);

/*
 * Addresses, routes or what we announce have changed: gives the lane a new snapshot of what may
 * pass.
 */
void session_update_reach(struct session *session);

/* What we announce has changed: the lane and the peer hear of it. */
void session_announced_changed(struct session *session);

/*
 * Server: the client comes by a new connection. Whatever lane the session has is let go, unheard
 * and without a goodbye, and the session becomes IDLE, for session_open().
 */
void session_let_go(struct session *session);

/* Leaves: says goodbye and closes. `final`: the session ends rather than becoming idle. */
void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final);

/*
 * A session of the engine before, from what netd kept of it: IDLE, with interface, addresses and,
 * by routes_adopt(), routes. The descriptor is the session's on success. -EINVAL: none came, or the
 * peer is not configured any more; -ENOMEM.
 */
int session_adopt(struct engine *engine, const struct request_reply *reply, int fd,
	struct session **ret_session);

static inline bool session_is_server(const struct session *session)
{
	return session->engine->role->tls_role == TLS_SERVER;
}

const char *session_state_text(enum session_state state);

/* Sums over the lanes it has and had, counter by counter; the peer's last sign of life. */
void session_count(const struct session *session, struct lane_counters *ret_sums);

#endif
