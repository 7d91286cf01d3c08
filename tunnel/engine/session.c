/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"

/*
 * Sessions as others see them: made, given a lane, told to leave; and what a lane reports to its
 * session.
 */

enum {
	SESSION_WHY_MAX = 256,      /* bytes of a reason in a log line */
	SESSION_LOG_PER_SECOND = 5, /* lines that the peer can cause at will: routes, notices … */
	SESSION_LOG_BURST = 300,    /* … of which the replay of all announcements is one kind */
};

static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	/* Whoever makes a lane hears this before a session owns it. */
	(void)owner;
	(void)lane;
	(void)peer;
}

static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	struct session *session = container_of(owner, struct session, lane_owner);

	if (lane == session->lane)
		session_control(session, data, len);
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	struct session *session = container_of(owner, struct session, lane_owner);

	if (lane != session->lane)
		return;
	log_warning("%s: broke the protocol: %s", session->name.name, text);
	session_leave(session, code, text, session_is_server(session));
}

static void add_counters(struct lane_counters *sums, const struct lane_counters *lane)
{
	counter_add(&sums->out_packets, counter_read(&lane->out_packets));
	counter_add(&sums->out_bytes, counter_read(&lane->out_bytes));
	counter_add(&sums->in_packets, counter_read(&lane->in_packets));
	counter_add(&sums->in_bytes, counter_read(&lane->in_bytes));
	counter_add(&sums->sent_bytes, counter_read(&lane->sent_bytes));
	counter_add(&sums->received_bytes, counter_read(&lane->received_bytes));
	counter_add(&sums->in_control, counter_read(&lane->in_control));
	counter_add(&sums->out_control, counter_read(&lane->out_control));
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		counter_add(&sums->drops[i], counter_read(&lane->drops[i]));
}

/* A lane whose session has another by now. */
static void replaced_lane_ended(struct session *session, struct lane *lane)
{
	add_counters(&session->past, lane_counters(lane));
	lane_release(lane);
	session->draining--;
	if (session->state == SESSION_REMOVING)
		session_remove(session);
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text)
{
	struct session *session = container_of(owner, struct session, lane_owner);

	if (lane == session->lane)
		session_lane_ended(session, end, text);
	else
		replaced_lane_ended(session, lane);
}

static struct mono liveness_heard(struct liveness *liveness)
{
	struct session *session = container_of(liveness, struct session, liveness);

	return session->lane ? lane_heard(session->lane) : mono_now();
}

static void liveness_ping(struct liveness *liveness, uint64_t time)
{
	struct session *session = container_of(liveness, struct session, liveness);
	struct message ping = { .type = MESSAGE_PING, .time.time = time };

	session_send(session, &ping);
}

static void liveness_dead(struct liveness *liveness)
{
	struct session *session = container_of(liveness, struct session, liveness);
	char text[MESSAGE_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "nothing heard for %.1f s",
		duration_seconds(session->terms.dead_after));
	log_warning("%s: dead peer: %s", session->name.name, text);
	session_leave(session, GOODBYE_DEAD_PEER, text, false);
}

static const struct liveness_events liveness_events = {
	.heard = liveness_heard,
	.send_ping = liveness_ping,
	.dead = liveness_dead,
};

void session_liveness_start(struct session *session)
{
	liveness_start(&session->liveness, session->engine->loop, &liveness_events,
		session->terms.ping_interval, session->terms.dead_after);
}

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
		.lane_owner = {
			.secured = on_secured,
			.control = on_control,
			.fault = on_fault,
			.ended = on_ended,
		},
		.interface.fd = -1,
		.created = mono_now(),
		.entered = mono_now(),
	};
	routes_init(&session->routes, &session_routes_events, engine->host,
		peer ? peer->max_routes : 0);
	announcer_init(&session->announcer, engine->loop, &session->routes, &engine->announced);
	rate_init(&session->log_rate, SESSION_LOG_PER_SECOND, SESSION_LOG_BURST, mono_now());
	TAILQ_INSERT_TAIL(&engine->sessions, session, link);
	engine->session_count++;
	*ret_session = session;
	return 0;
}

int session_adopt(struct engine *engine, const struct request_reply *reply, int fd,
	struct session **ret_session)
{
	const struct request_interface *adopted = &reply->adopted;
	const struct settings_peer *peer = settings_find_peer(engine->settings, &adopted->peer);
	struct session *session;

	if (fd < 0 || (!peer && !engine->settings->unlisted))
		return -EINVAL;
	int r = session_new(engine, &adopted->peer, peer, &session);
	if (r < 0)
		return r;
	session->adopted = true;
	session->connections = 1; /* it was up: it may be taken over */
	session->interface.fd = fd;
	session->interface.index = reply->interface;
	snprintf(session->interface.name, sizeof(session->interface.name), "%s", reply->ifname);
	session->terms.mtu = adopted->mtu;
	session->terms.local4 = adopted->local4;
	session->terms.remote4 = adopted->remote4;
	session->terms.local6 = adopted->local6;
	session->terms.remote6 = adopted->remote6;
	session_set_tunnel_rule(session);
	routes_set_interface(&session->routes, reply->interface);
	*ret_session = session;
	return 0;
}

static void reap(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, reap);
	struct engine *engine = session->engine;

	TAILQ_REMOVE(&engine->sessions, session, link);
	engine->session_count--;
	engine->role->session_ended(engine, session);
	announcer_free(&session->announcer);
	routes_free(&session->routes);
	reach_unref(session->reach);
	loop_timer_stop(engine->loop, &session->linger);
	free(session->welcome);
	free(session);
	engine_settle(engine);
}

void session_finish(struct session *session)
{
	loop_timer_start(session->engine->loop, &session->reap, mono_now(), reap);
}

static void take_lane(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	session->lane = lane;
	session->lane_peer = *peer;
	session->outer = *outer;
	session->outer_addr = outer->addr;
	session->routes.rule.outer = &session->outer_addr;
	session->routes.rule.outer_count = 1;
	if (session->peer) {
		session->routes.rule.accept = session->peer->accept_routes.items;
		session->routes.rule.accept_count = session->peer->accept_routes.count;
	}
	lane_set_owner(lane, &session->lane_owner);
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

void session_greet(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	char why[SESSION_WHY_MAX];

	take_lane(session, lane, peer, outer);
	routes_begin(&session->routes);
	session_event(session, SESSION_EVENT_LANE,
		describe_lane(session, "connected to", why, sizeof(why)));
}

void session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *terms,
	const struct message_welcome *welcome)
{
	char why[SESSION_WHY_MAX];

	loop_timer_stop(session->engine->loop, &session->linger);
	take_lane(session, lane, peer, outer);
	routes_begin(&session->routes);
	session->terms = *terms;
	free(session->welcome);
	session->welcome = calloc(1, sizeof(*session->welcome));
	if (session->welcome) {
		session->welcome->type = MESSAGE_WELCOME;
		session->welcome->welcome = *welcome;
	}
	session_set_tunnel_rule(session);
	session_event(session, SESSION_EVENT_TERMS,
		describe_lane(session, "hello accepted from", why, sizeof(why)));
	if (!session->welcome)
		session_leave(session, GOODBYE_INTERNAL, "out of memory", false);
}

void session_let_go(struct session *session)
{
	if (!session->lane)
		return;
	session->draining++;
	lane_end(session->lane);
	session->lane = NULL;
	liveness_stop(&session->liveness);
	announcer_end(&session->announcer);
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
	if (announcer_changed(&session->announcer) < 0)
		log_error(
			"%s: cannot announce what has changed: out of memory", session->name.name);
}

void session_count(const struct session *session, struct lane_counters *ret_sums)
{
	*ret_sums = (struct lane_counters){ 0 };
	add_counters(ret_sums, &session->past);
	if (session->lane)
		add_counters(ret_sums, lane_counters(session->lane));
}

void session_lane_ended(struct session *session, enum lane_end end, const char *text)
{
	char why[PROBLEM_TEXT_MAX + 64];

	add_counters(&session->past, lane_counters(session->lane));
	lane_release(session->lane);
	session->lane = NULL;
	liveness_stop(&session->liveness);
	announcer_end(&session->announcer);
	if (end == LANE_END_INTERNAL)
		session->interface_broken = true;
	if (session->leave.text[0])
		snprintf(why, sizeof(why), "%s", session->leave.text);
	else
		snprintf(why, sizeof(why), "%s%s%s", lane_end_text(end), text[0] ? ": " : "", text);
	if (session->state < SESSION_CLOSING && !session->leave.text[0])
		snprintf(session->leave.text, sizeof(session->leave.text), "%.*s", MESSAGE_TEXT_MAX,
			why);
	/* A server keeps a session that was up, for its peer to come back to. */
	if (session_is_server(session) &&
		(session->connections == 0 || session->engine->settings->linger.ns == 0))
		session->final = true;
	session_event(
		session, session->final ? SESSION_EVENT_LAST_LANE : SESSION_EVENT_LANE_LOST, why);
}
