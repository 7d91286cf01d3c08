/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_state.h"

struct transition {
	bool valid; /* false: the event cannot happen in that state */
	enum session_state next;
	enum session_action action;
};

#define TO(state, what)                                          \
	{                                                        \
		.valid = true, .next = (state), .action = (what) \
	}

static const struct transition table[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {
	[SESSION_IDLE] = {
		[SESSION_EVENT_LANE] = TO(SESSION_GREETING, SESSION_ACTION_SEND_HELLO),
		[SESSION_EVENT_TERMS] = TO(SESSION_OPENING, SESSION_ACTION_MAKE_INTERFACE),
		[SESSION_EVENT_LEAVE] = TO(SESSION_REMOVING, SESSION_ACTION_REMOVE),
	},
	[SESSION_GREETING] = {
		[SESSION_EVENT_TERMS] = TO(SESSION_OPENING, SESSION_ACTION_MAKE_INTERFACE),
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, SESSION_ACTION_SAY_GOODBYE),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, SESSION_ACTION_END_LANES),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, SESSION_ACTION_REST),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, SESSION_ACTION_REMOVE),
	},
	[SESSION_OPENING] = {
		[SESSION_EVENT_INTERFACE] = TO(SESSION_UP, SESSION_ACTION_BEGIN),
		[SESSION_EVENT_NO_INTERFACE] = TO(SESSION_CLOSING, SESSION_ACTION_SAY_GOODBYE),
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, SESSION_ACTION_SAY_GOODBYE),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, SESSION_ACTION_END_LANES),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, SESSION_ACTION_REST),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, SESSION_ACTION_REMOVE),
	},
	[SESSION_UP] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, SESSION_ACTION_SAY_GOODBYE),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, SESSION_ACTION_END_LANES),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, SESSION_ACTION_REST),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, SESSION_ACTION_REMOVE),
	},
	[SESSION_CLOSING] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_CLOSING, SESSION_ACTION_NONE),
		[SESSION_EVENT_GOODBYE] = TO(SESSION_CLOSING, SESSION_ACTION_NONE),
		[SESSION_EVENT_LANE_LOST] = TO(SESSION_IDLE, SESSION_ACTION_REST),
		[SESSION_EVENT_LAST_LANE] = TO(SESSION_REMOVING, SESSION_ACTION_REMOVE),
	},
	[SESSION_REMOVING] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_REMOVING, SESSION_ACTION_NONE),
		[SESSION_EVENT_REMOVED] = TO(SESSION_ENDED, SESSION_ACTION_FINISH),
	},
	[SESSION_ENDED] = {
		[SESSION_EVENT_LEAVE] = TO(SESSION_ENDED, SESSION_ACTION_NONE),
	},
};

const char *session_event_text(enum session_event event)
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
	return event < SESSION_EVENT_COUNT ? texts[event] : "unknown";
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

bool session_next(enum session_state state, enum session_event event, enum session_state *ret_next,
	enum session_action *ret_action)
{
	const struct transition *transition = &table[state][event];

	if (!transition->valid)
		return false;
	*ret_next = transition->next;
	*ret_action = transition->action;
	return true;
}
