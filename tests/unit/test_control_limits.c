/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the control socket: prefixes, connections, time, and answers larger than a buffer. */
#include "tests/unit/control_fixture.h"

#include "engine/engine.h"
#include "engine/session.h"
#include "tests/unit/json_read.h"
#include "tests/unit/parse.h"

enum { CONNECTIONS_MAX = 16 };

static void adds_too_many(void)
{
	char request[REQUEST_LENGTH_MAX];

	for (int i = 0; i < SETTINGS_PREFIX_MAX - 1; i++) {
		snprintf(request, sizeof(request), "routes-add\t10.0.%d.0/24\n", i);
		ck_begins(request, "ok\n");
	}
	ck_begins("routes-add\t10.1.0.0/16\t10.2.0.0/16\n",
		"error 5 cannot announce 10.2.0.0/16: the limit");
	ck_begins("routes-add\t10.1.0.0/16\n", "ok\n");
	ck_begins("routes-add\t10.2.0.0/16\n", "error 5 ");
}

START_TEST(prefix_limit)
{
	serve(adds_too_many);
	ck_assert_uint_eq(fixture.engine.peers.announced.all.count, SETTINGS_PREFIX_MAX);
}
END_TEST

enum { PATIENCE_MS = 60000 }; /* valgrind makes an answer of a megabyte slow */

/* Whether the daemon says or does anything on this connection within so many milliseconds. */
static bool hears(int fd, int ms)
{
	struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	char byte;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return recv(fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN;
}

/* So many connections say half a request. Then one asks, and gets its answer at once. */
static void crowds(void)
{
	int halves[CONNECTIONS_MAX], fd;
	struct mono start;
	char *text;

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		halves[i] = dial();
		ck_assert_int_eq(send(halves[i], "sta", 3, MSG_NOSIGNAL), 3);
	}
	start = mono_now();
	fd = dial();
	ck_assert_int_eq(send(fd, "status\n", 7, MSG_NOSIGNAL), 7);
	text = read_answer(fd);
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	free(text);
	ck_assert_int_le(mono_since(mono_now(), start).ns, DURATION_MS(1500).ns);
	ck_assert_int_ge(mono_since(mono_now(), start).ns, DURATION_MS(150).ns); /* their grace */
	/* Only one had to give way, and the others have their time. */
	ck_assert(hears(halves[0], 1));
	ck_assert(!hears(halves[1], 1));
	ck_assert_int_eq(send(halves[15], "tus\n", 4, MSG_NOSIGNAL), 4);
	text = read_answer(halves[15]);
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	free(text);
	for (int i = 0; i < CONNECTIONS_MAX - 1; i++)
		close(halves[i]);
}

START_TEST(crowd)
{
	serve(crowds);
}
END_TEST

static void says_nothing(void)
{
	struct mono start = mono_now();
	int fd = dial(), slow = dial();
	char *text;

	/* Bytes now and then do not lengthen it. */
	while (!hears(slow, 400) && send(slow, "a", 1, MSG_NOSIGNAL) == 1)
		;
	ck_assert_int_ge(mono_since(mono_now(), start).ns, DURATION_MS(4900).ns);
	ck_assert_int_le(mono_since(mono_now(), start).ns, DURATION_MS(8000).ns);
	close(slow);
	text = read_answer(fd);
	ck_assert_str_eq(text, "");
	free(text);
}

START_TEST(deadline)
{
	serve(says_nothing);
}
END_TEST

enum { MANY_ROUTES = 20000 };

static void reads_slowly(void)
{
	int fd = dial();
	char *text, value[64];

	ck_assert_int_eq(send(fd, "routes\tjson\n", 12, MSG_NOSIGNAL), 12);
	ck_assert(hears(fd, PATIENCE_MS));
	/* The daemon waits for us and serves others meanwhile. */
	ck_begins("peers\n", "ok\n");
	text = read_answer(fd);
	ck_assert_uint_gt(strlen(text), 1 << 20);
	ck_assert(json_is_valid(text + 3));
	json_at(text + 3, "received.19999.peer", value, sizeof(value));
	ck_assert_str_eq(value, "\"hub\"");
	free(text);
}

START_TEST(large_answer)
{
	struct identity name = { "hub" };
	struct session *session;
	struct routes *routes;

	ck_assert_int_eq(engine_new_session(&fixture.engine, &name, NULL, &session), 0);
	routes = &session->routes;
	routes->items = calloc(MANY_ROUTES, sizeof(*routes->items));
	routes->count = routes->capacity = MANY_ROUTES;
	for (size_t i = 0; i < MANY_ROUTES; i++)
		routes->items[i].prefix = prefix_of("10.0.0.0/24");
	serve(reads_slowly);
	routes_free(routes);
	free(session);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { prefix_limit, crowd, deadline, large_answer };
	Suite *s = suite_create("control_limits");

	tcase_set_timeout(
		unit_add_case(s, "control_limits", setup, teardown, tests, ARRAY_SIZE(tests)), 20);
	return s;
}

int main(void)
{
	return unit_run("control_limits", suite());
}
