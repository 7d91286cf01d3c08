/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_H
#define CULVERT_ENGINE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/rate.h"
#include "config/settings.h"
#include "engine/announcer.h"
#include "lane/lane.h"
#include "engine/routes.h"
#include "engine/session_interface.h"
#include "engine/session_lane.h"
#include "engine/session_state.h"
#include "engine/session_world.h"
#include "wire/message.h"

/*
 * A session: an authenticated identity that is connected, with its interface, addresses and routes.
 * It is not its connection: lanes come and go. Its life is a table of state × event
 * (session_state.h); session.c is the one writer of `state`. Main thread.
 *
 * Its connection is lost when the last of its lanes is: that leads from any state with a lane to
 * where CLOSING leads. While others carry on, a lost lane changes no state; further lanes join a
 * session that is up.
 */

struct session_terms { /* what hello and welcome have agreed on, seen from this end */
	uint64_t session_id;
	uint32_t mtu;
	uint8_t lanes;            /* that it may have */
	uint32_t offloads_read;   /* what our interface leaves to do in packets to the peer */
	uint32_t offloads_send;   /* the peer accepts them and we use them */
	uint32_t offloads_accept; /* we have told the peer that we accept them */
	struct addr local4, remote4, local6, remote6; /* in pairs, or AF_UNSPEC */
	struct duration ping_interval, dead_after;
	uint32_t features; /* that the peer has named, enum feature; 0: an adopted session, 0.1.0 */
};

struct session_leave { /* why the session is closing, as said or heard in goodbye */
	uint16_t code; /* enum goodbye_code; 0: none */
	bool heard;    /* the peer said it */
	bool attempt; /* a client's: no connection came up; the text names the remote and the cause */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1];
};

struct session {
	TAILQ_ENTRY(session) link;
	const struct session_world *world;
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
	bool final;    /* ends when its lane does */
	bool welcomed; /* netd has been asked for an interface */
	bool adopted;  /* from the engine before: whichever instance comes is the right one */
	struct loop_timer linger; /* server: while it is IDLE */

	struct session_lanes lanes;
	struct session_lane
		*control;    /* the one of them with the control role; NULL: none just now */
	unsigned lanes_made; /* in all */
	uint8_t token[MESSAGE_TOKEN_SIZE]; /* what a further lane joins with */
	struct mono lane_lost;             /* when one was lost while others carried on */
	struct loop_timer unclaimed;       /* server: while no lane has the control role */
	struct loop_timer expiry;          /* while it has lanes: session_expiry.c */
	struct lane_peer lane_peer;        /* of the newest connection */
	struct endpoint outer;             /* the peer's end of the newest connection */
	struct addr outer_addr;            /* for the route rule */
	struct session_terms terms;
	struct nameservers *nameservers; /* client: pushed with the terms */
	struct session_interface interface;
	struct message *welcome; /* server: goes out when the interface is there; NULL: has gone */
	/* Server: a ping that came before welcome has gone. Its pong goes behind welcome. */
	struct message_time early_ping;
	bool has_early_ping;
	bool heard_routes;  /* all that the peer announces, since this connection began */
	bool settled;       /* and they have become what they could: netd has been told */
	unsigned held_back; /* by the full tunnel, as was logged last: enum held_back */
	struct prefix tunnel_prefixes[4]; /* for the route rule: pools, or the tunnel's addresses */
	struct routes routes;
	struct prefix_list offer; /* what its peer is told; sorted */
	struct announcer announcer;
	bool unaware; /* of a change that waits in peers.c */
	struct reach *reach;
	struct session_leave leave;      /* of the connection that is */
	struct session_leave last_leave; /* of the one before */
	struct loop_timer reap;
	struct rate log_rate; /* of lines that the peer can cause at will */

	struct mono created, up_since; /* up_since counts in UP only */
	struct mono entered;           /* when the present state began */
	uint64_t connections;          /* that led to a session, in all */
	struct lane_counters past;     /* sums of lanes that are gone; main thread's own */
};

/* IDLE. It frees itself once it has ended. -ENOMEM. */
int session_new(const struct session_world *world, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session);

/*
 * Client: a secured lane to the server, which is now the session's; hello goes out. -ENOMEM: the
 * lane stays the caller's.
 */
int session_greet(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer);
/*
 * Server: a lane whose hello was accepted on these terms. The welcome goes out, through
 * send_welcome, when the interface is there. -ENOMEM: the lane stays the caller's.
 */
int session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *terms,
	const struct message_welcome *welcome);

/*
 * Client: a further secured lane to the server of a session that is up; join goes out. -ENOMEM,
 * -ENOBUFS (there are as many as the server has granted): the lane stays the caller's.
 */
int session_join(struct session *session, struct lane *lane, const struct endpoint *outer);
/*
 * Server: a lane that asks to join the session of its identity. -EPROTO: it does not name this
 * session; -EAGAIN: the session is not up; -ENOBUFS: it has its lanes; -ENOMEM: the lane stays the
 * caller's, and `problem` has the words for its goodbye.
 */
int session_take_join(struct session *session, struct lane *lane, const struct endpoint *outer,
	const struct message_join *join, struct problem *problem);
/* Client: the session is up and may have more lanes than it has. */
bool session_wants_lane(const struct session *session);

/* netd says what the kernel lacks of its interface, a page at a time. */
void session_lacks(struct session *session, const struct request_lack *page);

/*
 * Something says that the path to the peer may be gone (the network has changed, the host has
 * slept): every lane has to show life soon.
 */
void session_probe(struct session *session);
/* The same, and a lane whose own address is gone is given up at once. */
void session_network_changed(struct session *session);

/*
 * Client: the network has changed, and the tunnel's addresses may be somebody else's there. netd has taken them from
 * the interface then, and says so when it is asked for the interface once more: the session leaves.
 */
void session_judge_addresses(struct session *session);

/*
 * Addresses, routes or what we announce have changed: gives the lane a new snapshot of what may
 * pass.
 */
void session_update_reach(struct session *session);

/* What we announce has changed: the lane and the peer hear of it. */
void session_announced_changed(struct session *session);

/*
 * The peer's addresses and routes in use: what may be the destination of a packet to it and the source of
 * one from it, and what others are told of it. -ENOMEM; the caller frees the list either way.
 */
int session_append_theirs(const struct session *session, struct prefix_list *list);

/*
 * Whether what is sent to the peer arrives: if not, its routes give way to others', and no other peer
 * is told of them.
 */
void session_set_carrier(struct session *session, bool on);

/*
 * Server: the client comes by a new connection. Whatever lane the session has is let go, unheard
 * and without a goodbye, and the session becomes IDLE, for session_open().
 */
void session_let_go(struct session *session);

/* Leaves: says goodbye and closes. `final`: the session ends rather than becoming idle. */
void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final);

/*
 * A session of the engine before, from what netd kept of it: IDLE, with interface, addresses and,
 * by routes_adopt(), routes. The descriptors are the session's on success. -EINVAL: none came, or the
 * peer is not configured any more; -ENOMEM.
 */
int session_adopt(const struct session_world *world, const struct request_reply *reply,
	const int *fds, size_t fd_count, struct session **ret_session);

/*
 * Client: names are resolved behind the tunnel, as it is a full one or has brought resolvers. Where the
 * server is has to be known without then.
 */
bool session_hides_names(const struct session *session);

static inline bool session_is_server(const struct session *session)
{
	return session->world->settings->role == SETTINGS_SERVER;
}

/* The network namespace of its interface, as the configuration tells it; "": the program's own. */
static inline const char *session_netns(const struct session *session)
{
	return session_interface_netns(&session->interface);
}

/* The interface is in another network namespace than the outer connection. */
static inline bool session_is_apart(const struct session *session)
{
	return session_interface_is_apart(&session->interface);
}

/* Sums over the lanes it has and had, counter by counter; the peer's last sign of life. */
void session_count(const struct session *session, struct lane_counters *ret_sums);

#endif
