/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "engine/control.h"
#include "engine/peers_certificates.h"
#include "engine/session.h"
#include "lane/lane.h"
#include "system/process.h"

/*
 * The engine's process from beginning to end: netd configures it, it works, and netd stops it or is
 * gone. To stop in good order it sends a goodbye to each peer. When that takes too long, or netd is
 * gone, the process just exits: it holds nothing but descriptors and memory.
 */

enum { ENGINE_STOP_MS = 2000 }; /* shorter than netd waits */

static void deliver_report(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	lane_deliver_report(mail);
}

/*
 * The engine cannot be set up. If the cause may pass, or netd cannot be asked, only this process
 * ends, and netd starts another after a pause. Asking netd to end would take down the whole tunnel.
 */
static void refuse_setup(
	struct engine *engine, int error, enum exit_code code, const struct problem *problem)
{
	if (!error_is_passing(error) &&
		netd_link_exit(engine->world.netd, code, problem->text) == 0)
		return;
	log_error("cannot set up the engine: %s; netd starts another one", problem->text);
	_exit(EXIT_CODE_FAILURE);
}

/* Adoption is complete: now other peers may connect. */
static void on_adopted(struct engine *engine)
{
	struct request ready = { .type = REQUEST_READY, .ready.generation = engine->generation };
	struct problem problem = { 0 };

	if (engine->world.stopping)
		return;
	int r = netd_link_send(engine->world.netd, &ready);
	if (r < 0) {
		problem_set(&problem, "out of memory");
	} else {
		engine->world.ready = true;
		probing_start(&engine->probing, engine->world.netd);
		r = engine->role->start(engine, &problem);
	}
	if (r < 0)
		refuse_setup(engine, r, EXIT_CODE_FAILURE, &problem);
}

/* Attempts that were refused because a certificate was not valid yet need not wait any longer. */
static void on_began(struct validity_watch *watch)
{
	struct engine *engine = container_of(watch, struct engine, validity);

	if (engine->role->network)
		engine->role->network(engine);
}

static void on_configure(struct netd_link_events *events, const struct request_configure *configure,
	const int *fds, size_t fd_count)
{
	struct engine *engine = container_of(events, struct engine, netd_events);
	struct problem problem = { 0 };

	int r = engine_configure(engine, configure, fds, fd_count, &problem);
	if (r < 0) {
		refuse_setup(engine, r, EXIT_CODE_CONFIG, &problem);
	} else {
		engine->world.held = configure->held;
		engine->world.settings = engine->settings;
		engine->world.identity = tls_context_identity(engine->tls);
		peers_judge_certificates(&engine->peers, engine->tls);
		engine->validity.began = on_began;
		validity_watch_follow(
			&engine->validity, engine->world.loop, engine->settings, engine->tls);
		/* Without memory for it, status does not know when absent peers left. */
		if (engine->settings->role == SETTINGS_SERVER)
			(void)departures_init(&engine->departures, engine->settings);
		adoption_begin(&engine->adoption, engine, configure->adopt_count, on_adopted);
	}
}

/* ---- what its sessions report ---- */

/* Sessions only read their world, which is a part of the engine. */
static struct engine *engine_of(const struct session *session)
{
	return container_of((struct session_world *)session->world, struct engine, world);
}

static void on_idle(struct session *session, uint32_t retry_after_ms)
{
	struct engine *engine = engine_of(session);

	if (engine->role->session_idle)
		engine->role->session_idle(engine, session, retry_after_ms);
}

static void on_lane_wanted(struct session *session, bool at_once)
{
	struct engine *engine = engine_of(session);

	if (engine->role->lane_wanted)
		engine->role->lane_wanted(engine, session, at_once);
}

static void on_lane_added(struct session *session)
{
	peers_judge_late(&engine_of(session)->peers, session);
}

static void on_up(struct session *session)
{
	struct engine *engine = engine_of(session);

	if (engine->role->session_up)
		engine->role->session_up(engine, session);
}

static bool on_doubted(struct session *session)
{
	struct engine *engine = engine_of(session);

	return engine->role->session_doubted && engine->role->session_doubted(engine, session);
}

static void on_offered(struct session *session, const struct prefix *prefixes, size_t count)
{
	peers_yield_routes(&engine_of(session)->peers, session, prefixes, count);
}

static void on_changed(struct session *session)
{
	peers_spread(&engine_of(session)->peers, session);
}

static int gather_offer(const struct session *session, struct prefix_list *list)
{
	return peers_gather_offer(&engine_of(session)->peers, session, list);
}

static int gather_sources(const struct session *session, struct prefix_list *list)
{
	return peers_gather_sources(&engine_of(session)->peers, session, list);
}

static int exclusions(const struct session *session, struct filter_exclusions **ret_exclusions)
{
	return peers_exclusions(&engine_of(session)->peers, ret_exclusions);
}

static void on_renewal(struct session *session, const struct message *message)
{
	struct engine *engine = engine_of(session);

	if (engine->role->renewal)
		engine->role->renewal(engine, session, message);
}

static void on_ended(struct session *session)
{
	struct engine *engine = engine_of(session);

	departures_add(&engine->departures, session);
	peers_remove(&engine->peers, session);
	engine->role->session_ended(engine, session);
	engine_end_if_idle(engine);
}

static const struct session_events session_events = {
	.idle = on_idle,
	.lane_wanted = on_lane_wanted,
	.lane_added = on_lane_added,
	.up = on_up,
	.doubted = on_doubted,
	.offered = on_offered,
	.changed = on_changed,
	.gather_offer = gather_offer,
	.gather_sources = gather_sources,
	.exclusions = exclusions,
	.renewal = on_renewal,
	.ended = on_ended,
};

int engine_new_session(struct engine *engine, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session)
{
	int r = session_new(&engine->world, name, peer, ret_session);

	if (r == 0)
		peers_add(&engine->peers, *ret_session);
	return r;
}

/* ---- its end, and what netd reports ---- */

static void stop_overdue(struct loop_timer *timer)
{
	(void)timer;
	log_debug("some peers did not answer goodbye in time");
	_exit(EXIT_CODE_OK);
}

void engine_end_if_idle(struct engine *engine)
{
	if (engine->world.stopping && engine->peers.session_count == 0 &&
		(!engine->settings || engine->role->is_idle(engine)))
		loop_stop(engine->world.loop);
}

static void on_stop(struct netd_link_events *events)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	if (engine->world.stopping)
		return;
	engine->world.stopping = true;
	loop_timer_start(engine->world.loop, &engine->stop_deadline,
		mono_add(mono_now(), DURATION_MS(ENGINE_STOP_MS)), stop_overdue);
	if (engine->settings)
		engine->role->stop(engine);
	peers_leave(&engine->peers, GOODBYE_SHUTDOWN, "the program was stopped");
	engine_end_if_idle(engine);
}

/* Does not ask what the change means: each connection has to prove that it still works. */
static void on_network(struct netd_link_events *events)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	log_info("the network has changed: probing every connection");
	peers_network_changed(&engine->peers);
	if (engine->settings && engine->role->network)
		engine->role->network(engine);
}

static void on_reconfigure(struct netd_link_events *events,
	const struct request_reconfigure *reconfigure, const int *fds, size_t fd_count)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	engine_reload_take(&engine->reload, reconfigure, fds, fd_count);
}

static void on_lack(struct netd_link_events *events, const struct request_lack *page)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	peers_lack(&engine->peers, page);
}

static void on_judged(struct netd_link_events *events, const struct request_judged *judged)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	peers_judged(&engine->peers, judged);
}

static void on_places(struct netd_link_events *events)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	peers_places_changed(&engine->peers);
}

static void on_held(struct netd_link_events *events, const struct request_held *held)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	engine->held = *held;
}

static void on_tracked(struct netd_link_events *events, const struct request_tracked *page)
{
	struct engine *engine = container_of(events, struct engine, netd_events);

	if (engine->settings)
		peers_tracked(&engine->peers, page);
}

/*
 * After a long sleep every peer has given us up. After a short one the host may be in another
 * network.
 */
static void on_resumed(struct resume *resume, struct duration slept)
{
	struct engine *engine = container_of(resume, struct engine, resume);

	log_notice("this host slept for %.0f s", duration_seconds(slept));
	on_network(&engine->netd_events);
}

/*
 * A virtual machine that was paused looks like this when its clock is set, so each connection has
 * to prove that it still works. What the certificates' dates mean by the new clock, their own
 * timers find.
 */
static void on_clock_set(struct resume *resume, struct duration by)
{
	struct engine *engine = container_of(resume, struct engine, resume);

	log_notice("this host's clock was set by %+.0f s", duration_seconds(by));
	on_network(&engine->netd_events);
}

static void on_gone(struct netd_link_events *events)
{
	(void)events;
	log_error("netd has ended: the engine ends too");
	_exit(EXIT_CODE_FAILURE);
}

struct worker *engine_pick_worker(struct engine *engine)
{
	struct worker *least = NULL;

	for (unsigned i = 0; i < engine->worker_count; i++) {
		struct worker
			*worker = engine->workers[(engine->next_worker + i) % engine->worker_count];
		if (!least || worker->lane_count < least->lane_count)
			least = worker;
	}
	engine->next_worker++;
	return least;
}

bool engine_is_short(const struct engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++) {
		if (worker_is_short(engine->workers[i]))
			return true;
	}
	return false;
}

static void free_all(struct engine *engine)
{
	loop_timer_stop(engine->world.loop, &engine->stop_deadline);
	resume_close(&engine->resume);
	validity_watch_stop(&engine->validity);
	if (engine->settings)
		engine->role->free(engine);
	control_close(engine->control);
	engine_reload_free(&engine->reload);
	for (unsigned i = 0; i < engine->worker_count; i++)
		worker_stop(engine->workers[i]);
	probing_free(&engine->probing);
	peers_free(&engine->peers);
	mailbox_close(&engine->reports);
	netd_link_free(engine->world.netd);
	tls_context_unref(engine->tls);
	loop_free(engine->world.loop);
	free(engine->workers);
	departures_free(&engine->departures);
	settings_free(engine->settings);
	if (engine->state_dir_fd >= 0)
		close(engine->state_dir_fd);
	if (engine->issuer_fd >= 0)
		close(engine->issuer_fd);
}

/*
 * netd decides when the engine ends. A terminal or a supervisor signals the whole group, which must
 * not end the engine.
 */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		sigaction(ignored[i], &ignore, NULL);
}

int engine_run(struct engine *engine, const struct engine_role *role)
{
	log_init("engine", LOG_LEVEL_INFO);
	process_harden("culvert-engine");
	ignore_signals();
	engine->role = role;
	engine->state_dir_fd = -1;
	engine->issuer_fd = -1;
	engine->started = mono_now();
	engine->netd_events = (struct netd_link_events){
		.configure = on_configure,
		.reconfigure = on_reconfigure,
		.stop = on_stop,
		.network = on_network,
		.tracked = on_tracked,
		.lack = on_lack,
		.judged = on_judged,
		.places = on_places,
		.held = on_held,
		.gone = on_gone,
	};
	int r = loop_new(&engine->world.loop);
	peers_init(&engine->peers, engine->world.loop);
	if (r == 0)
		r = mailbox_open(&engine->reports, engine->world.loop, deliver_report);
	if (r == 0)
		r = netd_link_new(
			engine->world.loop, REQUEST_FD, &engine->netd_events, &engine->world.netd);
	if (r == 0)
		r = resume_open(&engine->resume, engine->world.loop, on_resumed);
	engine->resume.clock_set = on_clock_set;
	if (r < 0) {
		log_error("the engine cannot start: %s (netd starts it; it cannot be run by hand)",
			error_text(r));
		_exit(EXIT_CODE_FAILURE);
	}
	engine_reload_init(&engine->reload, engine);
	engine->world.descriptors = &engine->descriptors;
	engine->world.announced = &engine->peers.announced.all;
	engine->world.events = &session_events;
	r = loop_run(engine->world.loop);
	free_all(engine);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
