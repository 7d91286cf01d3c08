/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/probe.h"

#include <stdio.h>

void probe_init(
	struct probe *probe, const struct settings_probe_rule *rule, bool trusted, struct mono now)
{
	*probe = (struct probe){ .rule = *rule, .trusted = trusted, .since = now };
}

bool probe_announces(const struct probe *probe)
{
	return probe->state == PROBE_ALIVE || (probe->state == PROBE_UNKNOWN && probe->trusted);
}

unsigned probe_needed(const struct probe *probe)
{
	int64_t longest = DURATION_MS(PROBE_LONGEST_MS).ns / probe->rule.interval.ns;
	uint64_t needed = (uint64_t)probe->rule.up << probe->doublings;

	/* A long interval or a high `up` may exceed it without any doubling. */
	if (longest < probe->rule.up)
		return probe->rule.up;
	return needed < (uint64_t)longest ? (unsigned)needed : (unsigned)longest;
}

static void enter(struct probe *probe, enum probe_state state, struct mono now)
{
	bool was_alive = probe->state == PROBE_ALIVE;
	bool short_lived = duration_ms(mono_since(now, probe->since)) < PROBE_STEADY_MS;

	if (probe->state != PROBE_UNKNOWN)
		probe->changes++;
	if (was_alive && !short_lived)
		probe->doublings = 0;
	/* The first time alive is not a return. */
	else if (was_alive && probe->changes > 1 && probe->doublings < PROBE_DOUBLINGS_MAX)
		probe->doublings++;
	probe->state = state;
	probe->since = now;
	probe->streak = 0;
}

bool probe_take(struct probe *probe, bool answered, const char *why, struct mono now)
{
	enum probe_state next = answered ? PROBE_ALIVE : PROBE_DEAD;
	unsigned enough = answered ? probe_needed(probe) : probe->rule.down;

	probe->answered = answered;
	if (!answered) {
		probe->has_failed = true;
		probe->failed = now;
		(void)snprintf(probe->why, sizeof(probe->why), "%s", why);
	}
	if (next == probe->state) {
		probe->streak = 0;
		return false;
	}
	probe->streak++;
	if (probe->state != PROBE_UNKNOWN && probe->streak < enough)
		return false;
	enter(probe, next, now);
	return true;
}

const char *probe_state_text(const struct probe *probe)
{
	switch (probe->state) {
	case PROBE_UNKNOWN:
		break;
	case PROBE_ALIVE:
		return "alive";
	case PROBE_DEAD:
		return "dead";
	}
	return "unknown";
}
