/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

/*
 * More lanes, and the control role. The client adds lanes up to the server's grant. Each sends
 * join, and carries once the server has sent joined. If the lane with the control role is lost
 * while others carry, the client claims the role: it sends join again on one of them. Then both
 * ends announce everything again, as messages may have been lost with the lane.
 */

/* Takes the same time whichever byte differs. */
static bool has_token(const struct session *session, const struct message_join *join)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < sizeof(join->token); i++)
		difference = (uint8_t)(difference | (join->token[i] ^ session->token[i]));
	return difference == 0;
}

static bool names_session(const struct session *session, const struct message_join *join)
{
	return join->session_id == session->terms.session_id &&
		memcmp(join->instance, session->instance, sizeof(join->instance)) == 0 &&
		has_token(session, join);
}

static void log_joined(const struct session_lane *sl)
{
	struct session *session = sl->session;
	char outer[ENDPOINT_TEXT_MAX];

	if (!rate_take(&session->log_rate, mono_now()))
		return;
	log_info("%s: lane %u joined: %s, %u of %u", session->name.name, sl->number,
		endpoint_format(&sl->outer, outer), session_lane_count(session),
		session->terms.lanes);
}

static void give_control(struct session_lane *sl)
{
	struct session *session = sl->session;

	loop_timer_stop(session->world->loop, &session->unclaimed);
	session->control = sl;
	session->outer = sl->outer;
	session->outer_addr = sl->outer.addr;
	if (rate_take(&session->log_rate, mono_now()))
		log_info("%s: lane %u has the control role now", session->name.name, sl->number);
	routes_begin(&session->routes);
}

/* ---- client ---- */

bool session_wants_lane(const struct session *session)
{
	return session->state == SESSION_UP && !session->world->stopping &&
		session_lane_count(session) < session->terms.lanes;
}

void session_want_lanes(struct session *session, bool at_once)
{
	if (session_wants_lane(session))
		session->world->events->lane_wanted(session, at_once);
}

static void send_join(struct session_lane *sl, bool claim)
{
	const struct session *session = sl->session;
	struct message message = { .type = MESSAGE_JOIN };
	struct message_join *join = &message.join;

	join->session_id = session->terms.session_id;
	memcpy(join->token, session->token, sizeof(join->token));
	memcpy(join->instance, session->instance, sizeof(join->instance));
	join->claim_control = claim;
	session_lane_send(sl, &message);
}

int session_join(struct session *session, struct lane *lane, const struct endpoint *outer)
{
	struct session_lane *sl;

	if (!session_wants_lane(session))
		return -ENOBUFS;
	int r = session_add_lane(session, lane, outer, SESSION_LANE_JOINING, &sl);
	if (r < 0)
		return r;
	send_join(sl, false);
	r = session_lane_hold(sl);
	if (r < 0)
		session_lane_drop(sl, error_text(r));
	return 0;
}

void session_joined(struct session_lane *sl)
{
	if (sl->stage != SESSION_LANE_JOINING) {
		session_fault(sl->session, GOODBYE_PROTOCOL, "joined without a join");
		return;
	}
	int r = session_lane_carry(sl);
	if (r < 0) {
		session_lane_drop(sl, error_text(r));
		return;
	}
	log_joined(sl);
	/* While lanes are being lost, a join does not prove that they last. */
	session_want_lanes(sl->session,
		duration_ms(mono_since(mono_now(), sl->session->lane_lost)) >=
			SESSION_LANE_STEADY_MS);
}

/* ---- server ---- */

int session_take_join(struct session *session, struct lane *lane, const struct endpoint *outer,
	const struct message_join *join, struct problem *problem)
{
	struct message joined = { .type = MESSAGE_JOINED, .joined.control = join->claim_control };
	struct session_lane *sl;

	if (session->adopted || !names_session(session, join)) {
		problem_set(problem, "%s", SESSION_JOIN_UNKNOWN);
		return -EPROTO;
	}
	if (session->state != SESSION_UP) {
		problem_set(problem, "no lane can join while the session is %s; try again later",
			session_state_text(session->state));
		return -EAGAIN;
	}
	if (session_lane_count(session) >= session->terms.lanes) {
		problem_set(problem, "the session's limit of %u lanes is reached",
			session->terms.lanes);
		return -ENOBUFS;
	}
	int r = session_add_lane(session, lane, outer, SESSION_LANE_JOINING, &sl);
	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	r = session_lane_hold(sl);
	if (r == 0) {
		session_lane_send(sl, &joined);
		r = session_lane_carry(sl);
	}
	if (r < 0) {
		session_lane_drop(sl, error_text(r));
		return 0;
	}
	log_joined(sl);
	if (join->claim_control) {
		give_control(sl);
		session_replay(session);
	}
	return 0;
}

/* ---- the control role ---- */

void session_claimed(struct session_lane *sl, const struct message_join *join)
{
	struct message joined = { .type = MESSAGE_JOINED, .joined.control = true };
	struct session *session = sl->session;

	if (!names_session(session, join) || !join->claim_control) {
		session_fault(session, GOODBYE_PROTOCOL, "join on a lane that has joined");
		return;
	}
	/*
	 * The client claims on its oldest lane. A claim on a lane older than the present one with
	 * the role is old itself: the client gave that lane up before the role moved.
	 */
	if (session->control && sl->number < session->control->number)
		return;
	session_lane_send(sl, &joined);
	if (sl == session->control)
		return;
	give_control(sl);
	session_replay(session);
}

static void unclaimed_for_long(struct loop_timer *timer)
{
	session_leave(container_of(timer, struct session, unclaimed), GOODBYE_DEAD_PEER,
		"no lane took the control role in time", false);
}

void session_move_control(struct session *session)
{
	struct session_lane *sl = session_lane_carrying(session);

	announcer_end(&session->announcer);
	if (session_is_server(session)) {
		if (session->unclaimed.running)
			return;
		loop_timer_start(session->world->loop, &session->unclaimed,
			mono_add(mono_now(), session->terms.dead_after), unclaimed_for_long);
		return;
	}
	send_join(sl, true);
	give_control(sl);
	session_replay(session);
}

void session_probe(struct session *session)
{
	struct session_lane *sl;

	TAILQ_FOREACH(sl, &session->lanes, link)
		session_lane_probe(sl);
}
