/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/container.h"
#include "base/log.h"
#include "engine/held_back.h"
#include "system/tun.h"
#include "wire/feature.h"

/*
 * Messages from and to the peer, and the events of the session's routes. Each message has one
 * handler, and a set of states in which it is legal. Any other message breaks the protocol.
 */

/* ---- to the peer ---- */

void session_send(struct session *session, const struct message *message)
{
	if (session->control)
		session_lane_send(session->control, message);
}

void session_cannot_announce(struct session *session, int error)
{
	if (session->control)
		session_lane_fail(session->control, "announce prefixes", error);
}

/* Another server does not know the number; through a proxy servers cannot be told apart. */
static bool is_from(const struct session *session, const struct endpoint *server)
{
	return session->world->settings->proxy.kind == PROXY_NONE &&
		session->outer.port == server->port &&
		addr_equal(&session->outer.addr, &server->addr);
}

void session_send_hello(struct session *session)
{
	const struct settings *settings = session->world->settings;
	struct message message = { .type = MESSAGE_HELLO };
	struct message_hello *hello = &message.hello;

	hello->version = MESSAGE_VERSION;
	hello->name = *session->world->identity;
	memcpy(hello->instance, session->instance, sizeof(hello->instance));
	hello->offloads = settings->offloads ? tun_kernel_offloads() : 0;
	hello->lanes = (uint8_t)settings_lanes(settings, session->peer);
	hello->mtu = settings->mtu;
	hello->features = FEATURES_OURS;
	if (is_from(session, &session->last_server))
		hello->last_session = session->last_session;
	session_send(session, &message);
}

void session_answer_early_ping(struct session *session)
{
	struct message pong = { .type = MESSAGE_PONG, .time = session->early_ping };

	if (session->has_early_ping)
		session_send(session, &pong);
}

void session_replay(struct session *session)
{
	struct message end = { .type = MESSAGE_END_OF_ROUTES };

	int r = session_update_offer(session);
	if (r == 0)
		r = announcer_begin(&session->announcer);
	if (r < 0)
		session_cannot_announce(session, r);
	else
		session_send(session, &end);
}

/* While no lane has the control role, all lanes send it. */
void session_send_goodbye(struct session *session)
{
	struct message message = { .type = MESSAGE_GOODBYE };
	struct message_goodbye *goodbye = &message.goodbye;
	struct session_lane *sl;

	goodbye->code = goodbye_code_for(session->terms.features, session->leave.code);
	goodbye->class = (uint8_t)goodbye_code_class(session->leave.code);
	goodbye->retry_after_ms = session->leave.retry_after_ms;
	snprintf(goodbye->text, sizeof(goodbye->text), "%s", session->leave.text);
	log_info("%s: sent a goodbye: %s: %s", session->name.name,
		goodbye_code_text_sent(goodbye->code), goodbye->text);
	session_send(session, &message);
	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (!session->control && sl->stage == SESSION_LANE_CARRYING)
			session_lane_send(sl, &message);
	}
	session_end_lanes(session);
}

/* ---- from the peer ---- */

/* Logs each change: without a log line a host that reaches nothing looks like a broken network. */
static void log_held_back(struct session *session)
{
	unsigned families = held_back_families(session);
	char cause[HELD_BACK_TEXT_MAX];

	if (families == session->held_back)
		return;
	session->held_back = families;
	if (families == HELD_BACK_NONE)
		log_notice("%s: full tunnel: nothing is held back any more", session->name.name);
	else
		log_warning(
			"%s: full tunnel: held back: %s; make the server announce the default route, or remove full_tunnel from this profile and reload it",
			session->name.name, held_back_cause(session, cause));
}

void session_report_up(struct session *session)
{
	if (session_is_server(session) || session->state != SESSION_UP || !session->heard_routes ||
		!routes_complete(&session->routes))
		return;
	log_held_back(session);
	if (session->reported_up)
		return;
	struct request request = {
		.type = REQUEST_UP,
		.dns = { .interface = session_interface_number(&session->interface),
			.nameservers = *session->nameservers },
	};
	session->reported_up = true;
	if (netd_link_send(session->world->netd, &request) < 0)
		log_error("%s: cannot report to netd that the tunnel is up: out of memory",
			session->name.name);
}

/* The codec has checked the addresses and domains. */
static void take_nameservers(struct session *session, const struct message_welcome *welcome)
{
	struct nameservers *taken = session->nameservers;

	*taken = (struct nameservers){ .server_count = 0 };
	if (welcome->dns_count == 0 && welcome->domain_count == 0)
		return;
	if (!session->world->settings->use_dns) {
		log_info(
			"%s: ignored the server's resolvers: use_dns is false", session->name.name);
		return;
	}
	taken->server_count = welcome->dns_count;
	memcpy(taken->server, welcome->dns, sizeof(taken->server));
	taken->domain_count = welcome->domain_count;
	memcpy(taken->domain, welcome->domains, sizeof(taken->domain));
}

/* A larger `mtu` in the profile than at the server has no effect, which nothing else tells. */
static void tell_smaller_mtu(const struct session *session, uint32_t mtu)
{
	uint32_t wanted = session->world->settings->mtu; /* 0: the profile sets none */

	if (mtu < wanted)
		log_notice(
			"%s: mtu = %u in the profile has no effect, because the server has %u; raise `mtu` there",
			session->name.name, wanted, mtu);
}

static void on_welcome(struct session *session, const struct message *message)
{
	const struct message_welcome *welcome = &message->welcome;
	const struct settings *settings = session->world->settings;
	uint32_t ours = settings->offloads ? tun_kernel_offloads() : 0;

	if (welcome->version != MESSAGE_VERSION) {
		session_leave(
			session, GOODBYE_VERSION, "unknown protocol version in welcome", false);
		return;
	}
	session->terms = (struct session_terms){
		.session_id = welcome->session_id,
		.mtu = welcome->mtu,
		.lanes = welcome->lanes,
		.offloads_read = ours,
		.offloads_send = welcome->offloads & ours,
		.offloads_accept = ours,
		.local4 = welcome->client4,
		.remote4 = welcome->server4,
		.local6 = welcome->client6,
		.remote6 = welcome->server6,
		.ping_interval = DURATION_MS(welcome->ping_ms),
		.dead_after = DURATION_MS(welcome->dead_ms),
		.features = welcome->features,
	};
	session->last_session = welcome->session_id;
	session->last_server = session->outer;
	memcpy(session->token, welcome->token, sizeof(session->token));
	tell_smaller_mtu(session, welcome->mtu);
	take_nameservers(session, welcome);
	session_set_tunnel_rule(session);
	lane_admit(session->control->lane);
	session_event(session, SESSION_EVENT_TERMS, "welcome");
}

/* The server has changed what it pushed with welcome. */
static void on_push(struct session *session, const struct message *message)
{
	if (session_is_server(session)) {
		session_fault(session, GOODBYE_PROTOCOL, "only a server may send push");
		return;
	}
	take_nameservers(session, &message->welcome);
	log_info("%s: the server's resolvers have changed", session->name.name);
	if (session->state == SESSION_UP)
		session_use_nameservers(session);
}

void session_push(struct session *session, const struct nameservers *nameservers)
{
	struct message message = { .type = MESSAGE_PUSH };
	struct message_welcome *push = session->welcome ? &session->welcome->welcome
							: &message.welcome;

	push->dns_count = (uint8_t)nameservers->server_count;
	memcpy(push->dns, nameservers->server, sizeof(push->dns));
	push->domain_count = (uint8_t)nameservers->domain_count;
	memcpy(push->domains, nameservers->domain, sizeof(push->domains));
	/* A welcome that waits for its interface takes them along. */
	if (!session->welcome && session->state == SESSION_UP &&
		(session->terms.features & FEATURE_PUSH) != 0)
		session_send(session, &message);
}

static void on_announce(struct session *session, const struct message *message)
{
	routes_announced(&session->routes, &message->prefixes, session->world->announced);
}

static void on_withdraw(struct session *session, const struct message *message)
{
	routes_withdrawn(&session->routes, &message->prefixes);
}

static void on_end_of_routes(struct session *session, const struct message *message)
{
	(void)message;
	session->heard_routes = true;
	routes_end(&session->routes);
	session_report_up(session);
}

static void on_refuse(struct session *session, const struct message *message)
{
	char text[ADDR_TEXT_MAX];

	for (uint16_t i = 0; i < message->prefixes.count; i++) {
		if (!prefix_list_has(&session->announcer.sent, &message->prefixes.prefix[i]))
			continue;
		if (!rate_take(&session->log_rate, mono_now()))
			break;
		log_warning("%s: the peer refuses our route %s: %s", session->name.name,
			prefix_format(&message->prefixes.prefix[i], text),
			route_verdict_text(message->prefixes.reason[i]));
	}
	routes_refused(&session->routes, &message->prefixes, &session->announcer.sent);
}

static void on_ping(struct session *session, const struct message *message)
{
	struct message pong = { .type = MESSAGE_PONG, .time = message->time };

	if (session->welcome) {
		session->early_ping = message->time; /* the client accepts no pong before welcome */
		session->has_early_ping = true;
		return;
	}
	session_send(session, &pong);
}

static void on_pong(struct session *session, const struct message *message)
{
	liveness_pong(&session->control->liveness, message->time.time);
}

static void on_notice(struct session *session, const struct message *message)
{
	if (rate_take(&session->log_rate, mono_now()))
		log_notice("%s: notice: %s", session->name.name, message->notice.text);
}

static void on_goodbye(struct session *session, const struct message *message)
{
	const struct message_goodbye *goodbye = &message->goodbye;
	enum goodbye_class class = goodbye_class(goodbye);

	log_notice("%s: received a goodbye: %s: %s", session->name.name,
		goodbye_code_text(goodbye->code), goodbye->text);
	session->leave = (struct session_leave){
		.code = goodbye->code,
		.heard = true,
		.retry_after_ms = goodbye->retry_after_ms,
	};
	if (class == GOODBYE_CLASS_WAIT && session->leave.retry_after_ms == 0)
		session->leave.retry_after_ms = GOODBYE_WAIT_MS;
	snprintf(session->leave.text, sizeof(session->leave.text), "%s",
		goodbye->text[0] ? goodbye->text : goodbye_code_text(goodbye->code));
	/*
	 * A server ends the session of a client that leaves; a client that takes us for dead will
	 * return. A client stays away only when the goodbye orders it. Otherwise two hosts with one
	 * certificate would replace each other forever.
	 */
	if (session_is_server(session) ? goodbye->code != GOODBYE_DEAD_PEER
				       : class == GOODBYE_CLASS_STOP)
		session->final = true;
	session_event(session, SESSION_EVENT_GOODBYE, goodbye_code_text(goodbye->code));
}

static void on_join(struct session *session, const struct message *message)
{
	if (session_is_server(session))
		session_claimed(session->control, &message->join);
	else
		session_fault(session, GOODBYE_PROTOCOL, "only a client may send join");
}

/* The answer to a claim. Nothing is left to do: the client took the role when it sent the claim. */
static void on_joined(struct session *session, const struct message *message)
{
	(void)message;
	if (session_is_server(session))
		session_fault(session, GOODBYE_PROTOCOL, "only a server may send joined");
}

bool session_send_renewal(struct session *session, const struct message *message)
{
	if (session->state != SESSION_UP || !session->control ||
		!(session->terms.features & FEATURE_RENEWAL))
		return false;
	session_send(session, message);
	return true;
}

static void on_renewal(struct session *session, const struct message *message)
{
	bool from_client = session_is_server(session);

	if (message->type == (from_client ? MESSAGE_ISSUED : MESSAGE_SIGN)) {
		session_fault(session, GOODBYE_PROTOCOL,
			"only a client may send sign, only a server issued");
		return;
	}
	if (session->world->events->renewal)
		session->world->events->renewal(session, message);
}

#define IN(state) (1u << (state))

static const struct {
	void (*handle)(struct session *session, const struct message *message);
	unsigned states; /* the states in which the message is legal */
} handlers[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_WELCOME] = { on_welcome, IN(SESSION_GREETING) },
	[MESSAGE_JOIN] = { on_join, IN(SESSION_UP) },
	[MESSAGE_JOINED] = { on_joined, IN(SESSION_UP) },
	[MESSAGE_ANNOUNCE] = { on_announce, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_WITHDRAW] = { on_withdraw, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_REFUSE] = { on_refuse, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_END_OF_ROUTES] = { on_end_of_routes, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_PING] = { on_ping, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_PONG] = { on_pong, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_SIGN] = { on_renewal, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_ISSUED] = { on_renewal, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_TRUST] = { on_renewal, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_PUSH] = { on_push, IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_NOTICE] = { on_notice,
		IN(SESSION_GREETING) | IN(SESSION_OPENING) | IN(SESSION_UP) },
	[MESSAGE_GOODBYE] = { on_goodbye,
		IN(SESSION_GREETING) | IN(SESSION_OPENING) | IN(SESSION_UP) },
};

/* A goodbye on a lane without the control role ends that lane only: a join was refused. */
static void lane_goodbye(struct session_lane *sl, const struct message_goodbye *goodbye)
{
	char why[MESSAGE_TEXT_MAX + 64];

	snprintf(why, sizeof(why), "received a goodbye: %s: %s", goodbye_code_text(goodbye->code),
		goodbye->text);
	session_lane_drop(sl, why);
}

/*
 * Takes a message on a lane without the control role: signs of life, join and joined. Other
 * messages are late: the peer sent them before the role moved away from this lane.
 */
static void take_without_control(struct session_lane *sl, const struct message *message)
{
	struct session *session = sl->session;
	struct message pong = { .type = MESSAGE_PONG, .time = message->time };
	bool server = session_is_server(session);

	switch (message->type) {
	case MESSAGE_PING:
		session_lane_send(sl, &pong);
		return;
	case MESSAGE_PONG:
		liveness_pong(&sl->liveness, message->time.time);
		return;
	case MESSAGE_NOTICE:
		on_notice(session, message);
		return;
	case MESSAGE_GOODBYE:
		lane_goodbye(sl, &message->goodbye);
		return;
	case MESSAGE_JOIN:
		if (!server)
			break;
		session_claimed(sl, &message->join);
		return;
	case MESSAGE_JOINED:
		if (server)
			break;
		session_joined(sl);
		return;
	default:
		log_debug("%s: lane %u: skipped %s: the lane does not have the control role",
			session->name.name, sl->number, message_type_name(message->type));
		return;
	}
	session_fault(
		session, GOODBYE_PROTOCOL, "only a client may send join, only a server joined");
}

void session_control(struct session_lane *sl, const uint8_t *data, size_t len)
{
	struct session *session = sl->session;
	struct message message;
	struct problem problem = { 0 };

	if (session->state >= SESSION_CLOSING)
		return;
	if (message_decode(data, len, &message, &problem) < 0) {
		session_fault(session, GOODBYE_PROTOCOL, problem.text);
		return;
	}
	if (message.type == MESSAGE_UNKNOWN) {
		log_debug("%s: skipped an unknown control message", session->name.name);
		return;
	}
	if (sl != session->control) {
		take_without_control(sl, &message);
		return;
	}
	if (handlers[message.type].states & IN(session->state)) {
		handlers[message.type].handle(session, &message);
		return;
	}
	problem_set(&problem, "%s in state %s", message_type_name(message.type),
		session_state_text(session->state));
	session_fault(session, GOODBYE_PROTOCOL, problem.text);
}

static void routes_changed(struct routes *routes)
{
	struct session *session = container_of(routes, struct session, routes);

	if (session->state == SESSION_REMOVING) {
		session_remove(session);
	} else if (session->state == SESSION_UP) {
		session_update_reach(session);
		session->world->events->changed(session);
		session_report_up(session);
	}
}

/*
 * Sends only when the peer accepts it. A server's peer has no session before the welcome; a
 * client's peer has one from then on.
 */
static void routes_send_message(struct routes *routes, const struct message *message)
{
	struct session *session = container_of(routes, struct session, routes);

	if (session->state == SESSION_UP ||
		(session->state == SESSION_OPENING && !session_is_server(session)))
		session_send(session, message);
}

static void routes_taken(struct routes *routes, const struct prefix *prefixes, size_t count)
{
	struct session *session = container_of(routes, struct session, routes);

	session->world->events->offered(session, prefixes, count);
	if (session->state == SESSION_UP)
		session_update_reach(session); /* their packets may come at once */
}

static void routes_note(struct routes *routes, const struct route *route, const char *what)
{
	struct session *session = container_of(routes, struct session, routes);
	char text[ADDR_TEXT_MAX], reason[ROUTE_REASON_MAX];

	if (!rate_take(&session->log_rate, mono_now()))
		return;
	prefix_format(&route->prefix, text);
	if (route->state == ROUTE_REFUSED)
		log_warning("%s: route %s: refused: %s", session->name.name, text,
			route_reason(route, reason));
	else
		log_info("%s: route %s: %s", session->name.name, text, what);
}

const struct routes_events session_routes_events = {
	.changed = routes_changed,
	.send = routes_send_message,
	.taken = routes_taken,
	.note = routes_note,
};

void session_set_tunnel_rule(struct session *session)
{
	const struct settings *settings = session->world->settings;
	const struct session_terms *terms = &session->terms;
	const struct addr *const addrs[] = { &terms->local4, &terms->remote4, &terms->local6,
		&terms->remote6 };
	size_t count = 0;

	if (settings->role == SETTINGS_SERVER) {
		if (addr_is_set(&settings->pool4.addr))
			session->tunnel_prefixes[count++] = settings->pool4;
		if (addr_is_set(&settings->pool6.addr))
			session->tunnel_prefixes[count++] = settings->pool6;
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
			if (addr_is_set(addrs[i]))
				session->tunnel_prefixes[count++] = prefix_host(addrs[i]);
		}
	}
	session->routes.rule.tunnel = session->tunnel_prefixes;
	session->routes.rule.tunnel_count = count;
}
