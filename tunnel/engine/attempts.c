/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attempts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/session.h"

const char *attempts_leave_text(const struct session_leave *leave, char out[static LEAVE_TEXT_MAX])
{
	const char *meaning = leave->heard ? goodbye_code_text(leave->code)
					   : goodbye_code_text_sent(leave->code);
	bool repeats = leave->text[0] == '\0' || strcmp(leave->text, meaning) == 0;

	if (leave->code != 0)
		(void)snprintf(out, LEAVE_TEXT_MAX, "%s a goodbye: %s%s%s",
			leave->heard ? "received" : "sent", meaning, repeats ? "" : ": ",
			repeats ? "" : leave->text);
	else
		(void)snprintf(out, LEAVE_TEXT_MAX, "%s%s",
			leave->attempt || leave->text[0] == '\0' ? "" : "connection lost: ",
			leave->text);
	return out;
}

bool attempts_read(const struct engine *engine, const struct session *session, struct mono now,
	struct attempts *ret_attempts)
{
	struct engine_attempts made = { .count = 0 };
	char text[LEAVE_TEXT_MAX], outer[ENDPOINT_TEXT_MAX];

	if (!engine->role || !engine->role->attempts || session->state == SESSION_UP)
		return false;
	engine->role->attempts(engine, &made);
	if (session->carried) /* what failed before it was up counts no more */
		made.count = 0;
	*ret_attempts = (struct attempts){ .count = made.count };
	if (made.waits && mono_before(now, made.next))
		ret_attempts->next = mono_since(made.next, now);
	if (made.count == 0)
		return true;
	ret_attempts->ago = mono_since(now, made.last);
	attempts_leave_text(&session->last_leave, text);
	/* An attempt that got a connection, which led to no session, does not name the remote. */
	if (!session->last_leave.attempt)
		(void)snprintf(ret_attempts->text, sizeof(ret_attempts->text), "%s: %s",
			endpoint_format(&session->outer, outer), text);
	else
		memcpy(ret_attempts->text, text, sizeof(text));
	return true;
}

const char *attempts_line(const struct attempts *attempts, char out[static ATTEMPTS_LINE_MAX])
{
	char ago[DURATION_TEXT_MAX], next[DURATION_TEXT_MAX], failed[2 * DURATION_TEXT_MAX] = "";

	if (attempts->count > 0)
		(void)snprintf(failed, sizeof(failed), "%" PRIu64 " failed, the last %s ago; ",
			attempts->count, duration_format(attempts->ago, ago));
	if (attempts->next.ns > 0)
		(void)snprintf(out, ATTEMPTS_LINE_MAX, "%sthe next in %s", failed,
			duration_format(attempts->next, next));
	else
		(void)snprintf(out, ATTEMPTS_LINE_MAX, "%sone is under way", failed);
	return out;
}

const char *attempts_explain(const struct engine *engine, const struct session *session,
	struct mono now, char out[static ATTEMPTS_EXPLAINED_MAX])
{
	const struct session_leave *leave = session->leave.text[0] != '\0' ? &session->leave
									   : &session->last_leave;
	struct attempts attempts = { .count = 0 };
	char shown[ATTEMPTS_TEXT_MAX], why[ATTEMPTS_TEXT_MAX], line[ATTEMPTS_LINE_MAX] = "";
	char down[DURATION_TEXT_MAX];

	(void)attempts_leave_text(leave, why);
	if (attempts_read(engine, session, now, &attempts))
		attempts_line(&attempts, line);
	if (attempts.text[0] != '\0')
		memcpy(why, attempts.text, sizeof(why));
	else if (why[0] == '\0')
		(void)snprintf(why, sizeof(why), "no connection has come up yet");
	(void)snprintf(out, ATTEMPTS_EXPLAINED_MAX, "%s is not up (state %s): %s; this for %s%s%s",
		session->name.name, session_state_text(session->state),
		problem_escape_rest(shown, sizeof(shown), why, strlen(why)),
		duration_format(mono_since(now, session->down_since), down),
		line[0] != '\0' ? "; attempts: " : "", line);
	return out;
}
