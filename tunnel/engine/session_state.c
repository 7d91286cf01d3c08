/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include "base/log.h"

/*
 * The session's life as a table: what each event does in each state, and where it leads. Nothing
 * else writes session->state. A row whose action is NULL only changes the state; an event without a
 * row cannot happen in that state.
 */

struct transition {
	bool valid;
	enum session_state next;
	void (*action)(struct session *session); /* called in the new state */
};

#define TO(state, function)                                          \
	{                                                            \
		.valid = true, .next = (state), .action = (function) \
	}

static const struct transition table[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {
	[SESSION_IDLE] = {
		[SESSION_EVENT_LANE] = TO(SESSION_GREETING, session_send_hello),
		[SESSION_EVENT_TERMS] = TO(SESSION_OPENING, session_make_interface),
		[SESSION_EVENT_LEAVE] = TO(SESSION_REMOVING, session_remove),
	},
	[SESSION_GREETING] = {
		[SESSION_EVENT_TERMS] = TO(SESSION_OPENING, session_make_interface),
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, session_say_goodbye),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, session_end_lanes),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, session_rest),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, session_remove),
	},
	[SESSION_OPENING] = {
		[SESSION_EVENT_INTERFACE] = TO(SESSION_UP, session_begin),
		[SESSION_EVENT_NO_INTERFACE] = TO(SESSION_CLOSING, session_say_goodbye),
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, session_say_goodbye),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, session_end_lanes),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, session_rest),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, session_remove),
	},
	[SESSION_UP] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, session_say_goodbye),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, session_end_lanes),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, session_rest),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, session_remove),
	},
	[SESSION_CLOSING] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, NULL),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, NULL),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, session_rest),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, session_remove),
	},
	[SESSION_REMOVING] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_REMOVING, NULL),
		[SESSION_EVENT_REMOVED] = TO(SESSION_ENDED, session_finish),
	},
	[SESSION_ENDED] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_ENDED, NULL),
	},
};

static const char *event_text(enum session_event event)
{
	static const char *const texts[SESSION_EVENT_COUNT] = {
		[SESSION_EVENT_LANE] = "connection",
		[SESSION_EVENT_TERMS] = "terms",
		[SESSION_EVENT_INTERFACE] = "interface",
		[SESSION_EVENT_NO_INTERFACE] = "no interface",
		[SESSION_EVENT_LEAVE] = "leave",
		[SESSION_EVENT_GOODBYE] = "goodbye",
		[SESSION_EVENT_LANE_LOST] = "connection lost",
		[SESSION_EVENT_LAST_LANE] = "connection ended",
		[SESSION_EVENT_REMOVED] = "interface removed",
	};
	return texts[event];
}

const char *session_state_text(enum session_state state)
{
	static const char *const texts[SESSION_STATE_COUNT] = {
		[SESSION_IDLE] = "idle",
		[SESSION_GREETING] = "greeting",
		[SESSION_OPENING] = "opening",
		[SESSION_UP] = "up",
		[SESSION_CLOSING] = "closing",
		[SESSION_REMOVING] = "removing",
		[SESSION_ENDED] = "ended",
	};
	return state < SESSION_STATE_COUNT ? texts[state] : "unknown";
}

/*
 * Entering or leaving "up" is what people watch for, and that a connection was made and came to
 * nothing: with TLS 1.3 a client hears only then that its certificate was refused. The rest is for who
 * looks closer.
 */
static enum log_level level_of(enum session_state from, enum session_state to)
{
	bool failed = (from == SESSION_GREETING || from == SESSION_OPENING) &&
		to != SESSION_GREETING && to != SESSION_OPENING;

	return failed || from == SESSION_UP || to == SESSION_UP ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO;
}

bool session_next(enum session_state state, enum session_event event, enum session_state *ret_next)
{
	const struct transition *transition = &table[state][event];

	if (transition->valid)
		*ret_next = transition->next;
	return transition->valid;
}

void session_event(struct session *session, enum session_event event, const char *why)
{
	enum session_state old = session->state, next = old;

	if (!session_next(old, event, &next)) {
		log_error("%s: session: event \"%s\" in state %s ignored: this is a bug in Culvert",
			session->name.name, event_text(event), session_state_text(old));
		return;
	}
	session->state = next;
	if (old != next) {
		session->entered = mono_now();
		log_write(level_of(old, next), "%s: session: %s -> %s: %s", session->name.name,
			session_state_text(old), session_state_text(next),
			why && why[0] ? why : event_text(event));
	}
	if (table[old][event].action)
		table[old][event].action(session);
}
