/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* When the configured peers were last there, also over changes of the configuration. */
#include "engine/departures.h"

#include <string.h>

#include "base/array.h"
#include "engine/session.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

static struct departures departures;
static struct settings *settings;
static bool no_memory;

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *data = NULL;

	if (!no_memory && !__builtin_mul_overflow(count, size, &bytes))
		data = malloc(bytes);
	return data ? memset(data, 0, bytes) : NULL;
}

static void setup(void)
{
	no_memory = false;
	settings = server(3);
	ck_assert_int_eq(departures_init(&departures, settings), 0);
}

static void teardown(void)
{
	departures_free(&departures);
	settings_free(settings);
}

/* The session of that entry ends, so many seconds after the start. */
static void leaves(size_t peer, int64_t at_s, const char *why)
{
	struct session_world world = { .settings = settings };
	struct session session = { .world = &world,
		.peer = &settings->peers[peer],
		.connections = 1,
		.down_since = { DURATION_S(at_s).ns } };

	unit_text(session.leave.text, why);
	departures_add(&departures, &session);
}

/* Seconds after the start; 0: not seen. */
static int64_t seen(const char *name)
{
	const struct identity identity = identity_of(name);
	const struct settings_peer *peer = settings_find_peer(settings, &identity);
	const struct departure *departure;

	ck_assert_ptr_nonnull(peer);
	departure = departures_find(&departures, settings, peer);
	return departure ? departure->seen.ns / DURATION_S(1).ns : 0;
}

/* Other peers: each name of the list, in this order. */
static void change_to(const char *const *names, size_t count)
{
	struct settings *before = settings;

	settings = server(count);
	for (size_t i = 0; i < count; i++)
		settings->peers[i].name = identity_of(names[i]);
	departures_follow(&departures, before, settings);
	settings_free(before);
}

/* Entries that are moved, removed, and new. */
START_TEST(followed)
{
	static const char *const names[] = { "new", "peer-2", "peer-0" };

	leaves(0, 10, "first");
	leaves(1, 11, "second");
	change_to(names, ARRAY_SIZE(names));
	ck_assert_int_eq(seen("peer-0"), 10);
	ck_assert_int_eq(seen("peer-2"), 0);
	ck_assert_int_eq(seen("new"), 0);
	leaves(1, 12, "third"); /* peer-2 */
	ck_assert_int_eq(seen("peer-2"), 12);
	ck_assert_ptr_nonnull(
		strstr(departures_find(&departures, settings, &settings->peers[2])->text, "first"));
}
END_TEST

/* Many more entries than before, and none. */
START_TEST(followed_to_more_and_to_none)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "peer-1" };

	leaves(1, 10, "");
	change_to(names, ARRAY_SIZE(names));
	ck_assert_int_eq(seen("peer-1"), 10);
	leaves(6, 11, "");
	ck_assert_int_eq(seen("g"), 11);
	change_to(NULL, 0);
	change_to(names, ARRAY_SIZE(names));
	ck_assert_int_eq(seen("peer-1"), 0);
}
END_TEST

/* Without memory nothing is kept, until a later change finds some. */
START_TEST(followed_without_memory)
{
	struct settings *before = settings;

	leaves(0, 10, "");
	no_memory = true;
	departures_follow(&departures, before, settings);
	no_memory = false;
	ck_assert_int_eq(seen("peer-0"), 0);
	leaves(0, 11, "");
	ck_assert_int_eq(seen("peer-0"), 0);
	departures_follow(&departures, before, settings);
	leaves(0, 12, "");
	ck_assert_int_eq(seen("peer-0"), 12);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { followed, followed_to_more_and_to_none,
		followed_without_memory };

	return unit_run(
		"departures", unit_suite("departures", setup, teardown, tests, ARRAY_SIZE(tests)));
}
