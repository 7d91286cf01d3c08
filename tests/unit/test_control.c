/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "system/ipc.h"
#include "tests/unit/json_read.h"
#include "tests/unit/unit.h"

enum { ANSWER_MAX = 8 << 20, CONNECTIONS_MAX = 16, REQUEST_LENGTH_MAX = 4096 };

/*
 * An engine that serves its control socket on the test's main thread, while the person at the
 * command line is a thread of its own. The socket has an abstract name, so that file permissions
 * play no part.
 */
static struct bench {
	struct engine engine;
	struct loop_watch done; /* the person has gone */
	struct sockaddr_un name;
	socklen_t name_len;
	int netd; /* netd's end of the engine's socket pair */
	void (*person)(void);
} bench;

static void person_done(struct loop_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	loop_stop(bench.engine.loop);
}

static void *person_main(void *argument)
{
	uint64_t one = 1;

	(void)argument;
	bench.person();
	ck_assert_int_eq(write(bench.done.fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	return NULL;
}

static int listen_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int n;

	bench.name.sun_family = AF_UNIX;
	n = snprintf(bench.name.sun_path + 1, sizeof(bench.name.sun_path) - 1, "culvert-test-%d",
		getpid());
	bench.name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&bench.name, bench.name_len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	return fd;
}

static void setup(void)
{
	int fds[2];

	bench = (struct bench){ 0 };
	log_set_level(LOG_LEVEL_ERROR);
	bench.engine.started = mono_now();
	TAILQ_INIT(&bench.engine.sessions);
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &bench.engine.settings), 0);
	ck_assert_int_eq(loop_new(&bench.engine.loop), 0);
	ck_assert_int_eq(ipc_pair(fds), 0);
	bench.netd = fds[0];
	ck_assert_int_eq(
		host_new(bench.engine.loop, fds[1], &bench.engine.host_events, &bench.engine.host),
		0);
	ck_assert_int_eq(loop_watch_add(bench.engine.loop, &bench.done, eventfd(0, EFD_CLOEXEC),
				 EPOLLIN, person_done),
		0);
	ck_assert_int_eq(control_open(&bench.engine, listen_abstract(), &bench.engine.control), 0);
}

static void teardown(void)
{
	control_close(bench.engine.control);
	close(bench.done.fd);
	close(bench.netd);
	host_free(bench.engine.host);
	loop_free(bench.engine.loop);
	free(bench.engine.announced.items);
	settings_free(bench.engine.settings);
}

/* Serves until the person has done everything. */
static void serve(void (*person)(void))
{
	pthread_t thread;

	bench.person = person;
	ck_assert_int_eq(pthread_create(&thread, NULL, person_main, NULL), 0);
	ck_assert_int_eq(loop_run(bench.engine.loop), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* ---- what a person does; on the thread ---- */

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bench.name, bench.name_len), 0);
	return fd;
}

/* Everything until the daemon closes; the caller frees it. */
static char *read_answer(int fd)
{
	char *text = calloc(1, ANSWER_MAX + 1);
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, ANSWER_MAX - len, 0)) > 0)
		len += (size_t)n;
	ck_assert_msg(n == 0, "the daemon's end broke: %s", strerror(errno));
	close(fd);
	return text;
}

static char *ask_bytes(const char *request, size_t len)
{
	int fd = dial();

	ck_assert_int_eq(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	return read_answer(fd);
}

static char *ask(const char *request)
{
	return ask_bytes(request, strlen(request));
}

static void ck_answer(const char *request, const char *expected)
{
	char *text = ask(request);

	ck_assert_str_eq(text, expected);
	free(text);
}

/* The answer begins so. */
static void ck_begins(const char *request, const char *expected)
{
	char *text = ask(request);

	ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
	free(text);
}

static bool announced(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	for (size_t i = 0; i < bench.engine.announced.count; i++) {
		if (prefix_equal(&bench.engine.announced.items[i], &prefix))
			return true;
	}
	return false;
}

/* ---- tests ---- */

static void asks_for_status(void)
{
	static const char *const requests[] = { "status\tjson\n", "peers\tjson\n",
		"routes\tjson\n" };

	for (int i = 0; i < 3; i++) {
		char *text = ask(requests[i]);

		ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
		ck_assert(json_is_valid(text + 3));
		free(text);
	}
	ck_begins("status\n", "ok\nserver: ");
	ck_begins("peers\n", "ok\nPEER");
	ck_begins("routes\n", "ok\nANNOUNCED");
}

START_TEST(status)
{
	serve(asks_for_status);
}
END_TEST

static void asks_nonsense(void)
{
	static char too_long[REQUEST_LENGTH_MAX + 1000], words[3000];

	ck_answer("dance\n", "error 2 unknown command \"dance\"\n");
	ck_answer("\n", "error 2 unknown command \"\"\n");
	ck_answer("status\txml\n", "error 2 unknown argument \"xml\"\n");
	ck_begins("status\tjson\tjson\n", "error 2 ");
	ck_begins("down\tnow\n", "error 2 ");
	ck_begins("routes-add\n", "error 2 ");
	ck_begins("routes-del\n", "error 2 ");
	/* Escaped on its way back, too. */
	ck_answer("\x1b[2J\n", "error 2 unknown command \"\\x1b[2J\"\n");
	ck_begins("status json\n", "error 2 unknown command \"status json\""); /* no TAB */
	ck_begins("STATUS\n", "error 2 ");
	memset(words, '\t', sizeof(words));
	words[sizeof(words) - 2] = '\n';
	words[sizeof(words) - 1] = '\0';
	ck_begins(words, "error 2 too many words");
	memset(too_long, 'a', sizeof(too_long) - 1);
	ck_answer(too_long, "error 2 the request is too long\n");
}

START_TEST(nonsense)
{
	serve(asks_nonsense);
}
END_TEST

static void sends_odd_bytes(void)
{
	char *text = ask_bytes("sta\0tus\n", 8);
	int fd;

	ck_assert_str_eq(text, "error 2 the request is not text\n");
	free(text);
	/* One request a connection: what follows it is thrown away, and the answer still comes
	 * whole. */
	text = ask("status\nstatus\nrubbish");
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	ck_assert_ptr_null(strstr(text + 3, "ok\n"));
	free(text);
	/* Byte by byte. */
	fd = dial();
	for (const char *byte = "peers\n"; *byte; byte++)
		ck_assert_int_eq(send(fd, byte, 1, MSG_NOSIGNAL), 1);
	text = read_answer(fd);
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	free(text);
	/* Gone before the newline: no answer, and nothing done. */
	fd = dial();
	ck_assert_int_eq(send(fd, "down", 4, MSG_NOSIGNAL), 4);
	shutdown(fd, SHUT_WR);
	text = read_answer(fd);
	ck_assert_str_eq(text, "");
	free(text);
	/* Gone without waiting for the answer. */
	fd = dial();
	ck_assert_int_eq(send(fd, "status\n", 7, MSG_NOSIGNAL), 7);
	close(fd);
	ck_begins("status\n", "ok\n");
}

START_TEST(odd_bytes)
{
	char byte;

	serve(sends_odd_bytes);
	ck_assert_int_eq(recv(bench.netd, &byte, 1, MSG_DONTWAIT), -1); /* netd was told nothing */
}
END_TEST

static void changes_routes(void)
{
	ck_answer("routes-add\t10.1.0.0/16\tfd01::/48\n",
		"ok\nannounced 10.1.0.0/16\nannounced fd01::/48\n");
	ck_answer("routes-add\t10.1.0.0/16\n", "error 5 10.1.0.0/16 is announced already\n");
	ck_answer("routes-del\tfd01::/48\n", "ok\nwithdrawn fd01::/48\n");
	ck_answer("routes-del\tfd01::/48\n", "error 5 fd01::/48 is not announced\n");
	ck_begins("routes-add\t10.3.0.0/16\n", "ok\n");
}

START_TEST(change_routes)
{
	serve(changes_routes);
	ck_assert_uint_eq(bench.engine.announced.count, 2);
	ck_assert(announced("10.1.0.0/16"));
	ck_assert(announced("10.3.0.0/16"));
}
END_TEST

static void asks_for_bad_routes(void)
{
	ck_begins("routes-add\t10.1.0.0/16\n", "ok\n");
	ck_begins("routes-add\t10.2.0.0/16\t10.3.0.1/16\n",
		"error 5 10.3.0.1/16 cannot be announced: host bits");
	ck_begins("routes-add\t10.2.0.0/16\t0.0.0.0/0\n",
		"error 5 0.0.0.0/0 cannot be announced: it is a default");
	ck_begins("routes-add\t10.2.0.0/16\t127.0.0.0/8\n", "error 5 ");
	ck_begins("routes-add\t10.2.0.0/16\tff02::/16\n", "error 5 ");
	ck_begins("routes-add\t10.2.0.0/16\t10.1.0.0/16\n",
		"error 5 10.1.0.0/16 is announced already");
	ck_begins("routes-add\t10.2.0.0/16\t10.2.0.0/16\n", "error 5 10.2.0.0/16 is named twice");
	ck_begins("routes-add\t10.2.0.0/16\tten\n", "error 5 \"ten\" is not a prefix");
	ck_begins("routes-add\t10.2.0.0/16\t\n", "error 5 \"\" is not a prefix");
	ck_begins("routes-add\t10.2.0.0/33\n", "error 5 ");
	ck_begins("routes-del\t10.1.0.0/16\t10.9.0.0/16\n", "error 5 10.9.0.0/16 is not announced");
	ck_begins("routes-del\t10.1.0.0/16\t10.1.0.0/16\n", "error 5 10.1.0.0/16 is named twice");
}

/* One bad prefix, and nothing at all is changed. */
START_TEST(all_or_nothing)
{
	serve(asks_for_bad_routes);
	ck_assert_uint_eq(bench.engine.announced.count, 1);
	ck_assert(announced("10.1.0.0/16"));
}
END_TEST

static void adds_too_many(void)
{
	char request[REQUEST_LENGTH_MAX];

	for (int i = 0; i < SETTINGS_PREFIX_MAX - 1; i++) {
		snprintf(request, sizeof(request), "routes-add\t10.0.%d.0/24\n", i);
		ck_begins(request, "ok\n");
	}
	ck_begins(
		"routes-add\t10.1.0.0/16\t10.2.0.0/16\n", "error 5 10.2.0.0/16 would be one more");
	ck_begins("routes-add\t10.1.0.0/16\n", "ok\n");
	ck_begins("routes-add\t10.2.0.0/16\n", "error 5 ");
}

START_TEST(prefix_limit)
{
	serve(adds_too_many);
	ck_assert_uint_eq(bench.engine.announced.count, SETTINGS_PREFIX_MAX);
}
END_TEST

static void takes_down(void)
{
	ck_answer("down\n", "ok\n");
}

START_TEST(down)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	struct request request;
	ssize_t len;

	serve(takes_down);
	len = recv(bench.netd, datagram, sizeof(datagram), MSG_DONTWAIT);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(request_decode(datagram, (size_t)len, &request), 0);
	ck_assert_int_eq(request.type, REQUEST_EXIT);
	ck_assert_uint_eq(request.exit.code, EXIT_CODE_OK);
	ck_assert_str_eq(request.exit.text, "culvert down");
	ck_assert_int_eq(recv(bench.netd, datagram, sizeof(datagram), MSG_DONTWAIT), -1);
}
END_TEST

/* Of this thread alone: the C library's own would change all threads. */
static void become(uid_t uid)
{
	ck_assert_int_eq(syscall(SYS_setresuid, uid, uid, 0), 0);
}

static void asks_as_somebody(void)
{
	char *text;
	int fd;

	become(12345);
	fd = dial();
	text = read_answer(fd);
	ck_assert_int_eq(strncmp(text, "error 6 ", 8), 0);
	free(text);
	become(0);
	ck_begins("status\n", "ok\n");
}

START_TEST(strangers)
{
	if (geteuid() != 0)
		return; /* nobody to become */
	serve(asks_as_somebody);
}
END_TEST

static void listens_as_owner(void)
{
	become(12345);
	ck_begins("status\n", "ok\n");
}

/* The user who runs netd is heard: whoever called listen(2). */
START_TEST(owner)
{
	int fd;

	if (geteuid() != 0)
		return;
	control_close(bench.engine.control);
	become(12345);
	fd = listen_abstract();
	become(0);
	ck_assert_int_eq(control_open(&bench.engine, fd, &bench.engine.control), 0);
	serve(listens_as_owner);
}
END_TEST

/* Whether the daemon says or does anything on this connection within so many milliseconds. */
static bool hears(int fd, int ms)
{
	struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	char byte;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return recv(fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN;
}

static void crowds(void)
{
	int silent[CONNECTIONS_MAX], fd;
	char *text;

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		silent[i] = dial();
	fd = dial(); /* waits in the backlog */
	ck_assert_int_eq(send(fd, "status\n", 7, MSG_NOSIGNAL), 7);
	ck_assert(!hears(fd, 100));
	close(silent[3]);
	ck_assert(hears(fd, 3000));
	text = read_answer(fd);
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	free(text);
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		if (i != 3)
			close(silent[i]);
	}
	ck_begins("status\n", "ok\n");
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
	ck_assert(hears(fd, 3000));
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

	ck_assert_int_eq(session_new(&bench.engine, &name, NULL, &session), 0);
	routes = &session->routes;
	routes->items = calloc(MANY_ROUTES, sizeof(*routes->items));
	routes->count = routes->capacity = MANY_ROUTES;
	for (size_t i = 0; i < MANY_ROUTES; i++)
		ck_assert_int_eq(prefix_parse("10.0.0.0/24", &routes->items[i].prefix), 0);
	serve(reads_slowly);
	routes_free(routes);
	free(session);
}
END_TEST

static void leaves_open(void)
{
	(void)dial();
	ck_begins("status\n", "ok\n");
}

/* Closing with connections open frees them: a sanitizer sees it if not. */
START_TEST(close_while_open)
{
	serve(leaves_open);
}
END_TEST

START_TEST(refused_listener)
{
	struct control *control = NULL;

	ck_assert_int_eq(control_open(&bench.engine, -1, &control), -EBADF);
	ck_assert_ptr_null(control);
	control_close(NULL);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { status, nonsense, odd_bytes, change_routes, all_or_nothing,
		prefix_limit, down, strangers, owner, crowd, deadline, large_answer,
		close_while_open, refused_listener };
	Suite *s = suite_create("control");
	TCase *tcase = tcase_create("control");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("control", suite());
}
