/* SPDX-License-Identifier: Apache-2.0 */
/* The one command whose answer is netd's: reexec. What comes after a yes: tests/system/reexec.sh. */
#include "tests/unit/control_fixture.h"

#include <poll.h>

enum { NETD_WAIT_MS = 5000 };

/* netd's part, played on the person's thread. */
static uint32_t netd_hears_reexec(void)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	struct pollfd pollfd = { .fd = fixture.netd, .events = POLLIN };
	struct request request;
	ssize_t len;

	ck_assert_int_eq(poll(&pollfd, 1, NETD_WAIT_MS), 1);
	len = recv(fixture.netd, datagram, sizeof(datagram), MSG_DONTWAIT);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(request_decode(datagram, (size_t)len, &request), 0);
	ck_assert_int_eq(request.type, REQUEST_REEXEC);
	return request.id;
}

static void netd_refuses(uint32_t id, const char *why)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	struct request request = { .type = REQUEST_REPLY, .id = id, .reply.error = EPERM };
	struct writer writer;

	snprintf(request.reply.text, sizeof(request.reply.text), "%s", why);
	writer_init(&writer, datagram, sizeof(datagram));
	ck_assert_int_eq(request_encode(&writer, &request), 0);
	ck_assert_int_eq(ipc_send(fixture.netd, datagram, writer.len, NULL, 0), 0);
}

static void ck_netd_hears_nothing(void)
{
	char byte;

	ck_assert_int_eq(recv(fixture.netd, &byte, 1, MSG_DONTWAIT), -1);
}

static int asks_reexec(void)
{
	int fd = dial();

	ck_assert_int_eq(send(fd, "reexec\n", 7, MSG_NOSIGNAL), 7);
	return fd;
}

static void ck_reads(int fd, const char *expected)
{
	char *text = read_answer(fd);

	ck_assert_str_eq(text, expected);
	free(text);
}

static void asks_too_early(void)
{
	ck_begins("reexec\n", "error 5 the engine has just started");
	ck_begins("reexec\tnow\n", "error 2 unknown argument \"now\"");
}

START_TEST(too_early)
{
	fixture.engine.world.ready = false;
	serve(asks_too_early);
	ck_netd_hears_nothing();
}
END_TEST

static void is_refused(void)
{
	for (int i = 0; i < 2; i++) {
		int fd = asks_reexec();

		netd_refuses(netd_hears_reexec(), "it is not executable");
		ck_reads(fd, "error 5 it is not executable\n");
	}
	ck_begins("status\n", "ok\n");
}

START_TEST(refused)
{
	serve(is_refused);
}
END_TEST

static void asks_twice(void)
{
	int fd = asks_reexec();
	uint32_t id = netd_hears_reexec();

	ck_begins("reexec\n", "error 5 another reexec is in progress");
	ck_begins("status\n", "ok\n");
	netd_refuses(id, "no");
	ck_reads(fd, "error 5 no\n");
}

START_TEST(twice)
{
	serve(asks_twice);
	ck_netd_hears_nothing();
}
END_TEST

/* The asking program has gone before netd answers: nothing is left of the connection. */
static void goes_away(void)
{
	int fd = asks_reexec();
	uint32_t id = netd_hears_reexec();

	close(fd);
	ck_begins("status\n", "ok\n");
	netd_refuses(id, "no");
	fd = asks_reexec();
	netd_refuses(netd_hears_reexec(), "no again");
	ck_reads(fd, "error 5 no again\n");
}

START_TEST(gone)
{
	serve(goes_away);
}
END_TEST

static void begins_ready(void)
{
	setup();
	fixture.engine.world.ready = true;
}

static Suite *suite(void)
{
	const TTest *const tests[] = { too_early, refused, twice, gone };
	Suite *s = suite_create("control_reexec");

	tcase_set_timeout(unit_add_case(s, "control_reexec", begins_ready, teardown, tests,
				  ARRAY_SIZE(tests)),
		20);
	return s;
}

int main(void)
{
	return unit_run("control_reexec", suite());
}
