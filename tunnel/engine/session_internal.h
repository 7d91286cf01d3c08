/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_INTERNAL_H
#define CULVERT_ENGINE_SESSION_INTERNAL_H

#include "engine/session.h"

/*
 * The inside of a session, shared by session*.c only: session.c has what people call, what the
 * table of session_state.c leads to and the one writer of the state; session_interface.c its TUN
 * interface, session_lane.c its lanes, session_join.c how they join, session_control.c what the peer
 * says and is told, session_offer.c what it is told of addresses and what may pass, session_expiry.c when its peer's
 * certificate ends it.
 */

enum {
	/* Between two looks at the wall clock, which jumps: a session may outlive a certificate by as
	 * much after a jump. */
	SESSION_EXPIRY_LOOK_S = 30,
};

/*
 * session.c. Does what the table says (session_state.h); `why` goes into the log line. An event that
 * has no row is logged as a bug and changes nothing.
 */
void session_event(struct session *session, enum session_event event, const char *why);

/*
 * session.c: what happens to its lanes. The lane becomes the session's: session_lane_new(), and the
 * certificate that it was opened with counts from now on. -ENOMEM.
 */
int session_add_lane(struct session *session, struct lane *lane, const struct endpoint *outer,
	enum session_lane_stage stage, struct session_lane **ret_session_lane);
void session_fault(struct session *session, uint16_t code, const char *text);
/* It is given up at once, for a reason that is this end's. */
void session_lane_drop(struct session_lane *sl, const char *why);
/*
 * A lane is not there any more, for a reason that was not the session's own. `steady`: it had
 * carried for a while.
 */
void session_lane_lost(struct session *session, unsigned number, bool steady, const char *why);

/* session_join.c: further lanes, and the control role. */
void session_joined(struct session_lane *sl); /* client: the server has taken its join */
void session_claimed(struct session_lane *sl, const struct message_join *join); /* server */
void session_move_control(struct session *session); /* the lane that had it is gone */
void session_want_lanes(struct session *session, bool at_once);

/* session.c, again after whatever it waited for. */
void session_remove(struct session *session);
void session_end_lanes(struct session *session);

/* session_control.c: to the peer. */
void session_send(struct session *session, const struct message *message);
void session_send_hello(struct session *session);
void session_say_goodbye(struct session *session); /* and ends the lanes */
void session_answer_early_ping(struct session *session);
void session_replay(struct session *session); /* all that the peer has to know is said anew */
void session_set_tunnel_rule(
	struct session *session); /* which of the tunnel's own addresses no route may cover */
extern const struct routes_events session_routes_events;

/*
 * session_expiry.c. The peer has a new lane: the session ends when a certificate ends that a lane of
 * it was opened with.
 */
void session_watch_expiry(struct session *session);
/*
 * How long to wait before looking again whether `until` has come; no length is longer than
 * SESSION_EXPIRY_LOOK_S, 0: it has come. Both are seconds since the epoch; `until` 0 never comes.
 */
struct duration session_expiry_wait(int64_t until, int64_t now);

/* session_offer.c. session->offer is made anew from what is announced now. -ENOMEM: it stays. */
int session_update_offer(struct session *session);
/* What may be the source of a packet to the peer. -ENOMEM; the caller frees the list either way. */
int session_gather_sources(const struct session *session, struct prefix_list *ours);

/* session_control.c */
void session_settle(struct session *session); /* netd hears of it when the session has settled */
void session_control(struct session_lane *sl, const uint8_t *data, size_t len);

#endif
