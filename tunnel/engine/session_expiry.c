/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <stdio.h>

#include "base/container.h"
#include "base/wall_clock.h"

/*
 * A session ends with a goodbye when its peer's certificate ends: a new connection would be
 * refused, and the peer learns why. Each lane was opened with a certificate, and the earliest end
 * counts. A peer that has renewed its certificate connects again. An adopted session needs no time
 * from the engine before: its lanes begin with a certificate that this engine has checked.
 *
 * Certificates follow the wall clock, timers follow another one, so each wait is short.
 */

struct duration session_expiry_wait(int64_t until, int64_t now)
{
	if (until == 0 || until - now > SESSION_EXPIRY_LOOK_S)
		return DURATION_S(SESSION_EXPIRY_LOOK_S);
	return DURATION_S(until > now ? until - now : 0);
}

/* The earliest end; 0: no lane is left, or no certificate has an end. */
static int64_t first_end(const struct session *session)
{
	const struct session_lane *sl;
	int64_t first = 0;

	TAILQ_FOREACH(sl, &session->lanes, link) {
		int64_t until = lane_valid_until(sl->lane);

		if (sl->stage != SESSION_LANE_LEAVING && until != 0 &&
			(first == 0 || until < first))
			first = until;
	}
	return first;
}

static void look(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, expiry);
	int64_t until = first_end(session), now = wall_now();
	char text[MESSAGE_TEXT_MAX + 1];

	if (TAILQ_EMPTY(&session->lanes) || session->state >= SESSION_CLOSING)
		return;
	if (session_expiry_wait(until, now).ns > 0) {
		session_watch_expiry(session);
		return;
	}
	(void)snprintf(text, sizeof(text),
		"the certificate of %s%s has expired; renew it and connect again",
		session->name.name,
		session->lane_peer.not_after > now ? ", or of a CA above it," : "");
	session_leave(session, GOODBYE_EXPIRED, text, session_is_server(session));
}

void session_watch_expiry(struct session *session)
{
	struct duration wait = session_expiry_wait(first_end(session), wall_now());

	loop_timer_start(session->world->loop, &session->expiry, mono_add(mono_now(), wait), look);
}
