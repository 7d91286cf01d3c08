/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/liveness.h"

#include "base/container.h"

static void look(struct loop_timer *timer);

/* Any byte that came after the probe began ends it, not only the pong. */
static void end_probe(struct liveness *liveness, struct mono heard)
{
	if (mono_before(liveness->probed, heard))
		liveness->probing = false;
}

static struct mono dead_at(const struct liveness *liveness, struct mono heard)
{
	struct mono due = mono_add(heard, liveness->dead_after);
	struct mono probe_due = mono_add(liveness->probed, liveness->patience);

	return liveness->probing && mono_before(probe_due, due) ? probe_due : due;
}

static struct duration probe_patience(const struct liveness *liveness)
{
	struct duration least = DURATION_MS(LIVENESS_PROBE_LEAST_MS);
	struct duration most = DURATION_MS(LIVENESS_PROBE_MS);
	struct duration wait = { .ns = liveness->rtt_smooth.ns * LIVENESS_PROBE_RTTS };

	if (!liveness->measured || wait.ns > most.ns)
		return most;
	return wait.ns > least.ns ? wait : least;
}

static void arm(struct liveness *liveness, struct mono heard)
{
	struct mono ping_due = mono_add(heard, liveness->ping_interval);
	struct mono again_due = mono_add(liveness->pinged, liveness->ping_interval);
	struct mono dead_due = dead_at(liveness, heard);
	struct mono due = mono_before(ping_due, again_due) ? again_due : ping_due;

	if (mono_before(dead_due, due))
		due = dead_due;
	liveness->due = due;
	loop_timer_start(liveness->loop, &liveness->timer, due, look);
}

static void ping(struct liveness *liveness, struct mono now)
{
	liveness->pinged = now;
	liveness->events->send_ping(liveness, (uint64_t)now.ns);
}

/*
 * A timer that is a second late means that this process did not run. Data from the peer may have
 * come and not be read yet. The peer gets the time of a probe to show that it is alive.
 */
static struct mono heard_or_excused(struct liveness *liveness, struct mono now)
{
	struct mono heard = liveness->events->heard(liveness);
	struct duration grace = { .ns = DURATION_MS(LIVENESS_PROBE_MS).ns -
			liveness->dead_after.ns };

	if (mono_since(now, liveness->due).ns >= DURATION_MS(LIVENESS_LATE_MS).ns && grace.ns < 0)
		liveness->excused = mono_add(now, grace);
	return mono_before(heard, liveness->excused) ? liveness->excused : heard;
}

static void look(struct loop_timer *timer)
{
	struct liveness *liveness = container_of(timer, struct liveness, timer);
	struct mono now = mono_now();
	struct mono heard = heard_or_excused(liveness, now);

	end_probe(liveness, heard);
	if (!mono_before(now, dead_at(liveness, heard))) {
		liveness->events->dead(liveness);
		return;
	}
	if (mono_since(now, heard).ns >= liveness->ping_interval.ns &&
		mono_since(now, liveness->pinged).ns >= liveness->ping_interval.ns)
		ping(liveness, now);
	arm(liveness, heard);
}

void liveness_start(struct liveness *liveness, struct loop *loop,
	const struct liveness_events *events, struct duration ping_interval,
	struct duration dead_after)
{
	liveness_stop(liveness);
	*liveness = (struct liveness){
		.events = events,
		.loop = loop,
		.ping_interval = ping_interval,
		.dead_after = dead_after,
	};
	ping(liveness, mono_now());
	arm(liveness, liveness->pinged);
}

void liveness_stop(struct liveness *liveness)
{
	if (liveness->loop)
		loop_timer_stop(liveness->loop, &liveness->timer);
}

void liveness_probe(struct liveness *liveness)
{
	struct mono heard;

	if (!liveness->timer.running)
		return;
	heard = liveness->events->heard(liveness);
	end_probe(liveness, heard);
	if (liveness->probing)
		return;
	liveness->probing = true;
	liveness->probed = mono_now();
	liveness->patience = probe_patience(liveness);
	ping(liveness, liveness->probed);
	arm(liveness, heard);
}

void liveness_ask(struct liveness *liveness)
{
	struct mono now = mono_now();

	if (!liveness->timer.running ||
		duration_ms(mono_since(now, liveness->pinged)) < LIVENESS_ASK_MS)
		return;
	ping(liveness, now);
	arm(liveness, liveness->events->heard(liveness));
}

void liveness_pong(struct liveness *liveness, uint64_t time)
{
	struct mono now = mono_now();

	if (time > (uint64_t)now.ns || time > (uint64_t)liveness->pinged.ns)
		return;
	int64_t rtt = now.ns - (int64_t)time;
	if (rtt > liveness->dead_after.ns)
		return;
	liveness->rtt_last.ns = rtt;
	liveness->rtt_smooth.ns = liveness->measured ? (liveness->rtt_smooth.ns * 7 + rtt) / 8
						     : rtt;
	if (!liveness->measured || rtt < liveness->rtt_least.ns)
		liveness->rtt_least.ns = rtt;
	liveness->measured = true;
}
