/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_INTERNAL_H
#define CULVERT_ENGINE_SESSION_INTERNAL_H

#include "engine/session.h"

/*
 * The inside of a session, for session*.c only.
 *
 *  session.c            public functions, the actions of the table, the one writer of the state
 *  session_interface.c  its TUN interface
 *  session_lane.c       its lanes
 *  session_join.c       how lanes join, and the control role
 *  session_control.c    messages from and to the peer
 *  session_offer.c      the prefixes that the peer learns, and the filter
 *  session_certificate.c  whether the peer's certificate is still accepted
 *  session_expiry.c     the end of the peer's certificate
 */

enum {
	/*
	 * The longest wait between two looks at the wall clock. The clock may jump, and then a
	 * session may outlive its certificate by this much.
	 */
	SESSION_EXPIRY_LOOK_S = 30,
	SESSION_EXPIRY_DOUBT_S = 3600, /* a clock that was set is believed after that */
	SESSION_EXPIRY_SLACK_S = 60,   /* two clocks that differ by less agree */
};

/*
 * session.c. Changes the state and acts as the table (session_state.h) says; `why` is for the log
 * line. An event without a row is logged as a bug and changes nothing.
 */
void session_event(struct session *session, enum session_event event, const char *why);

/*
 * session.c: its lanes.
 *
 * Takes a lane: session_lane_new(), then the lane's certificate can end the session. -ENOMEM:
 * the caller keeps the lane.
 */
int session_add_lane(struct session *session, struct lane *lane, const struct endpoint *outer,
	enum session_lane_stage stage, struct session_lane **ret_session_lane);
void session_fault(struct session *session, uint16_t code, const char *text);
/* Drops a lane at once, for a reason of this end. */
void session_lane_drop(struct session_lane *sl, const char *why);

/* session_join.c: further lanes, and the control role. */
void session_joined(struct session_lane *sl); /* client: the server accepts its join */
void session_claimed(struct session_lane *sl, const struct message_join *join); /* server */
void session_move_control(struct session *session); /* the lane that had it is lost */
void session_want_lanes(struct session *session, bool at_once);

/* session.c. session_remove() is called again after each event that it waited for. */
void session_remove(struct session *session);
void session_end_lanes(struct session *session);

/* session.c. Client: has netd use the server's resolvers, if the settings want that. */
void session_use_nameservers(const struct session *session);

/* session_control.c: messages to the peer. */
void session_send(struct session *session, const struct message *message);
void session_send_hello(struct session *session);
void session_send_goodbye(struct session *session); /* and ends the lanes */
void session_answer_early_ping(struct session *session);
/* Announces everything, then end-of-routes. Out of memory: session_cannot_announce(). */
void session_replay(struct session *session);
/* The peer's list of routes would not be ours: the lane with the control role ends, see session_lane_fail(). */
void session_cannot_announce(struct session *session, int error);
/* Updates the route rule: no route may cover the tunnel's own addresses. */
void session_set_tunnel_rule(struct session *session);
extern const struct routes_events session_routes_events;

/*
 * session_expiry.c. Call it for each new lane. The session ends when the first certificate ends
 * with which a lane of it was opened.
 */
void session_watch_expiry(struct session *session);
/*
 * How long to wait before the next look at the clock, at most SESSION_EXPIRY_LOOK_S; 0: `until` has
 * come. Both are seconds since the epoch; `until` 0 never comes.
 */
struct duration session_expiry_wait(int64_t until, int64_t now);
enum session_expiry_verdict {
	SESSION_EXPIRY_VALID,
	SESSION_EXPIRY_DOUBTED, /* it has ended only because the wall clock was set */
	SESSION_EXPIRY_ENDED,
};
/*
 * Judges a certificate that ends at `until`, by the wall clock now, and by what it was `passed`
 * seconds ago, when the lane was made.
 */
enum session_expiry_verdict session_expiry_judge(
	int64_t until, int64_t wall, int64_t wall_then, int64_t passed);

/*
 * session_offer.c. Makes session->offer again from today's announcements. -ENOMEM: the old one
 * stays.
 */
int session_update_offer(struct session *session);

/* session_control.c */
/* Reports to netd, once, that the session is up and all its routes are installed or refused. */
void session_report_up(struct session *session);
void session_control(struct session_lane *sl, const uint8_t *data, size_t len);

#endif
