/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "system/local_address.h"

/*
 * Sessions as others see them: made, given a lane, told to leave; and what a lane reports to its
 * session.
 */

enum {
	SESSION_WHY_MAX = 256,      /* bytes of a reason in a log line */
	SESSION_LOG_PER_SECOND = 5, /* lines that the peer can cause at will: routes, notices … */
	SESSION_LOG_BURST = 300,    /* … of which the replay of all announcements is one kind */
};

int session_new(struct engine *engine, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	*session = (struct session){
		.engine = engine,
		.name = *name,
		.peer = peer,
		.created = mono_now(),
		.entered = mono_now(),
	};
	if (!session_is_server(session)) {
		session->nameservers = calloc(1, sizeof(*session->nameservers));
		if (!session->nameservers) {
			free(session);
			return -ENOMEM;
		}
	}
	TAILQ_INIT(&session->lanes);
	routes_init(&session->routes, &session_routes_events, engine->netd,
		peer ? peer->max_routes : 0);
	announcer_init(&session->announcer, engine->loop, &session->routes, &session->offer);
	rate_init(&session->log_rate, SESSION_LOG_PER_SECOND, SESSION_LOG_BURST, mono_now());
	peers_add(&engine->peers, session);
	*ret_session = session;
	return 0;
}

int session_adopt(struct engine *engine, const struct request_reply *reply, const int *fds,
	size_t fd_count, struct session **ret_session)
{
	const struct request_interface *adopted = &reply->adopted;
	const struct settings_peer *peer = settings_find_peer(engine->settings, &adopted->peer);
	struct session *session;

	if (fd_count == 0 || (!peer && !engine->settings->unlisted))
		return -EINVAL;
	int r = session_new(engine, &adopted->peer, peer, &session);
	if (r < 0)
		return r;
	session->adopted = true;
	session->connections = 1; /* it was up: it may be taken over */
	session_set_interface(session, reply, fds, fd_count);
	session_detach_queues(session);
	session->outer = adopted->outer;
	session->terms.lanes = (uint8_t)fd_count;
	session->terms.mtu = adopted->mtu;
	session->terms.local4 = adopted->local4;
	session->terms.remote4 = adopted->remote4;
	session->terms.local6 = adopted->local6;
	session->terms.remote6 = adopted->remote6;
	session_set_tunnel_rule(session);
	routes_set_interface(&session->routes, reply->interface);
	session->carrier = SESSION_CARRIER_UNKNOWN;
	session_await_peer(session);
	*ret_session = session;
	return 0;
}

static void reap(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, reap);
	struct engine *engine = session->engine;

	peers_remove(&engine->peers, session);
	engine->role->session_ended(engine, session);
	announcer_free(&session->announcer);
	routes_free(&session->routes);
	prefix_list_free(&session->offer);
	reach_unref(session->reach);
	loop_timer_stop(engine->loop, &session->linger);
	loop_timer_stop(engine->loop, &session->idle);
	loop_timer_stop(engine->loop, &session->unclaimed);
	loop_timer_stop(engine->loop, &session->expiry);
	session_close_parked(session);
	free(session->welcome);
	free(session->nameservers);
	free(session->no_interface);
	free(session->lack_why);
	free(session);
	engine_settle(engine);
}

void session_finish(struct session *session)
{
	loop_timer_start(session->engine->loop, &session->reap, mono_now(), reap);
}

/*
 * Entering or leaving "up" is what people watch for, and that a connection was made and came to
 * nothing: with TLS 1.3 a client hears only then that its certificate was refused. The rest is for who
 * looks closer.
 */
static enum log_level level_of(enum session_state from, enum session_state to)
{
	bool failed = (from == SESSION_GREETING || from == SESSION_OPENING) &&
		to != SESSION_GREETING && to != SESSION_OPENING;

	return failed || from == SESSION_UP || to == SESSION_UP ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO;
}

static void act(struct session *session, enum session_action action)
{
	switch (action) {
	case SESSION_ACTION_NONE:
	case SESSION_ACTION_COUNT:
		return;
	case SESSION_ACTION_SEND_HELLO:
		session_send_hello(session);
		return;
	case SESSION_ACTION_MAKE_INTERFACE:
		session_make_interface(session);
		return;
	case SESSION_ACTION_BEGIN:
		session_begin(session);
		return;
	case SESSION_ACTION_SAY_GOODBYE:
		session_say_goodbye(session);
		return;
	case SESSION_ACTION_END_LANES:
		session_end_lanes(session);
		return;
	case SESSION_ACTION_REST:
		session_rest(session);
		return;
	case SESSION_ACTION_REMOVE:
		session_remove(session);
		return;
	case SESSION_ACTION_FINISH:
		session_finish(session);
		return;
	}
}

void session_event(struct session *session, enum session_event event, const char *why)
{
	enum session_state old = session->state, next = old;
	enum session_action action = SESSION_ACTION_NONE;

	if (!session_next(old, event, &next, &action)) {
		log_error("%s: session: event \"%s\" in state %s ignored: this is a bug in Culvert",
			session->name.name, session_event_text(event), session_state_text(old));
		return;
	}
	session->state = next;
	if (old != next) {
		session->entered = mono_now();
		log_write(level_of(old, next), "%s: session: %s -> %s: %s", session->name.name,
			session_state_text(old), session_state_text(next),
			why && why[0] ? why : session_event_text(event));
	}
	act(session, action);
}

/* The lane that opens a connection: it has the control role. -ENOMEM. */
static int take_lane(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	int r = session_lane_new(session, lane, outer, SESSION_LANE_OPENING, &session->control);

	if (r < 0)
		return r;
	routes_begin(&session->routes);
	session->heard_routes = false;
	session->settled = false;
	session->lane_peer = *peer;
	session->outer = *outer;
	session->outer_addr = outer->addr;
	session->routes.rule.outer = &session->outer_addr;
	/* Where the interface is elsewhere, no route can capture the outer connection. */
	session->routes.rule.outer_count = session_is_apart(session) ? 0 : 1;
	if (session->peer) {
		session->routes.rule.accept = session->peer->accept_routes.items;
		session->routes.rule.accept_count = session->peer->accept_routes.count;
	}
	session->routes.rule.full_tunnel = settings_takes_default(session->engine->settings);
	return 0;
}

/*
 * "WHAT 192.0.2.1:443, TLS_AES_256_GCM_SHA384, X25519": from where a session came, for its log
 * line.
 */
static const char *describe_lane(
	const struct session *session, const char *what, char *out, size_t size)
{
	char outer[ENDPOINT_TEXT_MAX];

	snprintf(out, size, "%s %s, %s, %s", what, endpoint_format(&session->outer, outer),
		session->lane_peer.cipher, session->lane_peer.group);
	return out;
}

int session_greet(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	char why[SESSION_WHY_MAX];
	int r = take_lane(session, lane, peer, outer);

	if (r < 0)
		return r;
	session_event(session, SESSION_EVENT_LANE,
		describe_lane(session, "connected to", why, sizeof(why)));
	return 0;
}

int session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *terms,
	const struct message_welcome *welcome)
{
	char why[SESSION_WHY_MAX];
	struct message *message = calloc(1, sizeof(*message));
	int r = message ? take_lane(session, lane, peer, outer) : -ENOMEM;

	if (r < 0) {
		free(message);
		return r;
	}
	loop_timer_stop(session->engine->loop, &session->linger);
	session->terms = *terms;
	memcpy(session->token, welcome->token, sizeof(session->token));
	free(session->welcome);
	session->welcome = message;
	session->has_early_ping = false;
	message->type = MESSAGE_WELCOME;
	message->welcome = *welcome;
	session_set_tunnel_rule(session);
	session_event(session, SESSION_EVENT_TERMS,
		describe_lane(session, "hello accepted from", why, sizeof(why)));
	return 0;
}

/* Whatever lanes it has end, and it goes on without them. */
static void leave_lanes(struct session *session)
{
	struct session_lane *sl;

	session->control = NULL;
	loop_timer_stop(session->engine->loop, &session->unclaimed);
	announcer_end(&session->announcer);
	TAILQ_FOREACH(sl, &session->lanes, link)
	session_lane_leave(sl);
}

void session_let_go(struct session *session)
{
	if (session->state == SESSION_IDLE)
		return;
	leave_lanes(session);
	session_event(session, SESSION_EVENT_LANE_LOST,
		"a newer connection of the same client takes over");
}

void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final)
{
	session->final = session->final || final;
	if (session->state < SESSION_CLOSING) {
		session->leave = (struct session_leave){ .code = goodbye_code };
		snprintf(session->leave.text, sizeof(session->leave.text), "%s", text);
	}
	session_event(session, SESSION_EVENT_LEAVE, text);
}

void session_announced_changed(struct session *session)
{
	session_update_reach(session);
	if (session_update_offer(session) < 0 || announcer_changed(&session->announcer) < 0)
		log_error(
			"%s: cannot announce what has changed: out of memory", session->name.name);
}

void session_count(const struct session *session, struct lane_counters *ret_sums)
{
	const struct session_lane *sl;

	*ret_sums = (struct lane_counters){ 0 };
	counters_add(ret_sums, &session->past);
	TAILQ_FOREACH(sl, &session->lanes, link)
	counters_add(ret_sums, lane_counters(sl->lane));
}

void session_fault(struct session *session, uint16_t code, const char *text)
{
	log_warning("%s: broke the protocol: %s", session->name.name, text);
	session_leave(session, code, text, session_is_server(session));
}

/* The last of its lanes is lost: the connection is, and the session rests or ends. */
static void connection_lost(struct session *session, const char *why)
{
	leave_lanes(session);
	if (session->leave.text[0])
		why = session->leave.text;
	else if (session->state < SESSION_CLOSING)
		snprintf(session->leave.text, sizeof(session->leave.text), "%.*s", MESSAGE_TEXT_MAX,
			why);
	/* A server keeps a session that was up, for its peer to come back to. */
	if (session_is_server(session) &&
		(session->connections == 0 || session->engine->settings->linger.ns == 0))
		session->final = true;
	session_event(
		session, session->final ? SESSION_EVENT_LAST_LANE : SESSION_EVENT_LANE_LOST, why);
}

void session_lane_lost(struct session *session, unsigned number, bool steady, const char *why)
{
	if (session->state == SESSION_CLOSING && session_lane_count(session) > 0)
		return; /* the others end as well */
	if (session->state != SESSION_UP || !session_lane_carrying(session)) {
		connection_lost(session, why);
		return;
	}
	session->lane_lost = mono_now();
	if (rate_take(&session->log_rate, session->lane_lost))
		log_notice("%s: lane %u lost, %u are left: %s", session->name.name, number,
			session_lane_count(session), why);
	/* What befell this one may have befallen all. */
	session_probe(session);
	if (!session->control)
		session_move_control(session);
	session_want_lanes(session, steady);
}

void session_lane_ended(struct session_lane *sl, enum lane_end end, const char *text)
{
	struct session *session = sl->session;
	bool leaving = sl->stage == SESSION_LANE_LEAVING;
	bool steady = session_lane_is_steady(sl);
	unsigned number = sl->number;
	char why[PROBLEM_TEXT_MAX + 64];

	snprintf(why, sizeof(why), "%s%s%s", lane_end_text(end), text[0] ? ": " : "", text);
	if (end == LANE_END_TUN && !leaving)
		session->interface_broken = true;
	if (sl == session->control)
		session->control = NULL;
	session_lane_free(sl);
	if (TAILQ_EMPTY(&session->lanes))
		session_close_parked(session);
	if (!leaving)
		session_lane_lost(session, number, steady, why);
	else if (session->state == SESSION_REMOVING)
		session_remove(session);
}

/*
 * The goodbye may reach a peer that is merely slow; nobody waits for it, since a dead peer's lane
 * takes its time to end.
 */
void session_lane_dead(struct session_lane *sl, struct duration silence)
{
	static const struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye = { .code = GOODBYE_DEAD_PEER, .text = "nothing was heard from you" } };
	struct session *session = sl->session;
	unsigned number = sl->number;
	char text[MESSAGE_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "nothing heard for %.1f s", duration_seconds(silence));
	log_warning("%s: dead peer: %s (lane %u)", session->name.name, text, number);
	if (session_lane_is_last(sl)) {
		session_lane_send(sl, &goodbye);
		session->leave = (struct session_leave){ .code = GOODBYE_DEAD_PEER };
		memcpy(session->leave.text, text, sizeof(text));
	}
	session_lane_drop(sl, text);
}

void session_lane_drop(struct session_lane *sl, const char *why)
{
	struct session *session = sl->session;
	bool steady = session_lane_is_steady(sl);
	unsigned number = sl->number;

	if (sl == session->control)
		session->control = NULL;
	session_lane_leave(sl);
	session_lane_lost(session, number, steady, why);
}

static bool has_lost_address(const struct session_lane *sl)
{
	struct addr local = lane_local(sl->lane);

	return sl->stage != SESSION_LANE_LEAVING && addr_is_set(&local) &&
		!local_address_is_here(&local);
}

/*
 * The lane of an address that is gone has nobody to wait for; the others have to show life. All of
 * them go before the session hears of it, so that none of them gets the control role.
 */
void session_network_changed(struct session *session)
{
	struct session_lane *sl;
	unsigned number = 0;

	if (session->state != SESSION_UP)
		return;
	TAILQ_FOREACH(sl, &session->lanes, link)
	{
		if (!has_lost_address(sl))
			continue;
		number = sl->number;
		if (sl == session->control)
			session->control = NULL;
		session_lane_leave(sl);
	}
	if (number > 0)
		session_lane_lost(
			session, number, true, "this host does not have its address any more");
	else
		session_probe(session);
}
