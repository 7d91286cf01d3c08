/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's link to netd, whose end is played here. */
#include "base/array.h"
#include "engine/netd_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "system/ipc.h"
#include "tests/unit/request_samples.h"
#include "tests/unit/unit.h"

enum { FLOOD = 4096 };

static struct bench {
	struct loop *loop;
	struct netd_link *link;
	struct netd_link_events events;
	struct loop_timer end;
	int netd;
	struct netd_call first, second;
	unsigned configured, stopped, networks, tracked, lacked, gone, answered;
	struct request_reply reply;
	size_t fd_count;
} bench;

static void on_configure(struct netd_link_events *events, const struct request_configure *configure,
	const int *fds, size_t fd_count)
{
	(void)events;
	(void)configure;
	bench.configured++;
	netd_link_close_fds(fds, fd_count);
}

static void on_stop(struct netd_link_events *events)
{
	(void)events;
	bench.stopped++;
}

static void on_network(struct netd_link_events *events)
{
	(void)events;
	bench.networks++;
}

static void on_tracked(struct netd_link_events *events, const struct request_tracked *page)
{
	(void)events;
	(void)page;
	bench.tracked++;
}

static void on_lack(struct netd_link_events *events, const struct request_lack *page)
{
	(void)events;
	(void)page;
	bench.lacked++;
}

static void on_gone(struct netd_link_events *events)
{
	(void)events;
	bench.gone++;
	loop_stop(bench.loop);
}

static void setup(void)
{
	int fds[2];

	bench = (struct bench){ .events = { on_configure, on_stop, on_network, on_tracked, on_lack,
					on_gone } };
	ck_assert_int_eq(loop_new(&bench.loop), 0);
	ck_assert_int_eq(ipc_pair(fds), 0);
	bench.netd = fds[0];
	ck_assert_int_eq(netd_link_new(bench.loop, fds[1], &bench.events, &bench.link), 0);
}

static void teardown(void)
{
	netd_link_free(bench.link);
	if (bench.netd >= 0)
		close(bench.netd);
	loop_free(bench.loop);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(bench.loop);
}

/* One turn of the loop: what is there is taken before the timer. */
static void turn(void)
{
	loop_timer_start(bench.loop, &bench.end, mono_now(), over);
	ck_assert_int_eq(loop_run(bench.loop), 0);
}

static void netd_sends(const struct request *request, const int *fds, size_t fd_count)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	struct writer writer;

	writer_init(&writer, datagram, sizeof(datagram));
	ck_assert_int_eq(request_encode(&writer, request), 0);
	ck_assert_int_eq(ipc_send(bench.netd, datagram, writer.len, fds, fd_count), 0);
}

static void netd_hears(struct request *request)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	ssize_t len = recv(bench.netd, datagram, sizeof(datagram), MSG_DONTWAIT);

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(request_decode(datagram, (size_t)len, request), 0);
}

static void answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	(void)call;
	bench.answered++;
	bench.reply = *reply;
	bench.fd_count = fd_count;
	netd_link_close_fds(fds, fd_count);
}

static void netd_answers(uint32_t id, int error)
{
	struct request reply = { .type = REQUEST_REPLY, .id = id, .reply.error = (uint32_t)error };

	netd_sends(&reply, NULL, 0);
	turn();
}

/* Replies come in order; those to told requests are nobody's. */
START_TEST(calls_and_replies)
{
	struct request up = sample(REQUEST_UP), reexec = { .type = REQUEST_REEXEC };
	struct request heard[3];

	ck_assert_int_eq(netd_link_ask(bench.link, &bench.first, &reexec, answered), 0);
	ck_assert_int_eq(netd_link_ask(bench.link, &bench.first, &reexec, answered), -EBUSY);
	ck_assert_int_eq(netd_link_tell(bench.link, &up), 0);
	ck_assert_int_eq(netd_link_ask(bench.link, &bench.second, &reexec, answered), 0);
	for (unsigned i = 0; i < 3; i++)
		netd_hears(&heard[i]);
	ck_assert_uint_ne(heard[0].id, heard[1].id);
	netd_answers(heard[0].id, 0);
	ck_assert_uint_eq(bench.answered, 1);
	ck_assert(!bench.first.pending && bench.second.pending);
	netd_answers(heard[1].id, EPERM);
	ck_assert_uint_eq(bench.answered, 1);
	netd_answers(heard[2].id, EPERM);
	ck_assert_uint_eq(bench.answered, 2);
	ck_assert_int_eq(bench.reply.error, EPERM);
	ck_assert(!bench.second.pending);
}
END_TEST

/* Descriptors that nobody takes are closed: a lying netd cannot make the engine run out of them. */
START_TEST(descriptors_are_the_callees)
{
	struct request reexec = { .type = REQUEST_REEXEC }, heard;
	int pipes[2];
	char byte;

	ck_assert_int_eq(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	struct request reply = { .type = REQUEST_REPLY, .id = 77 };
	netd_sends(&reply, &pipes[1], 1);
	turn();
	ck_assert_int_eq(netd_link_ask(bench.link, &bench.first, &reexec, answered), 0);
	netd_hears(&heard);
	reply.id = heard.id;
	netd_sends(&reply, &pipes[1], 1);
	turn();
	ck_assert_uint_eq(bench.fd_count, 1);
	struct request stop = { .type = REQUEST_STOP };
	netd_sends(&stop, &pipes[1], 1);
	turn();
	close(pipes[1]);
	ck_assert_int_eq(read(pipes[0], &byte, 1), 0); /* no writer is left */
	close(pipes[0]);
	ck_assert_uint_eq(bench.stopped, 1);
}
END_TEST

START_TEST(what_netd_says)
{
	static const enum request_type types[] = { REQUEST_NETWORK, REQUEST_LACK, REQUEST_TRACKED,
		REQUEST_CONFIGURE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct request request = sample(types[i]);

		netd_sends(&request, NULL, 0);
		turn();
	}
	ck_assert_uint_eq(bench.configured, 1);
	ck_assert_uint_eq(bench.networks, 1);
	ck_assert_uint_eq(bench.lacked, 1);
	ck_assert_uint_eq(bench.tracked, 1);
	ck_assert_uint_eq(bench.gone, 0);
}
END_TEST

/* A request that only an engine may send, bytes that are none, and a closed socket. */
START_TEST(gone_by_nonsense)
{
	struct request reexec = { .type = REQUEST_REEXEC };

	netd_sends(&reexec, NULL, 0);
	ck_assert_int_eq(loop_run(bench.loop), 0);
	ck_assert_uint_eq(bench.gone, 1);
	ck_assert_int_eq(ipc_send(bench.netd, (const uint8_t *)"?", 1, NULL, 0), 0);
	ck_assert_int_eq(loop_run(bench.loop), 0);
	ck_assert_uint_eq(bench.gone, 2);
	close(bench.netd);
	bench.netd = -1;
	ck_assert_int_eq(loop_run(bench.loop), 0);
	ck_assert_uint_eq(bench.gone, 3);
}
END_TEST

/* More than the socket takes waits in order; what is left at the end is freed. */
START_TEST(unsent_requests_wait)
{
	struct request up = sample(REQUEST_UP), heard = { .id = 0 };
	uint32_t expected = 1;

	for (unsigned i = 0; i < FLOOD; i++)
		ck_assert_int_eq(netd_link_tell(bench.link, &up), 0);
	for (unsigned i = 0; i < FLOOD / 2; i++) {
		netd_hears(&heard);
		ck_assert_uint_eq(heard.id, expected++);
		turn();
	}
	ck_assert_uint_eq(bench.gone, 0);
}
END_TEST

START_TEST(exit_is_asked_of_netd)
{
	static char text[2 * REQUEST_TEXT_MAX];
	struct request heard;

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_int_eq(netd_link_exit(bench.link, EXIT_CODE_REFUSED, "because"), 0);
	netd_hears(&heard);
	ck_assert_int_eq(heard.type, REQUEST_EXIT);
	ck_assert_int_eq(heard.exit.code, EXIT_CODE_REFUSED);
	ck_assert_str_eq(heard.exit.text, "because");
	ck_assert_int_eq(netd_link_exit(bench.link, EXIT_CODE_CONFIG, text), 0);
	netd_hears(&heard);
	ck_assert_uint_eq(strlen(heard.exit.text), sizeof(heard.exit.text) - 1);
}
END_TEST

/* For its successor the process ends well, and netd hears nothing. */
START_TEST(leaves_silently)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		netd_link_leave();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CODE_OK);
	ck_assert_int_eq(recv(bench.netd, &status, sizeof(status), MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("netd_link");

	unit_add_between(suite, "calls", calls_and_replies, setup, teardown);
	unit_add_between(suite, "descriptors", descriptors_are_the_callees, setup, teardown);
	unit_add_between(suite, "events", what_netd_says, setup, teardown);
	unit_add_between(suite, "gone", gone_by_nonsense, setup, teardown);
	unit_add_between(suite, "unsent", unsent_requests_wait, setup, teardown);
	unit_add_between(suite, "exit", exit_is_asked_of_netd, setup, teardown);
	unit_add_between(suite, "leave", leaves_silently, setup, teardown);
	return suite;
}

int main(void)
{
	return unit_run("netd_link", suite());
}
