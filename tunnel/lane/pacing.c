/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/pacing.h"

void pacing_init(struct pacing *pacing, bool can_hold)
{
	*pacing = (struct pacing){ .state = PACING_NONE, .can_hold = can_hold };
}

void pacing_begin_again(struct pacing *pacing)
{
	struct mono leave_until = pacing->leave_until;

	pacing_init(pacing, pacing->can_hold);
	pacing->leave_until = leave_until;
}

bool pacing_gives_way(const struct pacing *pacing, struct mono now)
{
	return pacing->state == PACING_DRAINS || mono_before(now, pacing->leave_until);
}

/* Bytes a second that arrived in the last samples. */
static uint64_t average_of(const struct pacing *pacing, size_t samples)
{
	uint64_t sum = 0;

	if (samples > pacing->count)
		samples = pacing->count;
	for (size_t i = 1; i <= samples; i++)
		sum += pacing->rates[(pacing->next + PACING_MEMORY - i) % PACING_MEMORY];
	return samples > 0 ? sum / samples : 0;
}

/* A change of the limit shows a round trip later. */
static unsigned round_trip(const struct pacing *pacing)
{
	return pacing->rtt_us / (PACING_SAMPLE_MS * 1000);
}

/*
 * How many samples it takes to send a queue of its own away: as long as the queue is, divided by the
 * share of the capacity that is left to it. A queue that stays longer is filled by others.
 */
static unsigned drain_samples(const struct pacing *pacing)
{
	uint32_t us = pacing->queue_us / (100 - PACING_DRAIN) * 100;

	return us / (PACING_SAMPLE_MS * 1000) + PACING_DRAIN_MORE + round_trip(pacing);
}

static void enter(struct pacing *pacing, enum pacing_state state, uint64_t rate)
{
	pacing->state = state;
	pacing->rate = rate == 0 || rate > PACING_LEAST ? rate : PACING_LEAST;
	pacing->samples = 0;
	holding_end(&pacing->holding);
}

static uint64_t percent(uint64_t rate, unsigned share)
{
	return rate / 100 * share;
}

static void store(struct pacing *pacing, uint64_t rate)
{
	pacing->rates[pacing->next] = rate;
	pacing->next = (pacing->next + 1) % PACING_MEMORY;
	if (pacing->count < PACING_MEMORY)
		pacing->count++;
}

/* For a while nothing is limited: others fill the queue, or it comes and goes by itself. */
static void leave(struct pacing *pacing, struct mono now)
{
	pacing_init(pacing, pacing->can_hold);
	pacing->leave_until = mono_add(now, DURATION_S(PACING_LEAVE_S));
}

static void cruise(struct pacing *pacing)
{
	if (pacing->capacity >= PACING_FAST)
		enter(pacing, PACING_NONE, 0);
	else
		enter(pacing, PACING_CRUISES, percent(pacing->capacity, PACING_CRUISE));
}

static void drain(struct pacing *pacing)
{
	pacing->drain_most = drain_samples(pacing);
	pacing->redrains = 0;
	enter(pacing, PACING_DRAINS, percent(pacing->capacity, PACING_DRAIN));
}

static void hold(struct pacing *pacing, const struct tcp_path *path)
{
	enter(pacing, PACING_HOLDS, 0);
	holding_begin(&pacing->holding, pacing->capacity, path);
}

static void on_hold(
	struct pacing *pacing, struct mono now, const struct tcp_path *path, uint64_t arrives)
{
	if (holding_judge(&pacing->holding, arrives, path, pacing->idle == 0) ==
		HOLDING_IS_OF_OTHERS)
		leave(pacing, now);
	else if (pacing->holding.capacity >= PACING_FAST)
		enter(pacing, PACING_NONE, 0);
}

static void on_none(struct pacing *pacing, struct mono now, const struct tcp_path *path)
{
	uint64_t arrives;

	if (pacing->queued < PACING_QUEUED_LEAST || mono_before(now, pacing->leave_until))
		return;
	/* A queue stands, so what arrives is what the path takes. The first sample was still a beginning. */
	arrives = average_of(pacing, pacing->queued - 1);
	if (arrives >= PACING_FAST)
		return;
	pacing->capacity = arrives;
	pacing->drains = pacing->since_probe = 0;
	if (pacing->can_hold && path->least_rtt_us < HOLDING_SHORT_US)
		hold(pacing, path);
	else
		drain(pacing);
}

static void on_drain(struct pacing *pacing, struct mono now, bool queued)
{
	uint64_t arrives = average_of(pacing, PACING_QUEUED_LEAST);

	if (!queued) {
		cruise(pacing);
	} else if (pacing->samples == PACING_QUEUED_LEAST + round_trip(pacing) &&
		arrives < percent(pacing->rate, PACING_LESS) &&
		pacing->redrains < PACING_REDRAINS) {
		/* The path takes less than that. */
		pacing->capacity = arrives;
		pacing->drain_most = drain_samples(pacing);
		pacing->redrains++;
		enter(pacing, PACING_DRAINS, percent(pacing->capacity, PACING_DRAIN));
	} else if (pacing->samples >= pacing->drain_most) {
		leave(pacing, now);
	}
}

static void on_cruise(struct pacing *pacing, struct mono now)
{
	if (pacing->queued >= PACING_QUEUED_LEAST) {
		/* The limit itself keeps what arrives below the capacity: that alone must not lower it. */
		uint64_t most = average_of(pacing, pacing->queued - 1) / PACING_KEPT * 100;

		pacing->capacity = most < pacing->capacity ? most : pacing->capacity;
		if (++pacing->drains > PACING_DRAINS_MOST)
			leave(pacing, now);
		else
			drain(pacing);
	} else if (pacing->since_probe >= PACING_CRUISE_LEAST) {
		pacing->probe = PACING_PROBE;
		enter(pacing, PACING_PROBES, percent(pacing->capacity, pacing->probe));
	}
}

static void on_probe(struct pacing *pacing, bool queued)
{
	uint64_t arrives = average_of(pacing, 2);
	unsigned next = pacing->probe * 3 / 2;

	if (pacing->samples < PACING_PROBE_LEAST + round_trip(pacing))
		return;
	pacing->since_probe = 0;
	if (queued) {
		/* The path is full: what arrives is what it takes. */
		pacing->capacity = arrives > pacing->capacity ? arrives : pacing->capacity;
		drain(pacing);
	} else if (arrives > percent(pacing->capacity, PACING_FOUND) && arrives < PACING_FAST) {
		pacing->drains = 0;
		pacing->probe = next < PACING_PROBE_MOST ? next : PACING_PROBE_MOST;
		pacing->capacity = arrives;
		enter(pacing, PACING_PROBES, percent(arrives, pacing->probe));
	} else {
		pacing->drains = 0;
		pacing->capacity = arrives >= PACING_FAST ? arrives : pacing->capacity;
		cruise(pacing);
	}
}

static void step(struct pacing *pacing, struct mono now, const struct tcp_path *path, bool queued)
{
	switch (pacing->state) {
	case PACING_NONE:
		on_none(pacing, now, path);
		break;
	case PACING_DRAINS:
		on_drain(pacing, now, queued);
		break;
	case PACING_CRUISES:
		on_cruise(pacing, now);
		break;
	case PACING_PROBES:
		on_probe(pacing, queued);
		break;
	case PACING_HOLDS:
		on_hold(pacing, now, path, average_of(pacing, 1));
		break;
	}
}

/* True: the connection itself fills the path, and a queue stands there. */
static bool fills(const struct pacing *pacing, const struct tcp_path *path, enum pacing_load load,
	uint64_t arrives)
{
	if (!tcp_path_is_queued(path))
		return false;
	/* If it is the queue of others, it outlasts the drain, and they keep it for a while. */
	if (load == PACING_BULK && pacing->state == PACING_NONE && arrives >= PACING_LEAST)
		return true;
	return load == PACING_LIMITED ||
		(pacing->capacity > 0 && arrives > percent(pacing->capacity, PACING_SATURATED));
}

void pacing_judge(
	struct pacing *pacing, struct mono now, const struct tcp_path *path, enum pacing_load load)
{
	int64_t us = mono_since(now, pacing->sampled).ns / 1000;
	bool queued;

	if (pacing->sampled.ns == 0 || us > INT64_C(1000) * PACING_GAP_MS ||
		path->acked + PACING_SLIP < pacing->acked) {
		pacing_begin_again(pacing);
		pacing->sampled = now;
		pacing->acked = path->acked;
		return;
	}
	pacing->idle = load == PACING_LIMITED ? 0 : pacing->idle + 1;
	/* Nothing arrived: a loss is being repaired, or nothing was sent. The next sample counts for both. */
	if (path->acked > pacing->acked) {
		uint64_t arrives = (path->acked - pacing->acked) * 1000000 /
			(uint64_t)(us > 0 ? us : 1);

		store(pacing, arrives);
		queued = fills(pacing, path, load, arrives);
		pacing->sampled = now;
		pacing->acked = path->acked;
		pacing->samples++;
		pacing->since_probe++;
		pacing->rtt_us = path->rtt_us;
		pacing->queue_us = queued ? path->rtt_us - path->least_rtt_us : 0;
		pacing->queued = queued ? pacing->queued + 1 : 0;
		pacing->idle = queued ? 0 : pacing->idle;
		step(pacing, now, path, queued);
	}
	if (pacing->state != PACING_NONE && pacing->idle >= PACING_IDLE_MOST)
		enter(pacing, PACING_NONE, 0);
}
