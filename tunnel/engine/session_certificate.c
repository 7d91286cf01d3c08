/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"

/*
 * CAs or revocation lists have changed, and a peer that was accepted may not be any more. Its
 * session ends then, with a goodbye that says why. Each lane came with a certificate of its own: a
 * peer that has renewed its certificate keeps the lanes of the new one. A session without lanes is
 * judged by the certificate of its last connection, so that one whose peer was revoked does not
 * linger.
 */

/* What was found of all certificates of a session. */
struct findings_of_session {
	unsigned good, bad;
	int error; /* of the first bad one */
	struct problem problem;
};

static void judge_chain(const struct tls_context *context, struct tls_peer_chain *chain,
	struct findings_of_session *found)
{
	struct problem problem = { 0 };
	int r = chain ? tls_context_judge(context, chain, &problem) : 0;

	if (r == 0) {
		found->good++;
	} else if (found->bad++ == 0) {
		found->error = r;
		found->problem = problem;
	}
}

static struct findings_of_session judge_all(
	const struct session *session, const struct tls_context *context)
{
	struct findings_of_session found = { 0 };
	const struct session_lane *sl;

	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->stage != SESSION_LANE_LEAVING)
			judge_chain(context, sl->chain, &found);
	}
	if (found.good + found.bad == 0)
		judge_chain(context, session->chain, &found);
	return found;
}

/* For both ends: the goodbye carries it to the peer. */
static void explain(const struct session *session, int error, char out[static MESSAGE_TEXT_MAX + 1])
{
	const char *form = error == -EKEYREVOKED
		? "the certificate of %s was revoked; a new one lets it connect again"
		: error == -EKEYREJECTED
		? "a CA above the certificate of %s is not accepted any more; a certificate of the CA in use lets it connect again"
		: error == -ENOMEM
		? "out of memory to check the certificate of %s again"
		: "the certificate of %s is not accepted any more; the log of the end that refuses it says why";

	(void)snprintf(out, MESSAGE_TEXT_MAX + 1, form, session->name.name);
}

/*
 * Drops the lanes with a bad certificate. The one with the control role gets no goodbye, which
 * would be the session's.
 */
static void drop_lanes(
	struct session *session, const struct tls_context *context, uint16_t code, const char *text)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE };
	struct session_lane *sl, *next;
	struct problem ignored;

	goodbye.goodbye.code = goodbye_code_for(session->terms.features, code);
	goodbye.goodbye.class = (uint8_t)goodbye_code_class(code);
	(void)snprintf(goodbye.goodbye.text, sizeof(goodbye.goodbye.text), "%s", text);
	for (sl = TAILQ_FIRST(&session->lanes); sl; sl = next) {
		next = TAILQ_NEXT(sl, link);
		if (sl->stage == SESSION_LANE_LEAVING || !sl->chain)
			continue;
		if (tls_context_judge(context, sl->chain, &ignored) == 0) {
			tls_peer_chain_unref(session->chain);
			session->chain = tls_peer_chain_ref(sl->chain);
			continue;
		}
		if (sl != session->control)
			session_lane_send(sl, &goodbye);
		session_lane_drop(sl, text);
	}
}

/* A client's session without a connection has nothing that could end: its next one is judged. */
static bool is_judged_later(const struct session *session)
{
	return session->state >= SESSION_REMOVING ||
		(!session_is_server(session) &&
			(session->state == SESSION_IDLE || session->state == SESSION_CLOSING));
}

void session_judge(struct session *session, const struct tls_context *context)
{
	struct findings_of_session found = judge_all(session, context);
	char text[MESSAGE_TEXT_MAX + 1];
	uint16_t code;

	if (found.bad == 0 || is_judged_later(session))
		return;
	code = found.error == -ENOMEM ? GOODBYE_INTERNAL : GOODBYE_REVOKED;
	explain(session, found.error, text);
	if (found.problem.text[0])
		log_warning("%s: its certificate is not accepted any more: %s", session->name.name,
			found.problem.text);
	if (found.good > 0 && session->state == SESSION_UP)
		drop_lanes(session, context, code, text);
	else
		session_leave(session, code, text, session_is_server(session));
}

bool session_is_suspect(const struct session *session, const struct tls_context *context)
{
	const struct session_lane *sl;

	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->stage != SESSION_LANE_LEAVING && sl->chain &&
			tls_context_suspects(context, sl->chain))
			return true;
	}
	return session->chain && tls_context_suspects(context, session->chain);
}

bool session_was_judged(const struct session *session, const struct tls_context *context)
{
	const struct session_lane *sl;

	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->stage != SESSION_LANE_LEAVING && sl->chain &&
			!tls_peer_chain_was_judged(sl->chain, context))
			return false;
	}
	return !session->chain || tls_peer_chain_was_judged(session->chain, context);
}
