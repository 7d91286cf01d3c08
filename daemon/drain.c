/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/drain.h"

#include "base/container.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "engine/session.h"

#define DRAIN_TEXT "this server is being drained: use another server"

unsigned drain_left(unsigned total, struct duration passed, struct duration over)
{
	if (passed.ns >= over.ns)
		return 0;
	/* Rounded up: the first goes after a part of the time, the last at its end. */
	int64_t ms = duration_ms(over), left = ms - duration_ms(passed);
	return ms > 0 ? (unsigned)(((int64_t)total * left + ms - 1) / ms) : 0;
}

static bool is_staying(const struct session *session)
{
	return session->state < SESSION_CLOSING;
}

static unsigned count_staying(const struct peers *peers)
{
	const struct session *session;
	unsigned count = 0;

	TAILQ_FOREACH(session, &peers->sessions, link)
		count += is_staying(session);
	return count;
}

/* Ends the first `count` sessions that do not end yet. */
static void send_away(struct peers *peers, unsigned count)
{
	struct session *session, *next;

	for (session = TAILQ_FIRST(&peers->sessions); session && count > 0; session = next) {
		next = TAILQ_NEXT(session, link);
		if (!is_staying(session))
			continue;
		session_leave(session, GOODBYE_ELSEWHERE, DRAIN_TEXT, true);
		count--;
	}
}

static void end_program(struct drain *drain)
{
	if (drain->ended)
		return;
	drain->ended = netd_link_exit(drain->engine->world.netd, EXIT_CODE_OK,
			       "it is drained: no session is left") == 0;
}

static void tick(struct loop_timer *timer)
{
	struct drain *drain = container_of(timer, struct drain, timer);
	struct engine *engine = drain->engine;
	struct mono now = mono_now();
	unsigned staying = count_staying(&engine->peers);
	unsigned left = drain_left(drain->total, mono_since(now, engine->drain.began), drain->over);

	admission_turn_away(drain->admission, DRAIN_TEXT);
	if (staying > left)
		send_away(&engine->peers, staying - left);
	if (engine->peers.session_count == 0)
		end_program(drain);
	if (!engine->world.stopping)
		loop_timer_start(
			engine->world.loop, timer, mono_add(now, DURATION_MS(DRAIN_TICK_MS)), tick);
}

void drain_begin(struct drain *drain, struct engine *engine, struct admission *admission,
	struct duration over)
{
	drain->engine = engine;
	drain->admission = admission;
	drain->over = over;
	drain->total = count_staying(&engine->peers);
	admission->draining = DRAIN_TEXT;
	engine->drain.active = true;
	engine->drain.began = mono_now();
	engine->drain.ends = mono_add(engine->drain.began, over);
	log_notice(
		"draining: no new session is admitted, and %u sessions are sent to another server within %.0f s",
		drain->total, duration_seconds(over));
	/* By the loop: the asker gets its answer first. */
	loop_timer_start(engine->world.loop, &drain->timer,
		mono_add(engine->drain.began, DURATION_MS(DRAIN_TICK_MS)), tick);
}

void drain_stop(struct drain *drain)
{
	if (drain->engine)
		loop_timer_stop(drain->engine->world.loop, &drain->timer);
}
