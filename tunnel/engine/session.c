/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "system/local_address.h"
#include "system/tun.h"

/*
 * The public functions of a session, its actions, and what its lanes and its interface report to
 * it.
 */

enum {
	SESSION_WHY_MAX = 256, /* bytes of a reason in a log line */
	/* Log lines that the peer can cause at will: routes, notices … */
	SESSION_LOG_PER_SECOND = 5,
	/* … such as the announcements at the beginning of a connection. */
	SESSION_LOG_BURST = 300,
};

/* ---- its interface ---- */

/* The interface for the present terms. */
static struct request_interface wanted_interface(const struct session *session)
{
	const struct session_terms *terms = &session->terms;
	struct request_interface wanted = {
		.peer = session->name,
		.mtu = terms->mtu,
		.queues = terms->lanes,
		.offloads = terms->offloads_send != 0,
		.local4 = terms->local4,
		.remote4 = terms->remote4,
		.local6 = terms->local6,
		.remote6 = terms->remote6,
	};

	if (session_is_server(session))
		return wanted;
	/*
	 * A client's interface outlives changes of the server's grant, so it has as many queues as
	 * the client wants.
	 */
	wanted.queues = (uint8_t)settings_lanes(session->world->settings, session->peer);
	wanted.outer = session->outer;
	return wanted;
}

static void make_interface(struct session *session)
{
	struct request_interface wanted = wanted_interface(session);

	session->welcomed = true;
	session_interface_make(&session->interface, &wanted);
}

void session_judge_addresses(struct session *session)
{
	struct request_interface wanted = wanted_interface(session);

	if (session->state == SESSION_UP && !session_is_server(session))
		session_interface_judge(&session->interface, &wanted);
}

void session_lacks(struct session *session, const struct request_lack *page)
{
	session_interface_take_lack(&session->interface, page);
	routes_missing(&session->routes, page->prefix, page->count, page->offset == 0);
	if (page->offset + page->count == page->total)
		session_report_up(session); /* it may be a default route */
}

void session_set_carrier(struct session *session, bool on)
{
	session_interface_set_carrier(&session->interface, on);
}

/*
 * Removes a family that the kernel refuses from the terms, and from the offer to a server's peer.
 */
static void drop_lacking_families(struct session *session)
{
	static const struct addr none = { .family = AF_UNSPEC };
	struct message_welcome *welcome = session->welcome ? &session->welcome->welcome : NULL;
	struct session_terms *terms = &session->terms;

	if (session_interface_lacks_family(&session->interface, AF_INET)) {
		terms->local4 = terms->remote4 = none;
		if (welcome)
			welcome->client4 = welcome->server4 = none;
	}
	if (session_interface_lacks_family(&session->interface, AF_INET6)) {
		terms->local6 = terms->remote6 = none;
		if (welcome)
			welcome->client6 = welcome->server6 = none;
	}
}

static void interface_made(struct session_interface *interface)
{
	struct session *session = container_of(interface, struct session, interface);

	drop_lacking_families(session);
	session_event(session, SESSION_EVENT_INTERFACE, session_interface_name(interface));
}

static void interface_failed(struct session_interface *interface)
{
	struct session *session = container_of(interface, struct session, interface);

	session->leave = (struct session_leave){ .code = GOODBYE_INTERNAL };
	snprintf(session->leave.text, sizeof(session->leave.text),
		"cannot make the tunnel interface");
	session_event(session, SESSION_EVENT_NO_INTERFACE, "netd could not make the interface");
}

/* Reports the reason to the server, which may be the cause. */
static void interface_refused(struct session_interface *interface, const char *why)
{
	struct session *session = container_of(interface, struct session, interface);
	struct session_terms *terms = &session->terms;
	char text[MESSAGE_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "the client refuses the tunnel's addresses: %s", why);
	terms->local4 = terms->remote4 = (struct addr){ .family = AF_UNSPEC };
	terms->local6 = terms->remote6 = (struct addr){ .family = AF_UNSPEC };
	session_leave(session, GOODBYE_NO_ADDRESS, text, false);
}

static void interface_lost(struct session_interface *interface)
{
	routes_set_interface(&container_of(interface, struct session, interface)->routes, 0);
}

static void interface_carrier(struct session_interface *interface)
{
	struct session *session = container_of(interface, struct session, interface);

	session->world->events->changed(session);
}

static void interface_removed(struct session_interface *interface)
{
	session_event(
		container_of(interface, struct session, interface), SESSION_EVENT_REMOVED, NULL);
}

static const struct session_interface_events interface_events = {
	.made = interface_made,
	.failed = interface_failed,
	.refused = interface_refused,
	.lost = interface_lost,
	.carrier = interface_carrier,
	.removed = interface_removed,
};

/* ---- made and freed ---- */

int session_new(const struct session_world *world, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	*session = (struct session){
		.world = world,
		.name = *name,
		.peer = peer,
		.created = mono_now(),
		.entered = mono_now(),
		.down_since = mono_now(),
	};
	if (!session_is_server(session)) {
		session->nameservers = calloc(1, sizeof(*session->nameservers));
		if (!session->nameservers) {
			free(session);
			return -ENOMEM;
		}
	}
	TAILQ_INIT(&session->lanes);
	session_interface_init(&session->interface, world, &session->name, peer, &interface_events);
	routes_init(&session->routes, &session_routes_events, world->loop, world->netd,
		peer ? peer->max_routes : 0);
	announcer_init(&session->announcer, world->loop, &session->routes, &session->offer);
	rate_init(&session->log_rate, SESSION_LOG_PER_SECOND, SESSION_LOG_BURST, mono_now());
	*ret_session = session;
	return 0;
}

int session_adopt(const struct session_world *world, const struct request_reply *reply,
	const int *fds, size_t fd_count, struct session **ret_session)
{
	const struct request_interface *adopted = &reply->adopted;
	const struct settings_peer *peer = settings_find_peer(world->settings, &adopted->peer);
	struct session *session;

	if (fd_count == 0 || (!peer && !world->settings->unlisted))
		return -EINVAL;
	int r = session_new(world, &adopted->peer, peer, &session);
	if (r < 0)
		return r;
	session->adopted = true;
	session->connections = 1; /* it was up, so its peer may take it over */
	session_interface_adopt(&session->interface, reply, fds, fd_count);
	session->outer = adopted->outer;
	session->terms.lanes = (uint8_t)fd_count;
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

/* ---- what the table does ---- */

/* netd logs the outcome itself. A failure is not fatal: a tunnel works without its resolvers. */
void session_use_nameservers(const struct session *session)
{
	const struct settings *settings = session->world->settings;
	struct request request = {
		.type = REQUEST_DNS,
		.dns = { .interface = session_interface_number(&session->interface),
			.nameservers = *session->nameservers },
	};

	if (!settings->use_dns || settings_is_elsewhere(settings))
		return;
	if (netd_link_send(session->world->netd, &request) < 0)
		log_error(
			"%s: cannot use the server's resolvers: out of memory", session->name.name);
}

/* Sets the interface to the terms; then the first lane takes packets from the peer. */
static int prepare_carrying(struct session *session)
{
	struct session_terms *terms = &session->terms;
	size_t queues = session_interface_count_queues(&session->interface);
	int r = session_interface_set_offloads(
		&session->interface, terms->offloads_read, &terms->offloads_read);

	if (r < 0)
		return r;
	terms->offloads_send &= terms->offloads_read;
	if (terms->lanes > queues)
		terms->lanes = (uint8_t)queues;
	return session_lane_hold(session->control);
}

/*
 * Does everything that begins a connection, in the order that the peer needs. False: it cannot carry
 * packets.
 */
static bool begin(struct session *session)
{
	session->up_since = mono_now();
	session->doubted = (struct mono){ 0 };
	session->lane_lost = (struct mono){ 0 }; /* that was on the connection before */
	session->connections++;
	session_update_reach(session);
	if (!session->filter) {
		log_error("%s: cannot carry packets: out of memory for the packet filter",
			session->name.name);
		return false;
	}
	int r = prepare_carrying(session);
	if (r == 0 && session->welcome) {
		session->welcome->welcome.lanes = session->terms.lanes;
		session_send(session, session->welcome);
	}
	if (r == 0)
		r = session_lane_carry(session->control);
	if (r < 0) {
		session_interface_break(&session->interface);
		log_error("%s: cannot carry packets on %s: %s", session->name.name,
			session_interface_name(&session->interface), error_text(r));
		return false;
	}
	free(session->welcome);
	session->welcome = NULL;
	session_answer_early_ping(session);
	session_replay(session);
	if (!session_is_server(session))
		session_use_nameservers(session);
	routes_set_interface(&session->routes, session_interface_number(&session->interface));
	session_interface_set_carrier(&session->interface, true);
	session->world->events->changed(session);
	session->world->events->up(session);
	session_want_lanes(session, true);
	session_report_up(session);
	return true;
}

void session_end_lanes(struct session *session)
{
	struct session_lane *sl;

	session_interface_detach(&session->interface);
	announcer_end(&session->announcer);
	TAILQ_FOREACH(sl, &session->lanes, link) {
		liveness_stop(&sl->liveness);
		lane_end(sl->lane);
	}
}

/* Between two connections the interface stays, unless it is broken. */
static void become_idle(struct session *session)
{
	if (session->carried)
		session->lost = session->leave;
	session->carried = false;
	session->last_leave = session->leave;
	session->leave = (struct session_leave){ 0 };
	session_interface_disconnected(&session->interface);
	session->world->events->idle(session, session->last_leave.retry_after_ms);
}

/* Called again after a lane has ended or netd has answered, until nothing is left to wait for. */
void session_remove(struct session *session)
{
	if (!session->routes.clearing)
		session->world->events->changed(session);
	session->routes.clearing = true;
	session_interface_detach(&session->interface);
	if (session->routes.call.pending || !TAILQ_EMPTY(&session->lanes))
		return;
	session_interface_remove(&session->interface);
}

/* Called by the loop, so that no caller is left with a freed session. */
static void reap(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, reap);
	struct loop *loop = session->world->loop;

	session->world->events->ended(session);
	announcer_free(&session->announcer);
	routes_free(&session->routes);
	prefix_list_free(&session->offer);
	filter_unref(session->filter);
	tls_peer_chain_unref(session->chain);
	loop_timer_stop(loop, &session->linger);
	loop_timer_stop(loop, &session->unclaimed);
	loop_timer_stop(loop, &session->expiry);
	session_interface_free(&session->interface);
	peer_names_unref(session->lane_peer.names);
	free(session->welcome);
	free(session->nameservers);
	free(session);
}

static void finish(struct session *session)
{
	loop_timer_start(session->world->loop, &session->reap, mono_now(), reap);
}

/*
 * Users watch for entering and leaving "up". They also need to see that a connection came to
 * nothing: with TLS 1.3 a client learns only then that its certificate was refused. Other changes
 * are details.
 */
static enum log_level level_of(enum session_state from, enum session_state to)
{
	bool failed = (from == SESSION_GREETING || from == SESSION_OPENING) &&
		to != SESSION_GREETING && to != SESSION_OPENING;

	return failed || from == SESSION_UP || to == SESSION_UP ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO;
}

/* False: the action failed, and the session has to leave. */
static bool act(struct session *session, enum session_action action)
{
	switch (action) {
	case SESSION_ACTION_NONE:
	case SESSION_ACTION_COUNT:
		break;
	case SESSION_ACTION_SEND_HELLO:
		session_send_hello(session);
		break;
	case SESSION_ACTION_MAKE_INTERFACE:
		make_interface(session);
		break;
	case SESSION_ACTION_BEGIN:
		return begin(session);
	case SESSION_ACTION_SAY_GOODBYE:
		session_send_goodbye(session);
		break;
	case SESSION_ACTION_END_LANES:
		session_end_lanes(session);
		break;
	case SESSION_ACTION_REST:
		become_idle(session);
		break;
	case SESSION_ACTION_REMOVE:
		session_remove(session);
		break;
	case SESSION_ACTION_FINISH:
		finish(session);
		break;
	}
	return true;
}

/* False: as act(). */
static bool change(struct session *session, enum session_event event, const char *why)
{
	enum session_state old = session->state, next = old;
	enum session_action action = SESSION_ACTION_NONE;

	if (!session_next(old, event, &next, &action)) {
		log_error("%s: session: event \"%s\" in state %s ignored: this is a bug in Culvert",
			session->name.name, session_event_text(event), session_state_text(old));
		return true;
	}
	session->state = next;
	if (old != next) {
		session->entered = mono_now();
		if (old == SESSION_UP) {
			session->down_since = session->entered;
			session->carried = true;
		}
		log_write(level_of(old, next), "%s: session: %s -> %s: %s", session->name.name,
			session_state_text(old), session_state_text(next),
			why && why[0] ? why : session_event_text(event));
	}
	return act(session, action);
}

void session_event(struct session *session, enum session_event event, const char *why)
{
	static const char failure[] = "the tunnel interface failed";

	if (change(session, event, why))
		return;
	session->leave = (struct session_leave){ .code = GOODBYE_INTERNAL };
	memcpy(session->leave.text, failure, sizeof(failure));
	(void)change(session, SESSION_EVENT_LEAVE, failure);
}

/* ---- connections ---- */

/* Lends the route rule what the entry and the settings allow. */
static void set_accept_rule(struct session *session)
{
	struct route_rule *rule = &session->routes.rule;

	rule->accept = session->peer ? session->peer->accept_routes.items : NULL;
	rule->accept_count = session->peer ? session->peer->accept_routes.count : 0;
	rule->full_tunnel = settings_takes_default(session->world->settings);
}

void session_set_entry(struct session *session, const struct settings_peer *entry)
{
	session->peer = entry;
	session->interface.peer = entry;
	set_accept_rule(session);
	session_set_tunnel_rule(session);
}

/* Takes the lane that opens a connection; it gets the control role. -ENOMEM. */
static int take_lane(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	int r = session_add_lane(session, lane, outer, SESSION_LANE_OPENING, &session->control);

	if (r < 0)
		return r;
	routes_begin(&session->routes);
	session->heard_routes = false;
	session->reported_up = false;
	(void)peer_names_ref(peer->names); /* first: it may be the same set */
	peer_names_unref(session->lane_peer.names);
	session->lane_peer = *peer;
	tls_peer_chain_unref(session->chain);
	session->chain = tls_peer_chain_ref(session->control->chain);
	session->outer = *outer;
	session->outer_addr = outer->addr;
	session->routes.rule.outer = &session->outer_addr;
	/* In another network namespace no route can capture the outer connection. */
	session->routes.rule.outer_count = !session_is_apart(session);
	set_accept_rule(session);
	return 0;
}

/* Writes "WHAT 192.0.2.1:443, TLS_AES_256_GCM_SHA384, X25519" for a log line. Returns `out`. */
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
	loop_timer_stop(session->world->loop, &session->linger);
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

/* Ends all lanes, and the session goes on without them. */
static void leave_lanes(struct session *session)
{
	struct session_lane *sl;

	session->control = NULL;
	loop_timer_stop(session->world->loop, &session->unclaimed);
	announcer_end(&session->announcer);
	TAILQ_FOREACH(sl, &session->lanes, link)
		session_lane_leave(sl);
}

void session_disconnect(struct session *session, const char *why)
{
	if (session->state == SESSION_IDLE)
		return;
	leave_lanes(session);
	session_event(session, SESSION_EVENT_LANE_LOST, why);
}

void session_switch(struct session *session, bool goodbye, const char *why)
{
	struct message message = { .type = MESSAGE_GOODBYE,
		.goodbye = { .code = GOODBYE_SHUTDOWN, .class = GOODBYE_CLASS_RETRY } };

	if (goodbye && session->control) {
		(void)snprintf(message.goodbye.text, sizeof(message.goodbye.text), "%s", why);
		session_lane_send(session->control, &message);
	}
	snprintf(session->leave.text, sizeof(session->leave.text), "%s", why);
	leave_lanes(session);
	session_event(session, SESSION_EVENT_LANE_LOST, why);
}

bool session_is_silent(const struct session *session)
{
	const struct session_lane *sl;

	if (session->state != SESSION_UP || session->doubted.ns == 0)
		return false;
	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->stage == SESSION_LANE_CARRYING &&
			mono_before(session->doubted, lane_heard(sl->lane)))
			return false;
	}
	return true;
}

/* How long a peer that hears this code stays away; 0: it decides itself. */
static uint32_t retry_after_ms(uint16_t goodbye_code)
{
	switch (goodbye_code) {
	case GOODBYE_REVOKED:
		return GOODBYE_REVOKED_WAIT_MS;
	case GOODBYE_ELSEWHERE:
		return GOODBYE_ELSEWHERE_MS;
	default:
		return 0;
	}
}

void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final)
{
	session->final = session->final || final;
	if (session->state < SESSION_CLOSING) {
		session->leave = (struct session_leave){
			.code = goodbye_code,
			.retry_after_ms = retry_after_ms(goodbye_code),
		};
		snprintf(session->leave.text, sizeof(session->leave.text), "%s", text);
	}
	session_event(session, SESSION_EVENT_LEAVE, text);
}

bool session_hides_names(const struct session *session)
{
	return !session_is_server(session) &&
		(session->world->settings->full_tunnel || session->nameservers->server_count > 0);
}

void session_announced_changed(struct session *session)
{
	session_update_reach(session);
	int r = session_update_offer(session);
	if (r < 0)
		session_cannot_announce(session, r);
	else if (announcer_changed(&session->announcer) < 0)
		log_warning("%s: out of memory: announces what has changed a little later",
			session->name.name);
}

void session_sum(const struct session *session, struct lane_counters *ret_sums)
{
	const struct session_lane *sl;

	*ret_sums = (struct lane_counters){ 0 };
	counters_add(ret_sums, &session->past);
	TAILQ_FOREACH(sl, &session->lanes, link)
		counters_add(ret_sums, lane_counters(sl->lane));
}

void session_fault(struct session *session, uint16_t code, const char *text)
{
	log_warning("%s: the peer broke the protocol: %s", session->name.name, text);
	session_leave(session, code, text, session_is_server(session));
}

/* The last lane is lost, and with it the connection: the session becomes idle or ends. */
static void connection_lost(struct session *session, const char *why)
{
	leave_lanes(session);
	if (session->leave.text[0])
		why = session->leave.text;
	else if (session->state < SESSION_CLOSING)
		snprintf(session->leave.text, sizeof(session->leave.text), "%.*s", MESSAGE_TEXT_MAX,
			why);
	/* A server keeps a session that was up until its peer returns. */
	if (session_is_server(session) &&
		(session->connections == 0 || session->world->settings->linger.ns == 0))
		session->final = true;
	session_event(
		session, session->final ? SESSION_EVENT_LAST_LANE : SESSION_EVENT_LANE_LOST, why);
}

/* A lane was lost, and the session did not order that. `steady`: it had carried for a while. */
static void lane_lost(struct session *session, unsigned number, bool steady, const char *why)
{
	if (session->state == SESSION_CLOSING && session_lane_count(session) > 0)
		return; /* the other lanes end as well */
	if (session->state != SESSION_UP || !session_lane_carrying(session)) {
		connection_lost(session, why);
		return;
	}
	session->lane_lost = mono_now();
	if (rate_take(&session->log_rate, session->lane_lost))
		log_notice("%s: lost lane %u, %u remain: %s", session->name.name, number,
			session_lane_count(session), why);
	/* The cause may concern all lanes. */
	session_probe(session);
	if (!session->control)
		session_move_control(session);
	session_want_lanes(session, steady);
}

static void on_lane_ended(struct session_lane *sl, enum lane_end end, const char *text)
{
	struct session *session = sl->session;
	bool leaving = sl->stage == SESSION_LANE_LEAVING;
	bool steady = session_lane_is_steady(sl);
	unsigned number = sl->number;
	char why[PROBLEM_TEXT_MAX + 64];

	snprintf(why, sizeof(why), "%s%s%s", lane_end_text(end), text[0] ? ": " : "", text);
	if (end == LANE_END_TUN && !leaving)
		session_interface_break(&session->interface);
	if (sl == session->control)
		session->control = NULL;
	session_lane_free(sl);
	if (!leaving)
		lane_lost(session, number, steady, why);
	else if (session->state == SESSION_REMOVING)
		session_remove(session);
}

/*
 * The goodbye may reach a peer that is only slow. The session does not wait for the lane's end,
 * which takes long when the peer is dead.
 */
static void on_lane_dead(struct session_lane *sl, struct duration silence)
{
	static const struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye = {
			.code = GOODBYE_DEAD_PEER, .text = "the peer was silent for too long" } };
	struct session *session = sl->session;
	unsigned number = sl->number;
	char text[MESSAGE_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "nothing heard for %.1f s", duration_seconds(silence));
	log_warning("%s: this end closes lane %u: %s; the peer or the network to it has failed",
		session->name.name, number, text);
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
	lane_lost(session, number, steady, why);
}

/* A lane that is too slow to join ends alone. */
static void on_lane_fault(struct session_lane *sl, uint16_t code, const char *text)
{
	if (code == GOODBYE_DEADLINE && sl != sl->session->control)
		session_lane_drop(sl, text);
	else
		session_fault(sl->session, code, text);
}

/*
 * Where another connection is attempted beside it, the last lane goes on until that one answers: it
 * may wake up first.
 */
static void on_lane_doubted(struct session_lane *sl)
{
	struct session *session = sl->session;

	if (session->state != SESSION_UP)
		return;
	if (!session_is_silent(session))
		session->doubted = mono_now();
	if (session->world->events->doubted(session) && session_lane_is_last(sl))
		session_lane_ask(sl);
	else
		session_lane_probe(sl);
}

static const struct session_lane_events lane_events = {
	.doubted = on_lane_doubted,
	.control = session_control,
	.fault = on_lane_fault,
	.dead = on_lane_dead,
	.ended = on_lane_ended,
};

int session_add_lane(struct session *session, struct lane *lane, const struct endpoint *outer,
	enum session_lane_stage stage, struct session_lane **ret_session_lane)
{
	int r = session_lane_new(session, &lane_events, lane, outer, stage, ret_session_lane);

	if (r < 0)
		return r;
	session_watch_expiry(session);
	session->world->events->lane_added(session);
	return 0;
}

static bool has_lost_address(const struct session_lane *sl)
{
	struct addr local = lane_local(sl->lane);

	return sl->stage != SESSION_LANE_LEAVING && addr_is_set(&local) &&
		!local_address_is_here(&local);
}

/*
 * A lane whose address is gone cannot recover; the other lanes have to prove that they work. All of
 * them leave before lane_lost(), so that none of them gets the control role.
 */
void session_network_changed(struct session *session)
{
	struct session_lane *sl;
	unsigned number = 0;

	if (session->state != SESSION_UP)
		return;
	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (!has_lost_address(sl))
			continue;
		number = sl->number;
		if (sl == session->control)
			session->control = NULL;
		session_lane_leave(sl);
	}
	if (number > 0)
		lane_lost(session, number, true, "this host has lost the connection's address");
	else
		session_probe(session);
}
