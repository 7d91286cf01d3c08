/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/*
 * The session's table, row by row as session.h and session_internal.h tell it. NONE: the event
 * cannot happen in that state.
 */

enum { NONE = SESSION_STATE_COUNT };

#define IDLE SESSION_IDLE
#define GREETING SESSION_GREETING
#define OPENING SESSION_OPENING
#define UP SESSION_UP
#define CLOSING SESSION_CLOSING
#define REMOVING SESSION_REMOVING
#define ENDED SESSION_ENDED

static const struct row {
	enum session_state state;
	int next[SESSION_EVENT_COUNT];
} rows[SESSION_STATE_COUNT] = {
	/* clang-format off */
	/* state       LANE      TERMS    INTERFACE  NO_INTERF. LEAVE     GOODBYE  LANE_LOST LAST_LANE REMOVED */
	{ IDLE,      { GREETING, OPENING, NONE,      NONE,      REMOVING, NONE,    NONE,     NONE,     NONE  } },
	{ GREETING,  { NONE,     OPENING, NONE,      NONE,      CLOSING,  CLOSING, IDLE,     REMOVING, NONE  } },
	{ OPENING,   { NONE,     NONE,    UP,        CLOSING,   CLOSING,  CLOSING, IDLE,     REMOVING, NONE  } },
	{ UP,        { NONE,     NONE,    NONE,      NONE,      CLOSING,  CLOSING, IDLE,     REMOVING, NONE  } },
	{ CLOSING,   { NONE,     NONE,    NONE,      NONE,      CLOSING,  CLOSING, IDLE,     REMOVING, NONE  } },
	{ REMOVING,  { NONE,     NONE,    NONE,      NONE,      REMOVING, NONE,    NONE,     NONE,     ENDED } },
	{ ENDED,     { NONE,     NONE,    NONE,      NONE,      ENDED,    NONE,    NONE,     NONE,     NONE  } },
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

	for (size_t i = 0; i < SESSION_STATE_COUNT; i++) {
		const struct row *row = &rows[i];

		for (size_t j = 0; j < SESSION_EVENT_COUNT; j++) {
			enum session_state next = untouched;
			bool happens = session_next(row->state, events[j], &next);

			ck_assert_msg(happens == (row->next[j] != NONE), "%s, event %zu",
				session_state_text(row->state), j);
			ck_assert_msg((int)next == (happens ? row->next[j] : (int)untouched),
				"%s, event %zu: %s", session_state_text(row->state), j,
				session_state_text(next));
		}
	}
}
END_TEST

static size_t count_lines(int fd)
{
	char text[16384];
	ssize_t len = pread(fd, text, sizeof(text), 0);
	size_t count = 0;

	for (ssize_t i = 0; i < len; i++)
		count += text[i] == '\n';
	return count;
}

/*
 * What cannot happen is logged, and leaves the session as it is, to the last byte; nothing is
 * called or freed. (stderr is a file in memory meanwhile; the test has a process of its own.)
 */
START_TEST(event_without_a_row)
{
	int real = dup(STDERR_FILENO), captured = memfd_create("stderr", MFD_CLOEXEC);
	unsigned tried = 0;

	ck_assert_int_ge(dup2(captured, STDERR_FILENO), 0);

	for (size_t i = 0; i < SESSION_STATE_COUNT; i++) {
		for (size_t j = 0; j < SESSION_EVENT_COUNT; j++) {
			struct session *session = calloc(2, sizeof(*session));

			if (rows[i].next[j] == NONE) {
				memset(session, 0xa5, sizeof(*session));
				session->name = (struct identity){ .name = "branch-a" };
				session->state = rows[i].state;
				memcpy(session + 1, session, sizeof(*session));
				session_event(session, events[j], "a test");
				ck_assert_mem_eq(session, session + 1, sizeof(*session));
				tried++;
			}
			free(session);
		}
	}
	ck_assert_int_ge(dup2(real, STDERR_FILENO), 0);
	ck_assert_uint_gt(tried, 0);
	ck_assert_uint_eq(count_lines(captured), tried);
	close(real);
	close(captured);
}
END_TEST

/* A row that leads back to its own state does not count as entering it. */
START_TEST(leaving_twice)
{
	static const enum session_state states[] = { CLOSING, REMOVING, ENDED };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct session session = {
			.name = { .name = "branch-a" },
			.state = states[i],
			.entered = { .ns = 12345 },
		};

		session_event(&session, SESSION_EVENT_LEAVE, "again");
		ck_assert_int_eq(session.state, states[i]);
		ck_assert_int_eq(session.entered.ns, 12345);
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

static Suite *suite(void)
{
	Suite *s = suite_create("session_state");

	unit_add(s, "whole_matrix", whole_matrix);
	unit_add(s, "event_without_a_row", event_without_a_row);
	unit_add(s, "leaving_twice", leaving_twice);
	unit_add(s, "every_state_has_a_name", every_state_has_a_name);
	return s;
}

int main(void)
{
	return unit_run("session_state", suite());
}
