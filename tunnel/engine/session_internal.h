/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_INTERNAL_H
#define CULVERT_ENGINE_SESSION_INTERNAL_H

#include "engine/session.h"

/*
 * The inside of a session, shared by session*.c only: session.c has what people call,
 * session_state.c the table and the one writer of the state, session_actions.c what the table does,
 * session_control.c what the peer says.
 */

/*
 * LEAVE is fine in every state: without a lane (IDLE) it leads to REMOVING, with one to CLOSING,
 * and once the session closes it changes nothing. GOODBYE and the two ends of a lane can happen
 * where there is a lane (GREETING to CLOSING); a GOODBYE that crosses ours changes nothing.
 */
enum session_event {
	SESSION_EVENT_LANE,         /* client: a secured lane to the server is there */
	SESSION_EVENT_TERMS,        /* hello (server) or welcome (client) has settled the terms */
	SESSION_EVENT_INTERFACE,    /* netd has made the interface */
	SESSION_EVENT_NO_INTERFACE, /* netd could not */
	SESSION_EVENT_LEAVE,        /* we go; session->leave says why */
	SESSION_EVENT_GOODBYE,      /* the peer goes; session->leave says why */
	SESSION_EVENT_LANE_LOST,    /* the lane has ended, the session may have another */
	SESSION_EVENT_LAST_LANE,    /* the lane has ended, and the session with it */
	SESSION_EVENT_REMOVED,      /* the interface is gone */
	SESSION_EVENT_COUNT
};

/*
 * session_state.c. The table without its actions: where the event leads from that state (perhaps
 * nowhere else). False: it cannot happen there; *ret_next is untouched.
 */
bool session_next(enum session_state state, enum session_event event, enum session_state *ret_next);

/*
 * session_state.c. Does what the table says; `why` goes into the log line. An event that has no row
 * is logged as a bug and changes nothing.
 */
void session_event(struct session *session, enum session_event event, const char *why);

/* session_actions.c: the table's actions. */
void session_send_hello(struct session *session);
void session_make_interface(struct session *session);
void session_begin(struct session *session);
void session_say_goodbye(struct session *session);
void session_end_lane(struct session *session);
void session_rest(struct session *session);
void session_remove(struct session *session);
void session_finish(struct session *session);

/* session_actions.c: for the others. */
void session_lane_ended(struct session *session, enum lane_end end, const char *text);
void session_send(struct session *session, const struct message *message);
void session_liveness_start(struct session *session);
void session_set_tunnel_rule(
	struct session *session); /* which of the tunnel's own addresses no route may cover */
extern const struct routes_events session_routes_events;

/* session_control.c */
void session_control(struct session *session, const uint8_t *data, size_t len);

#endif
