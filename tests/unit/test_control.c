/* SPDX-License-Identifier: Apache-2.0 */
/* Which user may send which request over the control socket, and what it does. Limits: test_control_limits.c. */
#include "tests/unit/control_fixture.h"

#include <sys/syscall.h>

#include "base/exit_code.h"
#include "tests/unit/json_read.h"
#include "tests/unit/parse.h"

static void ck_answer(const char *request, const char *expected)
{
	char *text = ask(request);

	ck_assert_str_eq(text, expected);
	free(text);
}

static bool announced(const char *text)
{
	struct prefix prefix;

	prefix = prefix_of(text);
	for (size_t i = 0; i < fixture.engine.peers.announced.all.count; i++) {
		if (prefix_equal(&fixture.engine.peers.announced.all.items[i], &prefix))
			return true;
	}
	return false;
}

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
	ck_begins("status\tjson\tcheck\n", "error 2 ");
	ck_begins("status\tfull\tfull\n", "error 2 ");
	ck_answer("status\tpeer\n", "error 2 unknown argument \"peer\"\n");
	ck_begins("status\tpeer\ta\tpeer\tb\n", "error 2 ");
	ck_begins("status\tpeer\tnobody\n", "error 4 ");
	ck_begins("status\tcheck\n", "ok\n");
	ck_begins("status\tfull\n", "ok\n");
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
	ck_assert_int_eq(
		recv(fixture.netd, &byte, 1, MSG_DONTWAIT), -1); /* netd was told nothing */
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
	ck_assert_uint_eq(fixture.engine.peers.announced.all.count, 2);
	ck_assert(announced("10.1.0.0/16"));
	ck_assert(announced("10.3.0.0/16"));
}
END_TEST

static void asks_for_bad_routes(void)
{
	ck_begins("routes-add\t10.1.0.0/16\n", "ok\n");
	ck_begins("routes-add\t10.2.0.0/16\t10.3.0.1/16\n",
		"error 5 10.3.0.1/16 cannot be announced: host bits");
	ck_begins("routes-add\t10.2.0.0/16\t127.0.0.0/8\n",
		"error 5 127.0.0.0/8 cannot be announced: it overlaps the loopback");
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
	ck_assert_uint_eq(fixture.engine.peers.announced.all.count, 1);
	ck_assert(announced("10.1.0.0/16"));
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
	len = recv(fixture.netd, datagram, sizeof(datagram), MSG_DONTWAIT);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(request_decode(datagram, (size_t)len, &request), 0);
	ck_assert_int_eq(request.type, REQUEST_EXIT);
	ck_assert_uint_eq(request.exit.code, EXIT_CODE_OK);
	ck_assert_str_eq(request.exit.text, "culvert down");
	ck_assert_int_eq(recv(fixture.netd, datagram, sizeof(datagram), MSG_DONTWAIT), -1);
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

/* netd's user may send requests: the one that called listen(2). */
START_TEST(owner)
{
	int fd;

	if (geteuid() != 0)
		return;
	control_close(fixture.engine.control);
	become(12345);
	fd = listen_abstract();
	become(0);
	ck_assert_int_eq(control_open(&fixture.engine, fd, &fixture.engine.control), 0);
	serve(listens_as_owner);
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

	ck_assert_int_eq(control_open(&fixture.engine, -1, &control), -EBADF);
	ck_assert_ptr_null(control);
	control_close(NULL);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { status, nonsense, odd_bytes, change_routes, all_or_nothing,
		down, strangers, owner, close_while_open, refused_listener };
	Suite *s = suite_create("control");

	tcase_set_timeout(
		unit_add_case(s, "control", setup, teardown, tests, ARRAY_SIZE(tests)), 20);
	return s;
}

int main(void)
{
	return unit_run("control", suite());
}
