/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets of a server whose `listen` changes while it runs. */
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

enum { ADDRESSES = 3 };

static struct fixture {
	struct server server;
	struct settings *settings;
	struct loop_timer end;
	struct endpoint at[ADDRESSES];
	int fds[ADDRESSES], client;
	unsigned accepted;
} fixture;

/* ---- what the listener hands its connections to ---- */

void doorstep_take(struct server *server, int fd, const struct endpoint *outer)
{
	(void)server;
	(void)outer;
	close(fd);
	fixture.accepted++;
}

bool engine_is_short(const struct engine *engine)
{
	(void)engine;
	return false;
}

void refusal_log(
	struct server *server, const struct endpoint *outer, const char *name, const char *cause)
{
	(void)server;
	(void)outer;
	ck_abort_msg("%s is refused: %s", name, cause);
}

/* ---- the fixture ---- */

static void listen_on(const char *address, int *ret_fd, struct endpoint *ret_at)
{
	struct sockaddr_storage sa;
	struct endpoint any;
	socklen_t len;

	ck_assert_int_eq(endpoint_parse(address, 1, &any), 0);
	any.port = 0;
	len = endpoint_to_sockaddr(&any, &sa);
	*ret_fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(*ret_fd, 0);
	ck_assert_int_eq(bind(*ret_fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(*ret_fd, 4), 0);
	len = sizeof(sa);
	ck_assert_int_eq(getsockname(*ret_fd, (struct sockaddr *)&sa, &len), 0);
	ck_assert_int_eq(endpoint_from_sockaddr((struct sockaddr *)&sa, len, ret_at), 0);
}

static void setup(void)
{
	struct problem problem;

	fixture = (struct fixture){ .client = -1 };
	fixture.settings = server(0);
	fixture.server.engine.settings = fixture.settings;
	ck_assert_int_eq(loop_new(&fixture.server.engine.world.loop), 0);
	fixture.settings->listen_count = ADDRESSES;
	for (size_t i = 0; i < ADDRESSES; i++) {
		listen_on("127.0.0.1", &fixture.fds[i], &fixture.at[i]);
		fixture.settings->listen[i] = fixture.at[i];
		listener_add(&fixture.server, fixture.fds[i]);
	}
	ck_assert_int_eq(listener_start(&fixture.server, &problem), 0);
}

static void teardown(void)
{
	listener_stop(&fixture.server);
	ck_assert_uint_eq(fixture.server.listener_count, 0);
	if (fixture.client >= 0)
		close(fixture.client);
	loop_free(fixture.server.engine.world.loop);
	settings_free(fixture.settings);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.server.engine.world.loop);
}

/* Connects to that address. Returns how many connections the server accepts then. */
static unsigned connects(size_t address)
{
	struct loop *loop = fixture.server.engine.world.loop;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&fixture.at[address], &sa);

	if (fixture.client >= 0)
		close(fixture.client);
	fixture.client = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fixture.accepted = 0;
	if (connect(fixture.client, (struct sockaddr *)&sa, len) < 0)
		return 0;
	loop_timer_start(loop, &fixture.end, mono_add(mono_now(), DURATION_MS(20)), over);
	ck_assert_int_eq(loop_run(loop), 0);
	return fixture.accepted;
}

/* The settings have all addresses but that one. */
static void remove_address(size_t removed)
{
	fixture.settings->listen_count = 0;
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (i != removed)
			fixture.settings->listen[fixture.settings->listen_count++] = fixture.at[i];
	}
}

START_TEST(one_removed)
{
	struct problem problem;
	size_t removed = (size_t)_i;

	remove_address(removed);
	listener_follow(&fixture.server);
	ck_assert_int_eq(listener_start(&fixture.server, &problem), 0);
	ck_assert_uint_eq(fixture.server.listener_count, ADDRESSES - 1);
	for (size_t i = 0; i < ADDRESSES; i++)
		ck_assert_int_eq(is_open(fixture.fds[i]), i != removed);
	for (size_t i = 0; i < ADDRESSES; i++)
		ck_assert_uint_eq(connects(i), i != removed);
}
END_TEST

/* Nothing has changed: what comes meanwhile is accepted afterwards. */
START_TEST(unchanged)
{
	struct problem problem;

	listener_follow(&fixture.server);
	ck_assert_uint_eq(fixture.server.listener_count, ADDRESSES);
	ck_assert_uint_eq(connects(1), 0);
	ck_assert_int_eq(listener_start(&fixture.server, &problem), 0);
	ck_assert_uint_eq(connects(2), 2);
}
END_TEST

/* The same port of another address, and another port of the same one, are other sockets. */
START_TEST(address_and_port_count)
{
	fixture.settings->listen[0].addr = addr_of("127.0.0.2");
	fixture.settings->listen[1].port = 1;
	listener_follow(&fixture.server);
	ck_assert_uint_eq(fixture.server.listener_count, 1);
	ck_assert_int_eq(fixture.server.listeners[0].fd, fixture.fds[2]);
}
END_TEST

/* A new one replaces the last one of before: netd sends it after that one is closed. */
START_TEST(all_replaced)
{
	struct problem problem;
	struct endpoint at;
	int fd;

	listen_on("127.0.0.1", &fd, &at);
	fixture.settings->listen_count = 1;
	fixture.settings->listen[0] = at;
	listener_follow(&fixture.server);
	ck_assert_uint_eq(fixture.server.listener_count, 0);
	listener_add(&fixture.server, fd);
	ck_assert_int_eq(listener_start(&fixture.server, &problem), 0);
	fixture.at[0] = at;
	ck_assert_uint_eq(connects(0), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listener_follow");
	TCase *each = tcase_create("removed");

	tcase_add_checked_fixture(each, setup, teardown);
	tcase_add_loop_test(each, one_removed, 0, ADDRESSES);
	suite_add_tcase(suite, each);
	unit_add_between(suite, "unchanged", unchanged, setup, teardown);
	unit_add_between(suite, "address and port", address_and_port_count, setup, teardown);
	unit_add_between(suite, "all replaced", all_replaced, setup, teardown);
	return unit_run("listener_follow", suite);
}
