/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_state.h"

#include "tests/unit/unit.h"

/*
 * The session's table, row by row as session_state.h tells it: where each event leads, and what the
 * session does then. NONE: the event cannot happen in that state.
 */

enum { NONE = 1000 };

#define IDLE SESSION_IDLE
#define GREETING SESSION_GREETING
#define OPENING SESSION_OPENING
#define UP SESSION_UP
#define CLOSING SESSION_CLOSING
#define REMOVING SESSION_REMOVING
#define ENDED SESSION_ENDED

#define STAY SESSION_ACTION_NONE
#define HELLO SESSION_ACTION_SEND_HELLO
#define MAKE SESSION_ACTION_MAKE_INTERFACE
#define BEGIN SESSION_ACTION_BEGIN
#define GOODBYE SESSION_ACTION_SAY_GOODBYE
#define END SESSION_ACTION_END_LANES
#define REST SESSION_ACTION_REST
#define REMOVE SESSION_ACTION_REMOVE
#define FINISH SESSION_ACTION_FINISH

static const struct row {
	enum session_state state;
	int next[SESSION_EVENT_COUNT];
	int action[SESSION_EVENT_COUNT];
} rows[SESSION_STATE_COUNT] = {
	/* clang-format off */
	/* state       LANE      TERMS    INTERFACE  NO_INTERF. LEAVE     GOODBYE  LANE_LOST LAST_LANE REMOVED */
	{ IDLE,       { GREETING, OPENING, NONE,      NONE,       REMOVING, NONE,    NONE,     NONE,     NONE },
	              { HELLO,    MAKE,    NONE,      NONE,       REMOVE,   NONE,    NONE,     NONE,     NONE } },
	{ GREETING,   { NONE,     OPENING, NONE,      NONE,       CLOSING,  CLOSING, IDLE,     REMOVING, NONE },
	              { NONE,     MAKE,    NONE,      NONE,       GOODBYE,  END,     REST,     REMOVE,   NONE } },
	{ OPENING,    { NONE,     NONE,    UP,        CLOSING,    CLOSING,  CLOSING, IDLE,     REMOVING, NONE },
	              { NONE,     NONE,    BEGIN,     GOODBYE,    GOODBYE,  END,     REST,     REMOVE,   NONE } },
	{ UP,         { NONE,     NONE,    NONE,      NONE,       CLOSING,  CLOSING, IDLE,     REMOVING, NONE },
	              { NONE,     NONE,    NONE,      NONE,       GOODBYE,  END,     REST,     REMOVE,   NONE } },
	{ CLOSING,    { NONE,     NONE,    NONE,      NONE,       CLOSING,  CLOSING, IDLE,     REMOVING, NONE },
	              { NONE,     NONE,    NONE,      NONE,       STAY,     STAY,    REST,     REMOVE,   NONE } },
	{ REMOVING,   { NONE,     NONE,    NONE,      NONE,       REMOVING, NONE,    NONE,     NONE,     ENDED },
	              { NONE,     NONE,    NONE,      NONE,       STAY,     NONE,    NONE,     NONE,     FINISH } },
	{ ENDED,      { NONE,     NONE,    NONE,      NONE,       ENDED,    NONE,    NONE,     NONE,     NONE },
	              { NONE,     NONE,    NONE,      NONE,       STAY,     NONE,    NONE,     NONE,     NONE } },
	/* clang-format on */
};

/* The columns above stand in the order of the events. */
static const enum session_event events[SESSION_EVENT_COUNT] = {
	SESSION_EVENT_LANE,
	SESSION_EVENT_TERMS,
	SESSION_EVENT_INTERFACE,
	SESSION_EVENT_NO_INTERFACE,
	SESSION_EVENT_LEAVE,
	SESSION_EVENT_GOODBYE,
	SESSION_EVENT_LANE_LOST,
	SESSION_EVENT_LAST_LANE,
	SESSION_EVENT_REMOVED,
};

START_TEST(whole_matrix)
{
	const enum session_state untouched = (enum session_state)77;
	const enum session_action untouched_action = (enum session_action)78;

	for (size_t i = 0; i < SESSION_STATE_COUNT; i++) {
		const struct row *row = &rows[i];

		for (size_t j = 0; j < SESSION_EVENT_COUNT; j++) {
			enum session_state next = untouched;
			enum session_action action = untouched_action;
			bool happens = session_next(row->state, events[j], &next, &action);
			const char *state = session_state_text(row->state);
			const char *event = session_event_text(events[j]);

			ck_assert_msg(happens == (row->next[j] != NONE), "%s, %s", state, event);
			ck_assert_msg((int)next == (happens ? row->next[j] : (int)untouched),
				"%s, %s: leads to %s", state, event, session_state_text(next));
			ck_assert_msg(
				(int)action == (happens ? row->action[j] : (int)untouched_action),
				"%s, %s: action %d", state, event, (int)action);
		}
	}
}
END_TEST

START_TEST(every_state_has_a_name)
{
	for (int i = 0; i < SESSION_STATE_COUNT; i++) {
		const char *name = session_state_text((enum session_state)i);

		ck_assert_str_ne(name, "unknown");
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name, session_state_text((enum session_state)j));
	}
	ck_assert_str_eq(session_state_text(SESSION_STATE_COUNT), "unknown");
}
END_TEST

START_TEST(every_event_has_a_name)
{
	for (int i = 0; i < SESSION_EVENT_COUNT; i++) {
		const char *name = session_event_text((enum session_event)i);

		ck_assert_str_ne(name, "unknown");
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name, session_event_text((enum session_event)j));
	}
	ck_assert_str_eq(session_event_text(SESSION_EVENT_COUNT), "unknown");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_state");

	unit_add(s, "whole_matrix", whole_matrix);
	unit_add(s, "every_state_has_a_name", every_state_has_a_name);
	unit_add(s, "every_event_has_a_name", every_event_has_a_name);
	return s;
}

int main(void)
{
	return unit_run("session_state", suite());
}
