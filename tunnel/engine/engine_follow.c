/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <inttypes.h>

#include "base/log.h"
#include "engine/peers_certificates.h"
#include "system/process.h"

/*
 * A reload has changed the settings: each part of the engine that keeps more than a pointer to them
 * follows. Sessions look up their entries first, so that the role finds them by the new settings.
 */

void engine_plan_descriptors(struct engine *engine)
{
	const struct settings *settings = engine->settings;
	struct descriptors *plan = &engine->descriptors;

	if (settings->role != SETTINGS_SERVER)
		return;
	*plan = descriptors_plan(settings, engine->worker_count, process_fd_limit());
	if (plan->sessions < settings->max_sessions || plan->handshakes < settings->max_handshakes)
		log_warning("the limit of open files is %" PRIu64 ", and max_sessions = %" PRIu32
			    " with max_handshakes = %" PRIu32 " needs %" PRIu64
			    ": no more than %" PRIu32 " sessions and %" PRIu32
			    " handshakes are admitted; raise LimitNOFILE= of the unit, or \"ulimit "
			    "-n\", or lower max_sessions",
			plan->limit, settings->max_sessions, settings->max_handshakes,
			descriptors_needed(settings, engine->worker_count), plan->sessions,
			plan->handshakes);
}

static void follow_probes(struct engine *engine)
{
	struct probing *probing = &engine->probing;

	if (probing_configure(probing, probing->loop, engine->settings, true, probing->changed) < 0)
		log_error("the probes stay as before the reload: out of memory");
	probing_start(probing, engine->world.netd);
	probing->changed(probing);
}

void engine_follow_settings(struct engine *engine, const struct settings *before)
{
	if (engine->settings->role == SETTINGS_SERVER)
		departures_follow(&engine->departures, before, engine->settings);
	engine_plan_descriptors(engine);
	follow_probes(engine);
	peers_follow(&engine->peers, before);
	if (engine->role->settings_changed)
		engine->role->settings_changed(engine, before);
	/* Only now: a client that renews has added the authorities that it keeps itself. */
	peers_judge_certificates(&engine->peers, engine->tls);
	validity_watch_follow(&engine->validity, engine->world.loop, engine->settings, engine->tls);
}
