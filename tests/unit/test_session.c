/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static bool happens(enum session_state state, enum session_event event)
{
	enum session_action action;
	enum session_state next;

	return session_next(state, event, &next, &action);
}

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

			if (!happens((enum session_state)i, (enum session_event)j)) {
				memset(session, 0xa5, sizeof(*session));
				session->name = (struct identity){ .name = "branch-a" };
				session->state = (enum session_state)i;
				memcpy(session + 1, session, sizeof(*session));
				session_event(session, (enum session_event)j, "a test");
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
	static const enum session_state states[] = { SESSION_CLOSING, SESSION_REMOVING,
		SESSION_ENDED };

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

static Suite *suite(void)
{
	Suite *s = suite_create("session");

	unit_add(s, "event_without_a_row", event_without_a_row);
	unit_add(s, "leaving_twice", leaving_twice);
	return s;
}

int main(void)
{
	return unit_run("session", suite());
}
