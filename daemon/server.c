/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "daemon/issuer_check.h"
#include "daemon/options.h"
#include "engine/session.h"
#include "lane/lane.h"

/* The server's role functions, in the order of a run. */

enum { REFUSALS_PER_SECOND = 2, REFUSALS_BURST = 50 }; /* log lines */

static struct server *server_of(struct engine *engine)
{
	return container_of(engine, struct server, engine);
}

static void server_listener(struct engine *engine, int fd)
{
	struct server *server = server_of(engine);
	struct problem problem = { .text = "" };

	listener_add(server, fd);
	/* One that comes with a reload begins at once. */
	if (server->offer.pool && listener_start(server, &problem) < 0)
		log_error("%s", problem.text);
}

static void linger_over(struct loop_timer *timer)
{
	session_leave(container_of(timer, struct session, linger), GOODBYE_DEAD_PEER,
		"the client did not return in time", true);
}

/* The session lingers: its peer may return and take it over. */
static void server_session_idle(
	struct engine *engine, struct session *session, uint32_t retry_after_ms)
{
	(void)retry_after_ms;
	loop_timer_start(engine->world.loop, &session->linger,
		mono_add(mono_now(), engine->settings->linger), linger_over);
}

/*
 * Adopted sessions linger, as after a lost connection, and keep their addresses. A session whose
 * address now belongs to another peer ends, as its interface would keep the owner out. If two
 * sessions had each other's address, both would be kept out.
 */
static void adopt_sessions(struct server *server)
{
	struct session *next;

	for (struct session *session = TAILQ_FIRST(&server->engine.peers.sessions); session;
		session = next) {
		struct problem problem = { 0 };

		next = TAILQ_NEXT(session, link);
		if (offer_keep(&server->offer, &session->name, &session->terms.remote4,
			    &session->terms.remote6, &problem) == 0) {
			server_session_idle(&server->engine, session, 0);
			continue;
		}
		log_warning(
			"%s: ended the session that the previous engine kept: %s; the peer gets its addresses again when it connects",
			session->name.name, problem.text);
		session_leave(session, GOODBYE_INTERNAL, problem.text, true);
	}
}

/* Sessions whose addresses the changed settings give to others, or not at all, end. */
static void keep_addresses(struct server *server)
{
	struct session *next;

	for (struct session *session = TAILQ_FIRST(&server->engine.peers.sessions); session;
		session = next) {
		const struct session_terms *terms = &session->terms;
		struct problem problem = { .text = "" };

		next = TAILQ_NEXT(session, link);
		if ((!addr_is_set(&terms->remote4) && !addr_is_set(&terms->remote6)) ||
			offer_keep(&server->offer, &session->name, &terms->remote4, &terms->remote6,
				&problem) == 0)
			continue;
		log_notice("%s: its addresses have changed: %s", session->name.name, problem.text);
		session_leave(session, GOODBYE_INTERNAL,
			"the server's configuration gives this peer other addresses; it gets them when it connects again",
			true);
	}
}

/* ---- for admission ---- */

static struct server *server_with(struct admission *admission)
{
	return container_of(admission, struct server, admission);
}

static int make_lane(struct admission *admission, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	struct engine *engine = &server_with(admission)->engine;

	return lane_new(
		engine_pick_worker(engine), engine->tls, TLS_SERVER, fd, deadline, owner, ret_lane);
}

static int make_session(struct admission *admission, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session)
{
	return engine_new_session(&server_with(admission)->engine, name, peer, ret_session);
}

static void connection_refused(struct admission *admission, const struct endpoint *outer,
	const char *name, const char *cause)
{
	refusal_log(server_with(admission), outer, name, cause);
}

static void connection_ended(struct admission *admission)
{
	trim_note(&server_with(admission)->trim);
	engine_end_if_idle(&server_with(admission)->engine);
}

static const struct admission_events admission_events = {
	.lane = make_lane,
	.session = make_session,
	.refused = connection_refused,
	.ended = connection_ended,
};

/* ---- the role ---- */

static void set_borrowed(struct server *server)
{
	struct engine *engine = &server->engine;

	server->offer.loop = engine->world.loop;
	server->offer.settings = engine->settings;
	server->offer.name = tls_context_identity(engine->tls);
	server->offer.state_dir_fd = engine->state_dir_fd;
	server->admission.settings = engine->settings;
	server->admission.descriptors = &engine->descriptors;
	server->admission.peers = &engine->peers;
	server->admission.offer = &server->offer;
}

static int server_start(struct engine *engine, struct problem *problem)
{
	struct server *server = server_of(engine);

	set_borrowed(server);
	TAILQ_INIT(&server->visitors);
	trim_init(&server->trim, engine->world.loop);
	uint64_t seeds[2];
	if (getrandom(seeds, sizeof(seeds), 0) != (ssize_t)sizeof(seeds)) {
		problem_set(problem, "cannot get random numbers: %s", error_text(errno));
		return -EIO;
	}
	networks_init(&server->visitor_networks, seeds[0]);
	admission_init(&server->admission, &admission_events, seeds[1]);
	rate_init(&server->refusals_logged, REFUSALS_PER_SECOND, REFUSALS_BURST, mono_now());
	int r = issuing_init(&server->issuing, engine->world.loop, engine->issuer_fd, engine->tls);
	if (r < 0)
		problem_set(problem, "cannot listen to the issuing process: %s", error_text(r));
	if (r == 0)
		r = offer_init(&server->offer, problem);
	if (r == 0)
		adopt_sessions(server);
	if (r == 0)
		r = listener_start(server, problem);
	if (r == 0)
		log_notice("%s is ready: %zu listening sockets, %zu peers, %u workers",
			tls_context_identity(engine->tls)->name, server->listener_count,
			engine->settings->peer_count, engine->worker_count);
	return r;
}

static void server_settings_changed(struct engine *engine, const struct settings *before)
{
	struct server *server = server_of(engine);
	struct problem problem = { .text = "" };

	(void)before;
	server->offer.name = tls_context_identity(engine->tls);
	if (!server->offer.pool)
		return; /* server_start() follows and takes all from the new settings */
	issuing_trust_changed(&server->issuing, engine->tls);
	listener_follow(server);
	if (listener_start(server, &problem) < 0)
		log_error("%s", problem.text);
	admission_follow(&server->admission);
	if (offer_follow(&server->offer, &problem) < 0)
		log_error("addresses are given as before the reload: %s", problem.text);
	else
		keep_addresses(server);
}

static void server_stop(struct engine *engine)
{
	struct server *server = server_of(engine);

	if (!server->offer.pool)
		return; /* server_start() has failed */
	/* First of all: a peer that answers late must not cost the leases. */
	offer_stop(&server->offer);
	drain_stop(&server->drain);
	listener_stop(server);
	doorstep_stop(server);
	admission_stop(&server->admission);
}

static void server_drain(struct engine *engine, struct duration over)
{
	struct server *server = server_of(engine);

	drain_begin(&server->drain, engine, &server->admission, over);
}

static bool server_is_idle(const struct engine *engine)
{
	const struct server *server = (const struct server *)(const void *)((const char *)engine -
		offsetof(struct server, engine));

	return server->admission.candidate_count == 0 && server->visitor_count == 0;
}

static void server_session_ended(struct engine *engine, struct session *session)
{
	struct server *server = server_of(engine);

	trim_note(&server->trim);
	issuing_forget(session);
	offer_return(&server->offer, &session->name);
	admission_session_ended(&server->admission, &session->name);
}

static void server_renewal(
	struct engine *engine, struct session *session, const struct message *message)
{
	issuing_take(&server_of(engine)->issuing, session, message);
}

static void server_free(struct engine *engine)
{
	struct server *server = server_of(engine);

	listener_stop(server);
	doorstep_stop(server);
	trim_stop(&server->trim);
	drain_stop(&server->drain);
	issuing_free(&server->issuing);
	offer_free(&server->offer);
}

const struct engine_role server_role = {
	.configuration = { .tls_role = TLS_SERVER,
		.load = daemon_options_load,
		.compare = daemon_options_compare,
		.examine = issuer_check },
	.start = server_start,
	.stop = server_stop,
	.listener = server_listener,
	.session_idle = server_session_idle,
	.settings_changed = server_settings_changed,
	.session_ended = server_session_ended,
	.renewal = server_renewal,
	.is_idle = server_is_idle,
	.drain = server_drain,
	.free = server_free,
};
