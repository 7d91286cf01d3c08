/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's link to netd, whose end is played here. */
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

static struct fixture {
	struct loop *loop;
	struct netd_link *link;
	struct netd_link_events events;
	struct loop_timer end;
	int netd;
	struct netd_call first, second;
	unsigned configured, reconfigured, stopped, networks, tracked, lacked, gone, answered,
		judged, places, held;
	struct request_reply reply;
	size_t fd_count;
} fixture;

static void on_configure(struct netd_link_events *events, const struct request_configure *configure,
	const int *fds, size_t fd_count)
{
	(void)events;
	(void)configure;
	fixture.configured++;
	netd_link_close_fds(fds, fd_count);
}

static void on_reconfigure(struct netd_link_events *events,
	const struct request_reconfigure *reconfigure, const int *fds, size_t fd_count)
{
	(void)events;
	ck_assert_uint_eq(reconfigure->load.number, 8);
	netd_link_close_fds(fds, fd_count);
	fixture.reconfigured++;
}

static void on_stop(struct netd_link_events *events)
{
	(void)events;
	fixture.stopped++;
}

static void on_network(struct netd_link_events *events)
{
	(void)events;
	fixture.networks++;
}

static void on_tracked(struct netd_link_events *events, const struct request_tracked *page)
{
	(void)events;
	(void)page;
	fixture.tracked++;
}

static void on_lack(struct netd_link_events *events, const struct request_lack *page)
{
	(void)events;
	(void)page;
	fixture.lacked++;
}

static void on_judged(struct netd_link_events *events, const struct request_judged *judged)
{
	(void)events;
	ck_assert_uint_eq(judged->interface, 12);
	fixture.judged++;
}

static void on_places(struct netd_link_events *events)
{
	(void)events;
	fixture.places++;
}

static void on_held(struct netd_link_events *events, const struct request_held *held)
{
	(void)events;
	ck_assert_uint_eq(held->count, 2);
	fixture.held++;
}

static void on_gone(struct netd_link_events *events)
{
	(void)events;
	fixture.gone++;
	loop_stop(fixture.loop);
}

static void setup(void)
{
	int fds[2];

	fixture = (struct fixture){ .events = { .configure = on_configure,
					    .reconfigure = on_reconfigure,
					    .stop = on_stop,
					    .network = on_network,
					    .tracked = on_tracked,
					    .lack = on_lack,
					    .judged = on_judged,
					    .places = on_places,
					    .held = on_held,
					    .gone = on_gone } };
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(ipc_pair(fds), 0);
	fixture.netd = fds[0];
	ck_assert_int_eq(netd_link_new(fixture.loop, fds[1], &fixture.events, &fixture.link), 0);
}

static void teardown(void)
{
	netd_link_free(fixture.link);
	if (fixture.netd >= 0)
		close(fixture.netd);
	loop_free(fixture.loop);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

/* One turn of the loop: what is there is taken before the timer. */
static void turn(void)
{
	loop_timer_start(fixture.loop, &fixture.end, mono_now(), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

static void netd_sends(const struct request *request, const int *fds, size_t fd_count)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	struct writer writer;

	writer_init(&writer, datagram, sizeof(datagram));
	ck_assert_int_eq(request_encode(&writer, request), 0);
	ck_assert_int_eq(ipc_send(fixture.netd, datagram, writer.len, fds, fd_count), 0);
}

static void netd_hears(struct request *request)
{
	static uint8_t datagram[REQUEST_SIZE_MAX];
	ssize_t len = recv(fixture.netd, datagram, sizeof(datagram), MSG_DONTWAIT);

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(request_decode(datagram, (size_t)len, request), 0);
}

static void answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	(void)call;
	fixture.answered++;
	fixture.reply = *reply;
	fixture.fd_count = fd_count;
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

	ck_assert_int_eq(netd_link_ask(fixture.link, &fixture.first, &reexec, answered), 0);
	ck_assert_int_eq(netd_link_ask(fixture.link, &fixture.first, &reexec, answered), -EBUSY);
	ck_assert_int_eq(netd_link_send(fixture.link, &up), 0);
	ck_assert_int_eq(netd_link_ask(fixture.link, &fixture.second, &reexec, answered), 0);
	for (unsigned i = 0; i < 3; i++)
		netd_hears(&heard[i]);
	ck_assert_uint_ne(heard[0].id, heard[1].id);
	netd_answers(heard[0].id, 0);
	ck_assert_uint_eq(fixture.answered, 1);
	ck_assert(!fixture.first.pending && fixture.second.pending);
	netd_answers(heard[1].id, EPERM);
	ck_assert_uint_eq(fixture.answered, 1);
	netd_answers(heard[2].id, EPERM);
	ck_assert_uint_eq(fixture.answered, 2);
	ck_assert_int_eq(fixture.reply.error, EPERM);
	ck_assert(!fixture.second.pending);
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
	ck_assert_int_eq(netd_link_ask(fixture.link, &fixture.first, &reexec, answered), 0);
	netd_hears(&heard);
	reply.id = heard.id;
	netd_sends(&reply, &pipes[1], 1);
	turn();
	ck_assert_uint_eq(fixture.fd_count, 1);
	struct request stop = { .type = REQUEST_STOP };
	netd_sends(&stop, &pipes[1], 1);
	turn();
	close(pipes[1]);
	ck_assert_int_eq(read(pipes[0], &byte, 1), 0); /* no writer is left */
	close(pipes[0]);
	ck_assert_uint_eq(fixture.stopped, 1);
}
END_TEST

START_TEST(what_netd_says)
{
	static const enum request_type types[] = { REQUEST_NETWORK, REQUEST_LACK, REQUEST_TRACKED,
		REQUEST_JUDGED, REQUEST_PLACES, REQUEST_HELD, REQUEST_RECONFIGURE,
		REQUEST_CONFIGURE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct request request = sample(types[i]);

		netd_sends(&request, NULL, 0);
		turn();
	}
	ck_assert_uint_eq(fixture.configured, 1);
	ck_assert_uint_eq(fixture.networks, 1);
	ck_assert_uint_eq(fixture.reconfigured, 1);
	ck_assert_uint_eq(fixture.lacked, 1);
	ck_assert_uint_eq(fixture.tracked, 1);
	ck_assert_uint_eq(fixture.judged, 1);
	ck_assert_uint_eq(fixture.places, 1);
	ck_assert_uint_eq(fixture.held, 1);
	ck_assert_uint_eq(fixture.gone, 0);
}
END_TEST

/* A request that only an engine may send, bytes that are none, and a closed socket. */
START_TEST(gone_by_nonsense)
{
	struct request reexec = { .type = REQUEST_REEXEC };

	netd_sends(&reexec, NULL, 0);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
	ck_assert_uint_eq(fixture.gone, 1);
	ck_assert_int_eq(ipc_send(fixture.netd, (const uint8_t *)"?", 1, NULL, 0), 0);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
	ck_assert_uint_eq(fixture.gone, 2);
	close(fixture.netd);
	fixture.netd = -1;
	ck_assert_int_eq(loop_run(fixture.loop), 0);
	ck_assert_uint_eq(fixture.gone, 3);
}
END_TEST

/* More than the socket takes waits in order; what is left at the end is freed. */
START_TEST(unsent_requests_wait)
{
	struct request up = sample(REQUEST_UP), heard = { .id = 0 };
	uint32_t expected = 1;

	for (unsigned i = 0; i < FLOOD; i++)
		ck_assert_int_eq(netd_link_send(fixture.link, &up), 0);
	for (unsigned i = 0; i < FLOOD / 2; i++) {
		netd_hears(&heard);
		ck_assert_uint_eq(heard.id, expected++);
		turn();
	}
	ck_assert_uint_eq(fixture.gone, 0);
}
END_TEST

START_TEST(exit_is_asked_of_netd)
{
	static char text[2 * REQUEST_TEXT_MAX];
	struct request heard;

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_int_eq(netd_link_exit(fixture.link, EXIT_CODE_REFUSED, "because"), 0);
	netd_hears(&heard);
	ck_assert_int_eq(heard.type, REQUEST_EXIT);
	ck_assert_int_eq(heard.exit.code, EXIT_CODE_REFUSED);
	ck_assert_str_eq(heard.exit.text, "because");
	ck_assert_int_eq(netd_link_exit(fixture.link, EXIT_CODE_CONFIG, text), 0);
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
	ck_assert_int_eq(recv(fixture.netd, &status, sizeof(status), MSG_DONTWAIT), -1);
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
