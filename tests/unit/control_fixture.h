/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of engine/control.c share. */
#ifndef CULVERT_TESTS_UNIT_CONTROL_FIXTURE_H
#define CULVERT_TESTS_UNIT_CONTROL_FIXTURE_H

#include "base/error_text.h"
#include "engine/control.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "engine/engine.h"
#include "system/ipc.h"
#include "tests/unit/unit.h"

enum { ANSWER_MAX = 8 << 20, REQUEST_LENGTH_MAX = 4096 };

/*
 * An engine that serves its control socket on the test's main thread, while the person at the
 * command line is a thread of its own. The socket has an abstract name, so that file permissions
 * play no part.
 */
static struct fixture {
	struct engine engine;
	struct loop_watch done; /* the person has gone */
	struct sockaddr_un name;
	socklen_t name_len;
	int netd; /* netd's end of the engine's socket pair */
	void (*person)(void);
} fixture;

static inline void person_done(struct loop_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	loop_stop(fixture.engine.world.loop);
}

static inline void *person_main(void *argument)
{
	uint64_t one = 1;

	(void)argument;
	fixture.person();
	ck_assert_int_eq(write(fixture.done.fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	return NULL;
}

static inline int listen_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int n;

	fixture.name.sun_family = AF_UNIX;
	n = snprintf(fixture.name.sun_path + 1, sizeof(fixture.name.sun_path) - 1,
		"culvert-test-%d", getpid());
	fixture.name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&fixture.name, fixture.name_len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	return fd;
}

static inline void setup(void)
{
	static const struct engine_role role = { .configuration.tls_role = TLS_SERVER };
	int fds[2];

	fixture = (struct fixture){ .engine = { .role = &role } };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.engine.started = mono_now();
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &fixture.engine.settings), 0);
	ck_assert_int_eq(loop_new(&fixture.engine.world.loop), 0);
	fixture.engine.world.settings = fixture.engine.settings;
	peers_init(&fixture.engine.peers, fixture.engine.world.loop);
	ck_assert_int_eq(peers_configure(&fixture.engine.peers, fixture.engine.settings), 0);
	ck_assert_int_eq(ipc_pair(fds), 0);
	fixture.netd = fds[0];
	ck_assert_int_eq(netd_link_new(fixture.engine.world.loop, fds[1],
				 &fixture.engine.netd_events, &fixture.engine.world.netd),
		0);
	ck_assert_int_eq(loop_watch_add(fixture.engine.world.loop, &fixture.done,
				 eventfd(0, EFD_CLOEXEC), EPOLLIN, person_done),
		0);
	ck_assert_int_eq(
		control_open(&fixture.engine, listen_abstract(), &fixture.engine.control), 0);
}

static inline void teardown(void)
{
	control_close(fixture.engine.control);
	close(fixture.done.fd);
	close(fixture.netd);
	netd_link_free(fixture.engine.world.netd);
	peers_free(&fixture.engine.peers);
	loop_free(fixture.engine.world.loop);
	settings_free(fixture.engine.settings);
}

/* Serves until the person has done everything. */
static inline void serve(void (*person)(void))
{
	pthread_t thread;

	fixture.person = person;
	ck_assert_int_eq(pthread_create(&thread, NULL, person_main, NULL), 0);
	ck_assert_int_eq(loop_run(fixture.engine.world.loop), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* ---- what a person does; on the thread ---- */

static inline int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&fixture.name, fixture.name_len), 0);
	return fd;
}

/* Everything until the daemon closes; the caller frees it. */
static inline char *read_answer(int fd)
{
	char *text = calloc(1, ANSWER_MAX + 1);
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, ANSWER_MAX - len, 0)) > 0)
		len += (size_t)n;
	ck_assert_msg(n == 0, "the daemon's end broke: %s", error_text(errno));
	close(fd);
	return text;
}

static inline char *ask_bytes(const char *request, size_t len)
{
	int fd = dial();

	ck_assert_int_eq(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	return read_answer(fd);
}

static inline char *ask(const char *request)
{
	return ask_bytes(request, strlen(request));
}

/* The answer begins so. */
static inline void ck_begins(const char *request, const char *expected)
{
	char *text = ask(request);

	ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
	free(text);
}

#endif
