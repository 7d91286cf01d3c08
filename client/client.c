/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "client/options.h"
#include "engine/session.h"

/*
 * netd draws the instance once for each run of the program. By it a server distinguishes a
 * returning client, even one with a restarted engine, from a second one with the same certificate.
 */

enum {
	CLIENT_STEADY_S = 10, /* seconds; a session up for that long resets the backoff */
	SILENCE_MS = 2000,    /* how long data was not acknowledged when a session is doubted */
};

static struct client *client_of(struct engine *engine)
{
	return container_of(engine, struct client, engine);
}

/* ---- for both dialers ---- */

static int make_lane(struct engine *engine, int fd, struct mono deadline, struct lane_owner *owner,
	struct lane **ret_lane)
{
	return lane_new(
		engine_pick_worker(engine), engine->tls, TLS_CLIENT, fd, deadline, owner, ret_lane);
}

/* ---- the connection ---- */

static struct client *client_of_dialer(struct dialer *dialer)
{
	return container_of(dialer, struct client, dialer);
}

static int dialer_lane(struct dialer *dialer, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	return make_lane(&client_of_dialer(dialer)->engine, fd, deadline, owner, ret_lane);
}

static void dialer_ended(struct dialer *dialer)
{
	engine_end_if_idle(&client_of_dialer(dialer)->engine);
}

/* Moves the session from the connection that it has to this one. */
static int move_session(struct client *client, bool goodbye, const char *why, struct lane *lane,
	const struct lane_peer *peer, const struct endpoint *outer)
{
	client->switching = true;
	session_switch(client->session, goodbye, why);
	client->switching = false;
	return session_greet(client->session, lane, peer, outer);
}

static bool is_other_server(const struct client *client, const struct endpoint *outer)
{
	const struct endpoint *old = &client->session->outer;

	return old->port != outer->port || !addr_equal(&old->addr, &outer->addr);
}

/* Beside a silent connection the first that answers wins: that one, or the new one. */
static int connected(struct dialer *dialer, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	struct client *client = client_of_dialer(dialer);
	struct session *session = client->session;

	if (session && session->state == SESSION_IDLE)
		return session_greet(session, lane, peer, outer);
	if (session && session->state == SESSION_CLOSING)
		return -EAGAIN; /* it is idle soon */
	if (!session || !session_is_silent(session)) {
		client->beside = false;
		return -ECANCELED;
	}
	return move_session(client, is_other_server(client, outer),
		"another connection answered first", lane, peer, outer);
}

static bool connection_is_wanted(struct dialer *dialer)
{
	struct client *client = client_of_dialer(dialer);
	struct session *session = client->session;
	bool wanted = session && (session->state != SESSION_UP || session_is_silent(session));

	if (!wanted)
		client->beside = false;
	return wanted;
}

/* A server that has a session for this client may still be making it: it gets a goodbye. */
static void welcome_is_late(struct dialer *dialer)
{
	struct client *client = client_of_dialer(dialer);

	if (client->session && client->session->state == SESSION_GREETING)
		session_switch(client->session, true, "no welcome in time; trying another server");
}

static void count_failure(struct client *client)
{
	client->failures++;
	client->failed = mono_now();
}

/* For status and doctor: the user may not see the log, as in a container. */
static void failed(struct dialer *dialer, const char *text)
{
	struct client *client = client_of_dialer(dialer);
	struct session *session = client->session;

	if (!session || session->state != SESSION_IDLE)
		return;
	count_failure(client);
	session->last_leave = (struct session_leave){ .attempt = true };
	(void)snprintf(session->last_leave.text, sizeof(session->last_leave.text), "%s", text);
}

static const struct dialer_events dialer_events = {
	.lane = dialer_lane,
	.wanted = connection_is_wanted,
	.slow = welcome_is_late,
	.connected = connected,
	.failed = failed,
	.ended = dialer_ended,
};

/* ---- further lanes ---- */

static struct client *client_of_joiner(struct dialer *joiner)
{
	return container_of(joiner, struct client, joiner);
}

static int joiner_lane(struct dialer *joiner, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	return make_lane(&client_of_joiner(joiner)->engine, fd, deadline, owner, ret_lane);
}

static void joiner_ended(struct dialer *joiner)
{
	engine_end_if_idle(&client_of_joiner(joiner)->engine);
}

/*
 * The session moves to a connection with the renewed certificate. The joiner makes it, as it stays at
 * the session's server, and the old one carries until then.
 */
static bool awaits_renewed(const struct client *client)
{
	return client->renewed && client->session && client->session->state == SESSION_UP;
}

static bool lane_is_wanted(struct dialer *joiner)
{
	const struct client *client = client_of_joiner(joiner);

	return client->session && (session_wants_lane(client->session) || awaits_renewed(client));
}

static int lane_connected(struct dialer *joiner, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	struct client *client = client_of_joiner(joiner);

	if (!client->session)
		return -ENOTCONN;
	if (is_other_server(client, outer))
		return -ECANCELED; /* the session has moved */
	if (awaits_renewed(client)) {
		client->renewed = false;
		return move_session(client, false,
			"a connection with the renewed certificate takes over", lane, peer, outer);
	}
	return session_join(client->session, lane, outer);
}

static const struct dialer_events joiner_events = {
	.lane = joiner_lane,
	.wanted = lane_is_wanted,
	.connected = lane_connected,
	.ended = joiner_ended,
};

/* ---- the way back to a better remote ---- */

static struct client *client_with(struct preferred *preferred)
{
	return container_of(preferred, struct client, preferred);
}

static int preferred_lane(struct preferred *preferred, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	return make_lane(&client_with(preferred)->engine, fd, deadline, owner, ret_lane);
}

static bool preferred_held(struct preferred *preferred, size_t remote, const struct endpoint *outer)
{
	return dialer_is_held(&client_with(preferred)->dialer, remote, outer);
}

static void preferred_hold(struct preferred *preferred, size_t remote, const struct endpoint *outer,
	struct duration wait)
{
	dialer_hold(&client_with(preferred)->dialer, remote, outer, wait);
}

static int preferred_steady(struct preferred *preferred, struct lane *lane,
	const struct lane_peer *peer, size_t remote, const struct endpoint *outer)
{
	struct client *client = client_with(preferred);

	if (!client->session || client->session->state != SESSION_UP)
		return -ENOTCONN;
	log_notice("%s: returns to the preferred remote %s", client->session->name.name,
		client->engine.settings->remotes[remote].host);
	int r = move_session(
		client, true, "the client returns to a preferred server", lane, peer, outer);
	if (r == 0)
		dialer_took(&client->dialer, remote, outer);
	else
		dialer_begin(&client->dialer, true);
	return r;
}

static void preferred_ended(struct preferred *preferred)
{
	engine_end_if_idle(&client_with(preferred)->engine);
}

static const struct preferred_events preferred_events = {
	.lane = preferred_lane,
	.held = preferred_held,
	.hold = preferred_hold,
	.steady = preferred_steady,
	.ended = preferred_ended,
};

static void session_up(struct engine *engine, struct session *session)
{
	struct client *client = client_of(engine);

	(void)session;
	client->beside = false;
	client->renewed = false;
	dialer_settle(&client->dialer);
	preferred_watch(&client->preferred, dialer_priority(&client->dialer));
	renewal_up(&client_of(engine)->renewal.renewal);
}

static bool session_doubted(struct engine *engine, struct session *session)
{
	struct client *client = client_of(engine);

	if (engine->world.stopping || client->dialer.stopped)
		return false;
	if (!client->beside) {
		log_notice(
			"%s: data is not acknowledged: connecting again beside the old connection, and the first that answers is used",
			session->name.name);
		client->beside = true;
		dialer_begin_beside(&client->dialer, DURATION_MS(SILENCE_MS));
	}
	return true;
}

static void certificate_renewed(struct client_renewal *renewal)
{
	struct client *client = container_of(renewal, struct client, renewal);
	struct session *session = client->session;

	if (!session || session->state != SESSION_UP || client->engine.world.stopping)
		return; /* the next connection begins with it */
	client->renewed = true;
	dialer_begin_at(&client->joiner, client->dialer.remote, &session->outer, true);
}

/* The joiner dials one lane at a time. */
static void lane_wanted(struct engine *engine, struct session *session, bool at_once)
{
	struct client *client = client_of(engine);

	/* The first dialer stays at the remote to which it connected. */
	dialer_begin_at(&client->joiner, client->dialer.remote, &session->outer, at_once);
}

static int client_start(struct engine *engine, struct problem *problem)
{
	struct client *client = client_of(engine);
	const struct settings_peer *server = &engine->settings->peers[0];

	int r = dialer_init(&client->dialer, engine->world.loop, engine->world.netd,
		engine->settings, &dialer_events);
	if (r == 0)
		r = dialer_init(&client->joiner, engine->world.loop, engine->world.netd,
			engine->settings, &joiner_events);
	preferred_init(&client->preferred, engine->world.loop, engine->world.netd, engine->settings,
		&preferred_events);
	client->session = peers_find(&engine->peers, &server->name); /* adopted */
	if (r == 0 && !client->session)
		r = engine_new_session(engine, &server->name, server, &client->session);
	if (r < 0) {
		problem_set(problem, "cannot prepare the connection to the server %s: %s",
			server->name.name, error_text(r));
		return r;
	}
	client_renewal_start(&client->renewal, engine, &client->session, certificate_renewed);
	memcpy(client->session->instance, engine->instance, sizeof(client->session->instance));
	if (client->session->outer.port != 0) { /* the last engine passed an endpoint */
		dialer_keep(&client->dialer, &client->session->outer);
		if (session_hides_names(client->session))
			dialer_know(&client->dialer, 0, &client->session->outer);
	}
	dialer_begin(&client->dialer, true);
	return 0;
}

static void client_stop(struct engine *engine)
{
	struct client *client = client_of(engine);

	if (client->dialer.loop)
		dialer_stop(&client->dialer);
	if (client->joiner.loop)
		dialer_stop(&client->joiner);
	preferred_stop(&client->preferred);
}

static const struct client *const_client_of(const struct engine *engine)
{
	return (const struct client *)(const void *)((const char *)engine -
		offsetof(struct client, engine));
}

static void attempts(const struct engine *engine, struct engine_attempts *ret_attempts)
{
	const struct client *client = const_client_of(engine);

	*ret_attempts = (struct engine_attempts){ .count = client->failures,
		.last = client->failed };
	ret_attempts->waits = dialer_is_waiting(&client->dialer, &ret_attempts->next);
}

static void remote(const struct engine *engine, struct engine_remote *ret_remote)
{
	const struct client *client = const_client_of(engine);
	const struct preferred *preferred = &client->preferred;

	*ret_remote = (struct engine_remote){
		.index = client->dialer.removed ? SIZE_MAX : client->dialer.remote,
		.probes = preferred->running,
		.next = preferred->next,
		.answers = preferred->answers,
		.answering = preferred->answering,
		.since = preferred->since,
	};
}

static bool client_is_idle(const struct engine *engine)
{
	const struct client *client = const_client_of(engine);

	return (!client->dialer.loop || dialer_is_idle(&client->dialer)) &&
		(!client->joiner.loop || dialer_is_idle(&client->joiner)) &&
		preferred_is_idle(&client->preferred);
}

static void session_idle(struct engine *engine, struct session *session, uint32_t retry_after_ms)
{
	struct client *client = client_of(engine);

	preferred_stop(&client->preferred);
	/*
	 * Its handshakes are refused now, until a certificate or a list changes. If one has changed
	 * since the connection showed the refused one, the next handshake finds out.
	 */
	if (session->lost.code == GOODBYE_REVOKED) {
		if (client->changed && session->last_leave.heard)
			retry_after_ms = 0;
		else if (retry_after_ms == 0)
			retry_after_ms = GOODBYE_REVOKED_WAIT_MS;
	}
	client->changed = false;
	dialer_hold(&client->dialer, client->dialer.remote, &session->outer,
		DURATION_MS(retry_after_ms));
	if (session->up_since.ns == 0) {
		count_failure(client);
		dialer_next(&client->dialer); /* this address led to no session */
		return;
	}
	bool steady = duration_seconds(mono_since(mono_now(), session->up_since)) >=
		CLIENT_STEADY_S;
	session->up_since.ns = 0;
	client->failures = 0;
	if (client->switching)
		return;
	if (session_hides_names(session))
		dialer_know(&client->dialer, client->dialer.remote, &session->outer);
	if (steady)
		backoff_reset(&client->dialer.backoff);
	if (session->last_leave.heard && session->last_leave.code == GOODBYE_ELSEWHERE &&
		engine->settings->remote_count > 1)
		dialer_begin(&client->dialer, true); /* another server waits for no backoff */
	else if (client->beside)
		dialer_resume(&client->dialer); /* it was begun when the connection fell silent */
	else
		dialer_begin(&client->dialer, false);
	client->beside = false;
}

static void session_ended(struct engine *engine, struct session *session)
{
	struct client *client = client_of(engine);

	client->session = NULL;
	if (engine->world.stopping)
		return;
	log_error("%s: the session has ended and the client does not retry: %s", session->name.name,
		session->leave.text[0] ? session->leave.text : session->last_leave.text);
	const char *text = session->leave.code == GOODBYE_REPLACED
		? "another instance with the same certificate is connected; give each host a certificate of its own"
		: "the server ended the session";
	if (netd_link_exit(engine->world.netd, EXIT_CODE_REFUSED, text) < 0) {
		log_error(
			"cannot ask netd to end the program: out of memory; netd starts another engine");
		_exit(EXIT_CODE_FAILURE);
	}
}

/* Unreachable endpoints may be reachable now. */
static void client_network(struct engine *engine)
{
	dialer_hurry(&client_of(engine)->dialer);
	dialer_hurry(&client_of(engine)->joiner);
}

/*
 * A full tunnel and a kill switch let a connection pass by its mark, which a socket has from its
 * beginning: the one of now would be held back, or would go into the tunnel that it carries. And a
 * server that refused the old certificate may accept the one of now.
 */
static void settings_changed(struct engine *engine, const struct settings *before)
{
	struct client *client = client_of(engine);

	if (settings_mark(before) != settings_mark(engine->settings) && client->session)
		session_disconnect(client->session,
			"the mark of outer connections has changed with the settings; connecting again");
	if (client->session && client->session->up_since.ns != 0)
		client->changed = true;
	dialer_follow(&client->dialer, before);
	dialer_follow(&client->joiner, before);
	client_renewal_rebase(&client->renewal);
	dialer_hurry_anywhere(&client->dialer);
	dialer_hurry_anywhere(&client->joiner);
	/* A session that is up stays where it is, unless a better remote is there now. */
	if (client->session && client->session->state == SESSION_UP && !client->beside)
		preferred_watch(&client->preferred, dialer_priority(&client->dialer));
}

static void client_renewal(
	struct engine *engine, struct session *session, const struct message *message)
{
	(void)session;
	renewal_take(&client_of(engine)->renewal.renewal, message);
}

static void renewal_status(const struct engine *engine, struct engine_renewal *ret_renewal)
{
	const struct renewal *renewal = &const_client_of(engine)->renewal.renewal;

	*ret_renewal = (struct engine_renewal){ .on = renewal->state != RENEWAL_OFF,
		.due = renewal->due,
		.last = renewal->last,
		.good = renewal->last_good,
		.result = renewal->result };
}

static void client_free(struct engine *engine)
{
	client_renewal_free(&client_of(engine)->renewal);
	dialer_free(&client_of(engine)->dialer);
	dialer_free(&client_of(engine)->joiner);
	preferred_free(&client_of(engine)->preferred);
}

const struct engine_role client_role = {
	.configuration = { .tls_role = TLS_CLIENT,
		.load = client_options_load,
		.compare = client_options_compare },
	.start = client_start,
	.stop = client_stop,
	.is_idle = client_is_idle,
	.session_idle = session_idle,
	.lane_wanted = lane_wanted,
	.session_up = session_up,
	.session_doubted = session_doubted,
	.attempts = attempts,
	.remote = remote,
	.network = client_network,
	.settings_changed = settings_changed,
	.renewal = client_renewal,
	.renewal_status = renewal_status,
	.session_ended = session_ended,
	.free = client_free,
};
