/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_STATE_H
#define CULVERT_ENGINE_SESSION_STATE_H

#include <stdbool.h>

/*
 * A session's life as a table: to which state each event leads, and which action follows. It knows
 * no session; session.c keeps the state, logs each change and carries out the actions. Pure
 * functions.
 *
 *   state      leads to
 *   IDLE       GREETING (client: secured lane), OPENING (server: hello accepted), REMOVING (leave)
 *   GREETING   OPENING (client: welcome), CLOSING (leave, goodbye)
 *   OPENING    UP (netd has made the interface), CLOSING (netd could not; leave, goodbye)
 *   UP         CLOSING (goodbye sent or received: dead peer, fault, stop, replaced)
 *   CLOSING    IDLE (the lane has ended: a client dials, a server lingers), REMOVING (for good)
 *   REMOVING   ENDED (the interface is gone; the session is freed)
 *
 * A lost connection leads from any state with a lane to IDLE if the session stays, or to REMOVING
 * if it ends. From CLOSING on, leave changes nothing.
 */

enum session_state {
	SESSION_IDLE,     /* no connection; the interface stays */
	SESSION_GREETING, /* client: hello is sent, welcome awaited */
	SESSION_OPENING,  /* the terms are known, netd makes the interface */
	SESSION_UP,       /* packets pass */
	SESSION_CLOSING,  /* a goodbye was sent or received; the lanes end */
	SESSION_REMOVING, /* netd removes the interface */
	SESSION_ENDED,
	SESSION_STATE_COUNT
};

/*
 * LEAVE is legal in every state. Without a lane (IDLE) it leads to REMOVING, with a lane to
 * CLOSING, and from CLOSING on it changes nothing. GOODBYE and the two ends of a lane can happen
 * where there is a lane (GREETING to CLOSING). A GOODBYE that crosses ours changes nothing.
 */
enum session_event {
	SESSION_EVENT_LANE,         /* client: it has a secured lane to the server */
	SESSION_EVENT_TERMS,        /* hello (server) or welcome (client) has set the terms */
	SESSION_EVENT_INTERFACE,    /* netd has made the interface */
	SESSION_EVENT_NO_INTERFACE, /* netd could not make it */
	SESSION_EVENT_LEAVE,        /* this end leaves; session->leave says why */
	SESSION_EVENT_GOODBYE,      /* the peer leaves; session->leave says why */
	SESSION_EVENT_LANE_LOST,    /* the lane has ended; the session may get another */
	SESSION_EVENT_LAST_LANE,    /* the lane has ended, and so does the session */
	SESSION_EVENT_REMOVED,      /* the interface is gone */
	SESSION_EVENT_COUNT
};

/* What the session does in the new state. */
enum session_action {
	SESSION_ACTION_NONE, /* only the state changes */
	SESSION_ACTION_SEND_HELLO,
	SESSION_ACTION_MAKE_INTERFACE,
	SESSION_ACTION_BEGIN,       /* packets pass from now on */
	SESSION_ACTION_SAY_GOODBYE, /* and end the lanes */
	SESSION_ACTION_END_LANES,
	SESSION_ACTION_REST,   /* become idle, without a connection */
	SESSION_ACTION_REMOVE, /* the interface, then the session */
	SESSION_ACTION_FINISH, /* free the session */
	SESSION_ACTION_COUNT
};

/*
 * Returns the state that the event leads to, perhaps the same one, and the action that follows.
 * False: the event cannot happen in that state; *ret_next and *ret_action are untouched.
 */
bool session_next(enum session_state state, enum session_event event, enum session_state *ret_next,
	enum session_action *ret_action);

/* For display. "unknown": there is no such number. */
const char *session_state_text(enum session_state state);
const char *session_event_text(enum session_event event);

#endif
