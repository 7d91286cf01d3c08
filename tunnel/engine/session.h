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
 * A session: an authenticated peer that is or was connected, with its interface, addresses and
 * routes. It outlives its connections, and its lanes come and go. Its life is a table of state ×
 * event (session_state.h); session.c is the one writer of `state`. Main thread only.
 *
 * Losing a lane changes no state while other lanes carry packets; more lanes join a session that is
 * up. When the last lane is lost, the connection is lost. The session then becomes IDLE if it
 * stays, or REMOVING if it ends.
 */

/* The answer to a join that names another session, or comes when the identity has none. */
#define SESSION_JOIN_UNKNOWN \
	"join does not match a session of this client: it has ended, or id, token or instance is wrong"

/* The terms of hello and welcome, from this end's view. */
struct session_terms {
	uint64_t session_id;
	uint32_t mtu;
	uint8_t lanes; /* the most that it may have */
	/* Checksums and segmentation that the kernel leaves undone in packets to the peer. */
	uint32_t offloads_read;
	/* The peer accepts them, and this end uses them. */
	uint32_t offloads_send;
	/* This end has announced that it accepts them. */
	uint32_t offloads_accept;
	struct addr local4, remote4, local6, remote6; /* in pairs; AF_UNSPEC: none */
	struct duration ping_interval, dead_after;
	/* The peer's feature bits (enum feature). 0: an adopted session, or version 0.1.0. */
	uint32_t features;
};

/* Why the session closes, as in the goodbye. */
struct session_leave {
	uint16_t code; /* enum goodbye_code; 0: none */
	bool heard;    /* the peer sent the goodbye */
	/* Client: no connection came up; the text names the remote and the cause. */
	bool attempt;
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1];
};

struct session {
	TAILQ_ENTRY(session) link;
	const struct session_world *world;
	struct identity name;             /* of the peer */
	const struct settings_peer *peer; /* NULL: unlisted */
	/* of the client's run: the peer's at a server, our own at a client */
	uint8_t instance[MESSAGE_INSTANCE_SIZE];
	/*
	 * Server: the instance that this one has replaced. If its goodbye was lost, that client
	 * returns and must not replace this one in turn.
	 */
	uint8_t replaced[MESSAGE_INSTANCE_SIZE];
	bool has_replaced;
	/*
	 * Server: the number of a session that this one has replaced and that had the same
	 * instance, so it was another copy of the same virtual machine; 0: none.
	 */
	uint64_t replaced_copy;
	/*
	 * Server: the number that the client's hello named. It counts until the client is known to
	 * have the number of this connection's welcome.
	 */
	uint64_t named_session;
	/* Client: the number in the last welcome, and from where that came. */
	uint64_t last_session;
	struct endpoint last_server;
	enum session_state state;
	bool final;    /* the session ends with its last lane */
	bool carried;  /* the connection that is ending now was up */
	bool welcomed; /* netd was asked for an interface */
	/* From the engine before: its instance is unknown, so any instance may take it over. */
	bool adopted;
	struct loop_timer linger; /* server: how long it stays IDLE */

	struct session_lanes lanes;
	/* The lane with the control role; NULL: none has it now. */
	struct session_lane *control;
	unsigned lanes_made;               /* how many the session ever had */
	uint8_t token[MESSAGE_TOKEN_SIZE]; /* the secret with which another lane joins */
	/* When its lanes fell into doubt; valid where session_is_silent() asks for it. */
	struct mono doubted;
	/* When a lane was last lost while others carried on. */
	struct mono lane_lost;
	struct loop_timer unclaimed; /* server: while no lane has the control role */
	struct loop_timer expiry;    /* runs while it has lanes: session_expiry.c */
	/* Since when a jump of the clock alone ends it; 0: it does not. */
	struct mono expiry_doubted;
	unsigned validity_told;     /* enum validity_stage: what was logged of its certificate */
	struct lane_peer lane_peer; /* of the newest connection */
	/* The same peer's certificates, also while it is away; counted. NULL: adopted. */
	struct tls_peer_chain *chain;
	struct endpoint outer;  /* the peer's end of the newest connection */
	struct addr outer_addr; /* borrowed by the route rule */
	struct session_terms terms;
	struct nameservers *nameservers; /* client: pushed with the terms */
	struct session_interface interface;
	/* Server: sent when the interface exists; NULL: it was sent. */
	struct message *welcome;
	/* Server: a ping that came before welcome was sent. Its pong follows welcome. */
	struct message_time early_ping;
	bool has_early_ping;
	/* The peer has sent end-of-routes on this connection. */
	bool heard_routes;
	/* netd was told that the session is up and all routes are installed or refused. */
	bool reported_up;
	/* Families that the full tunnel holds back, as last logged: enum held_back. */
	unsigned held_back;
	/* Borrowed by the route rule: pools, or the tunnel's addresses. */
	struct prefix tunnel_prefixes[4];
	struct routes routes;
	struct prefix_list offer; /* what is announced to its peer: sorted */
	struct announcer announcer;
	bool unaware; /* of a change in peers.c: its peer was not told yet */
	struct filter *filter;
	struct session_leave leave;      /* of this connection */
	struct session_leave last_leave; /* of the connection before */
	/*
	 * Why it was last up no longer: attempts to connect, which fail for reasons of their own,
	 * leave it alone.
	 */
	struct session_leave lost;
	struct loop_timer reap;
	struct rate log_rate; /* of log lines that the peer can cause at will */
	void *renewal;        /* server: the role's, for a peer that renews its certificate */

	struct mono created, up_since; /* `up_since` is valid in UP only */
	struct mono entered;           /* when this state began */
	struct mono down_since;        /* when it last left UP, or began; valid outside UP */
	uint64_t connections;          /* how many reached UP */
	struct lane_counters past;     /* sums over the lanes that have ended */
};

/* Makes a session in IDLE. It frees itself after it has ended. -ENOMEM. */
int session_new(const struct session_world *world, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session);

/*
 * Client: takes a secured lane to the server and sends hello. -ENOMEM: the caller keeps the lane.
 */
int session_greet(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer);
/*
 * Server: takes a lane whose hello was accepted with these terms. The welcome is sent once the
 * interface exists. -ENOMEM: the caller keeps the lane.
 */
int session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *terms,
	const struct message_welcome *welcome);

/*
 * Client: takes another secured lane to the server of a session that is up, and sends join. On
 * failure the caller keeps the lane. -ENOMEM; -ENOBUFS: the session has all lanes that the server
 * granted, or is not up.
 */
int session_join(struct session *session, struct lane *lane, const struct endpoint *outer);
/*
 * Server: takes a lane that asks to join the session of its identity. On failure the caller keeps
 * the lane, and *problem has the text of its goodbye. -EPROTO: join does not name this session;
 * -EAGAIN: the session is not up; -ENOBUFS: it has all its lanes; -ENOMEM.
 */
int session_take_join(struct session *session, struct lane *lane, const struct endpoint *outer,
	const struct message_join *join, struct problem *problem);
/* True: the session is up and may have more lanes than it has. */
bool session_wants_lane(const struct session *session);

/* Takes a page of what the kernel lacks of its interface and routes. */
void session_lacks(struct session *session, const struct request_lack *page);

/*
 * The path to the peer may be broken: the network has changed, or the host has slept. Every lane
 * has to show that it works.
 */
void session_probe(struct session *session);
/*
 * This host's network has changed. A lane whose own address is gone is dropped at once; if there is
 * none, the session probes its lanes.
 */
void session_network_changed(struct session *session);

/*
 * Client: the network has changed, and another host there may have the tunnel's addresses. netd
 * then has removed them and refuses the interface when it is requested again: the session leaves.
 */
void session_judge_addresses(struct session *session);

/*
 * Addresses, routes or announcements have changed: gives the lanes a new filter. If that cannot be
 * made, the old one would admit packets that it must no longer admit: the lanes end, see
 * session_lane_fail(), and no lane carries until a filter is made again.
 */
void session_update_reach(struct session *session);

/* This end's announcements have changed: updates the lanes' filter and the peer. */
void session_announced_changed(struct session *session);

/*
 * The settings have changed: the session goes by this entry from now on; NULL: it has none. The
 * caller then passes on what has changed.
 */
void session_set_entry(struct session *session, const struct settings_peer *entry);

/*
 * Server: what is pushed to the peer has changed. A peer without FEATURE_PUSH gets it with its next
 * connection.
 */
void session_push(struct session *session, const struct nameservers *nameservers);

/*
 * Appends the peer's addresses and routes in use. They are the destinations of packets to the peer
 * and the sources of packets from it; other peers learn of them. -ENOMEM; the caller frees the list
 * also on failure.
 */
int session_append_theirs(const struct session *session, struct prefix_list *list);

/*
 * Reports to netd whether packets arrive at the peer. If not, its routes give way to other peers'
 * routes, and no other peer learns of them.
 */
void session_set_carrier(struct session *session, bool on);

/*
 * Releases all lanes without a goodbye, and the session becomes IDLE: at a server since the client
 * returns by a new connection, for session_open(), at a client since the connection cannot go on.
 * `why` is for the log.
 */
void session_disconnect(struct session *session, const char *why);
/*
 * Client: leaves its connection for another one and becomes IDLE at once, for session_greet().
 * `goodbye`: tells the server, whose session ends; else the server keeps it, as the other
 * connection may be to the same one.
 */
void session_switch(struct session *session, bool goodbye, const char *why);
/* True: it is up, data is not acknowledged, and nothing has come since that was noticed. */
bool session_is_silent(const struct session *session);

/*
 * Sends sign, issued or trust. False: the session is not up, or its peer does not know these.
 */
bool session_send_renewal(struct session *session, const struct message *message);

/* Sends a goodbye and closes. `final`: the session ends instead of becoming idle. */
void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final);

/*
 * Makes a session from what netd has kept for the engine before: IDLE, with interface and
 * addresses. routes_adopt() adds its routes. On success the session owns the descriptors. -EINVAL:
 * no descriptor came, or the peer is not configured any more; -ENOMEM.
 */
int session_adopt(const struct session_world *world, const struct request_reply *reply,
	const int *fds, size_t fd_count, struct session **ret_session);

/*
 * Client, true: names are resolved through the tunnel, which is a full one or has brought
 * resolvers. So the server's address must be known before the connection is lost.
 */
bool session_hides_names(const struct session *session);

static inline bool session_is_server(const struct session *session)
{
	return session->world->settings->role == SETTINGS_SERVER;
}

/* The network namespace of its interface in the configuration; "": the program's own. */
static inline const char *session_netns(const struct session *session)
{
	return session_interface_netns(&session->interface);
}

/* True: the interface is in another network namespace than the outer connection. */
static inline bool session_is_apart(const struct session *session)
{
	return session_interface_is_apart(&session->interface);
}

/*
 * Judges the certificates of its peer by this context, and ends the session, or the lanes that came
 * with such a certificate, if they are not accepted any more.
 */
void session_judge(struct session *session, const struct tls_context *context);
/* True: its peer is likely not to be accepted by this context. */
bool session_is_suspect(const struct session *session, const struct tls_context *context);
/* True: this context was the last to judge all its certificates. */
bool session_was_judged(const struct session *session, const struct tls_context *context);

/* Sums the counters of all lanes that it has and had. `heard_ns` is not among them. */
void session_sum(const struct session *session, struct lane_counters *ret_sums);

#endif
