/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/container.h"
#include "base/log.h"
#include "base/wall_clock.h"
#include "config/validity.h"

enum { DAY_S = 86400 };

/*
 * A session ends with a goodbye when its peer's certificate ends: a new connection would be
 * refused, and the peer learns why. Each lane was opened with a certificate, and the earliest end
 * counts. A peer that has renewed its certificate connects again. An adopted session needs no time
 * from the engine before: its lanes begin with a certificate that this engine has checked.
 *
 * Two clocks decide. The wall clock may be wrong for a moment, by years. So the time that has
 * passed since the lane's handshake, which nobody can set, has to agree that the certificate has
 * ended. A jump forward alone ends a session only when the clock has stayed there for an hour, and
 * a jump back does not prolong it: the next handshake judges by the clock as it is then.
 *
 * Timers follow a third clock, which stands still while the host sleeps, so each wait is short.
 */

struct duration session_expiry_wait(int64_t until, int64_t now)
{
	if (until == 0 || until - now > SESSION_EXPIRY_LOOK_S)
		return DURATION_S(SESSION_EXPIRY_LOOK_S);
	return DURATION_S(until > now ? until - now : 0);
}

enum session_expiry_verdict session_expiry_judge(
	int64_t until, int64_t wall, int64_t wall_then, int64_t passed)
{
	/* The wall clock is adjusted in small steps, too, by at most 0.05 %. */
	int64_t slack = SESSION_EXPIRY_SLACK_S + passed / 1000;
	int64_t reckoned = wall_then + passed;

	if (until == 0)
		return SESSION_EXPIRY_VALID;
	if (wall >= until)
		return reckoned + slack >= until ? SESSION_EXPIRY_ENDED : SESSION_EXPIRY_DOUBTED;
	return reckoned - slack >= until ? SESSION_EXPIRY_ENDED : SESSION_EXPIRY_VALID;
}

/* The verdict on the lane that is worst off, and the earliest end by the wall clock (0: none). */
static enum session_expiry_verdict judge(
	const struct session *session, int64_t wall, int64_t *ret_until)
{
	enum session_expiry_verdict worst = SESSION_EXPIRY_VALID;
	const struct session_lane *sl;
	int64_t boot = wall_since_boot();

	*ret_until = 0;
	TAILQ_FOREACH(sl, &session->lanes, link) {
		int64_t until = lane_valid_until(sl->lane);
		enum session_expiry_verdict verdict = session_expiry_judge(
			until, wall, sl->since_wall, boot - sl->since_boot);

		if (sl->stage == SESSION_LANE_LEAVING || until == 0)
			continue;
		if (verdict > worst)
			worst = verdict;
		if (*ret_until == 0 || until < *ret_until)
			*ret_until = until;
	}
	return worst;
}

/* Returns true when the clock has stayed where it was set for long enough to be believed. */
static bool believe(struct session *session, bool doubted)
{
	struct mono now = mono_now();

	if (!doubted) {
		if (session->expiry_doubted.ns != 0)
			log_notice(
				"%s: the clock was set again, and the peer's certificate is valid by it",
				session->name.name);
		session->expiry_doubted.ns = 0;
		return false;
	}
	if (session->expiry_doubted.ns == 0) {
		session->expiry_doubted = now;
		log_warning(
			"%s: this host's clock was set forward, and the peer's certificate has expired by it; the session ends in %d minutes unless the clock is set back",
			session->name.name, SESSION_EXPIRY_DOUBT_S / 60);
	}
	return mono_since(now, session->expiry_doubted).ns >= DURATION_S(SESSION_EXPIRY_DOUBT_S).ns;
}

/* At a server, whose administrator usually issues the certificates. */
static void tell_ahead(struct session *session, int64_t now)
{
	const struct lane_peer *peer = &session->lane_peer;
	enum validity_stage stage = validity_judge(peer->not_before, peer->not_after, now);

	if (!session_is_server(session) || peer->not_after == 0)
		return;
	if (stage > session->validity_told && stage < VALIDITY_ENDED)
		log_notice("%s: the peer's certificate ends in less than %" PRId64 " days",
			session->name.name, (peer->not_after - now) / DAY_S + 1);
	session->validity_told = stage;
}

static void look(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, expiry);
	int64_t until, now = wall_now();
	enum session_expiry_verdict verdict = judge(session, now, &until);
	char text[MESSAGE_TEXT_MAX + 1];

	if (TAILQ_EMPTY(&session->lanes) || session->state >= SESSION_CLOSING)
		return;
	tell_ahead(session, now);
	if (verdict != SESSION_EXPIRY_ENDED &&
		!believe(session, verdict == SESSION_EXPIRY_DOUBTED)) {
		session_watch_expiry(session);
		return;
	}
	session->expiry_doubted.ns = 0;
	(void)snprintf(text, sizeof(text),
		"the certificate of %s%s has expired; renew it and connect again",
		session->name.name,
		session->lane_peer.not_after > now ? ", or of a CA above it," : "");
	session_leave(session, GOODBYE_EXPIRED, text, session_is_server(session));
}

void session_watch_expiry(struct session *session)
{
	int64_t until, now = wall_now();
	enum session_expiry_verdict verdict = judge(session, now, &until);
	struct duration wait = verdict == SESSION_EXPIRY_DOUBTED ? DURATION_S(SESSION_EXPIRY_LOOK_S)
								 : session_expiry_wait(until, now);

	loop_timer_start(session->world->loop, &session->expiry, mono_add(mono_now(), wait), look);
}
