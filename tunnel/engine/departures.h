/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_DEPARTURES_H
#define CULVERT_ENGINE_DEPARTURES_H

#include <stddef.h>

#include "base/addr.h"
#include "base/clock.h"
#include "engine/attempts.h"

/*
 * When each configured peer was last connected, and why it left, for `culvert status`: a peer that
 * is absent has no session to ask. The newest departure of each peer is kept, so memory is bounded
 * by the configuration. Main thread only.
 */

struct session;
struct settings;
struct settings_peer;

struct departure {
	/* 0: not since this engine began. Not a date: a host may learn the date after its start. */
	struct mono seen;
	struct endpoint outer;     /* of its newest connection */
	char text[LEAVE_TEXT_MAX]; /* why it left; not escaped */
};

struct departures {
	struct departure *items; /* one for each peer of the configuration; NULL: none is kept */
};

/* Without memory no departure is kept: -ENOMEM. */
int departures_init(struct departures *departures, const struct settings *settings);
/*
 * The peers of the settings have changed: keeps the departures of those that are still there.
 * Without memory none is kept.
 */
void departures_follow(
	struct departures *departures, const struct settings *before, const struct settings *now);
void departures_free(struct departures *departures);

/* The session has ended. Does nothing if it was never up, or its peer is not configured. */
void departures_add(struct departures *departures, const struct session *session);

/* NULL: the peer was not seen since this engine began. */
const struct departure *departures_find(const struct departures *departures,
	const struct settings *settings, const struct settings_peer *peer);

#endif
