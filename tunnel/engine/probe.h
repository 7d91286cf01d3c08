/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_PROBE_H
#define CULVERT_ENGINE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "config/settings.h"

/*
 * The judgement on one probed announcement: from the results of its probes follows whether the
 * prefix is announced. Plain values; it sends nothing and reads no clock (engine/probing does). Main
 * thread only.
 *
 *   UNKNOWN  until the first result, which decides alone
 *   ALIVE    announced, until `down` probes in a row fail
 *   DEAD     withdrawn, until enough probes in a row are answered
 *
 * A target that comes and goes would take the prefix to and fro between two gateways. So one that
 * dies within PROBE_STEADY_MS after it came back has to answer twice as often in a row before it
 * counts again, and so on up to PROBE_LONGEST_MS. engine/damping does not fit: it counts the time
 * since a prefix was added, in which a target may have been dead all along.
 */

enum {
	PROBE_STEADY_MS = 60000,
	PROBE_LONGEST_MS = 60000,
	PROBE_DOUBLINGS_MAX = 8,
	PROBE_WHY_MAX = 128,
};

enum probe_state { PROBE_UNKNOWN, PROBE_ALIVE, PROBE_DEAD };

struct probe {
	struct settings_probe_rule rule;
	enum probe_state state;
	bool trusted;            /* UNKNOWN: announced until the first result */
	unsigned streak;         /* ALIVE: failures in a row; DEAD: answers in a row */
	unsigned doublings;      /* of `up` */
	struct mono since;       /* of this state */
	uint64_t changes;        /* how often it went from ALIVE to DEAD or back */
	bool answered;           /* the last probe */
	bool has_failed;         /* `failed` and `why` are set */
	struct mono failed;      /* when the last probe failed that did */
	char why[PROBE_WHY_MAX]; /* why that one failed */
};

/*
 * `trusted`: the prefix is announced before the first result, since the engine before has done so.
 * So the exchange of an engine withdraws nothing.
 */
void probe_init(
	struct probe *probe, const struct settings_probe_rule *rule, bool trusted, struct mono now);
/* Takes a result. `why` says why there was no answer. Returns true if the state has changed. */
bool probe_take(struct probe *probe, bool answered, const char *why, struct mono now);

bool probe_announces(const struct probe *probe);
/* How many answers in a row a dead target has to give. */
unsigned probe_needed(const struct probe *probe);
const char *probe_state_text(const struct probe *probe); /* "unknown", "alive", "dead" */

#endif
