/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ATTEMPTS_H
#define CULVERT_ENGINE_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "wire/message.h"

/*
 * Why a client's session is not up, and when the client tries again: for status and doctor. It only
 * reads. Main thread only.
 */

struct engine;
struct session;
struct session_leave;

enum {
	LEAVE_TEXT_MAX = 2 * MESSAGE_TEXT_MAX,
	ATTEMPTS_TEXT_MAX = LEAVE_TEXT_MAX + ENDPOINT_TEXT_MAX + 2,
	ATTEMPTS_EXPLAINED_MAX = 2 * ATTEMPTS_TEXT_MAX,
	ATTEMPTS_LINE_MAX = 4 * DURATION_TEXT_MAX + 64,
};

struct attempts {
	uint64_t count;       /* failed attempts since the session was last up */
	struct duration ago;  /* since the newest one failed; valid if there is one */
	struct duration next; /* until the next one begins; 0: it is under way */
	/*
	 * Why the newest one failed, in the words of the log: the remote and the cause. Not
	 * escaped, as a peer may have chosen some of the words. "": none has failed.
	 */
	char text[ATTEMPTS_TEXT_MAX];
};

/*
 * Writes why a connection ended or did not come up, in the words of the log: "received a goodbye:
 * ...", "connection lost: ...". Not escaped. "": no reason is known. Returns `out`.
 */
const char *attempts_leave_text(const struct session_leave *leave, char out[static LEAVE_TEXT_MAX]);

/* False: the session is up, or this end does not connect by itself (a server). */
bool attempts_read(const struct engine *engine, const struct session *session, struct mono now,
	struct attempts *ret_attempts);

/* "3 failed, the last 2 s ago; the next in 4 s". Returns `out`. */
const char *attempts_line(const struct attempts *attempts, char out[static ATTEMPTS_LINE_MAX]);

/*
 * Why the session is not up, since when, and when the client tries again, as one escaped line:
 * "gw-b is not up (state idle): …". Returns `out`.
 */
const char *attempts_explain(const struct engine *engine, const struct session *session,
	struct mono now, char out[static ATTEMPTS_EXPLAINED_MAX]);

#endif
