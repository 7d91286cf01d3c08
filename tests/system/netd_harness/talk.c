/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/talk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "system/ipc.h"

enum { REPLY_MS = 20000 };

struct talk talk;

_Noreturn void talk_die(const char *what)
{
	log_error("UNEXPECTED: %s: %s", what, error_text(errno));
	exit(99);
}

bool talk_receive(void)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLIN };
	size_t len;
	int r;

	if (poll(&poll_fd, 1, REPLY_MS) != 1)
		talk_die("no message came");
	r = ipc_receive(REQUEST_FD, talk.buffer, sizeof(talk.buffer), &len, talk.fds,
		REQUEST_FDS_MAX, &talk.fd_count);
	if (r == -EPIPE)
		return false;
	if (r < 0 || request_decode(talk.buffer, len, &talk.in) < 0)
		talk_die("a message of netd's is broken");
	if (talk.in.type == REQUEST_CONFIGURE)
		talk.configure = talk.in.configure;
	if (talk.in.type == REQUEST_NETWORK)
		log_info("heard: the network has changed (%u)", ++talk.changes);
	return true;
}

void talk_send(const void *data, size_t len, const int *with, size_t count)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLOUT };
	int r;

	while ((r = ipc_send(REQUEST_FD, data, len, with, count)) == -EAGAIN) {
		if (poll(&poll_fd, 1, -1) < 0)
			talk_die("poll");
	}
	if (r == -EPIPE) /* netd is about to kill us */
		exit(0);
	if (r < 0)
		talk_die("netd does not take a message");
}

size_t talk_encode(const struct request *request)
{
	struct writer writer;

	writer_init(&writer, talk.buffer, sizeof(talk.buffer));
	if (request_encode(&writer, request) < 0)
		talk_die("a request cannot be encoded");
	return writer.len;
}

const struct request_reply *talk_ask_keeping(struct request *request)
{
	request->id = ++talk.last_id;
	talk_send(talk.buffer, talk_encode(request), NULL, 0);
	do {
		if (!talk_receive())
			talk_die("the channel closed instead of a reply");
	} while (talk.in.type == REQUEST_STOP || talk.in.type == REQUEST_NETWORK ||
		talk.in.type == REQUEST_HELD);
	if (talk.in.type != REQUEST_REPLY || talk.in.id != request->id)
		talk_die("what came is not the reply");
	return &talk.in.reply;
}

void talk_close(void)
{
	for (size_t i = 0; i < talk.fd_count; i++)
		close(talk.fds[i]);
	talk.fd_count = 0;
}

const struct request_reply *talk_ask(struct request *request)
{
	const struct request_reply *reply = talk_ask_keeping(request);

	talk_close();
	return reply;
}

void talk_expect(const char *scenario, bool good, const struct request_reply *reply)
{
	if (good)
		log_info("%s: as expected (%u, %s)", scenario, reply->error, reply->text);
	else
		log_error("%s: UNEXPECTED: error %u (%s), verdict %u", scenario, reply->error,
			reply->text, reply->verdicts[0].verdict);
}

void talk_expect_refused(const char *scenario, struct request *request)
{
	const struct request_reply *reply = talk_ask(request);

	talk_expect(scenario, reply->error == EPERM && reply->text[0] != '\0', reply);
}

static void on_signal(int number)
{
	(void)number;
}

bool talk_wait(const char *scenario)
{
	const struct sigaction ours = { .sa_handler = on_signal };
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLIN };
	sigset_t held, none;

	(void)sigemptyset(&none);
	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &held, NULL) < 0 || sigaction(SIGUSR1, &ours, NULL) < 0)
		talk_die("SIGUSR1");
	log_info("%s: pid %d waits", scenario, (int)getpid());
	for (;;) {
		if (ppoll(&poll_fd, 1, NULL, &none) < 0)
			return errno == EINTR;
		/* What netd holds is said at any time. */
		if (!talk_receive() || talk.in.type == REQUEST_STOP)
			exit(0);
		if (talk.in.type != REQUEST_HELD)
			return false;
	}
}

_Noreturn void talk_linger(void)
{
	struct pollfd poll_fd = { .fd = REQUEST_FD, .events = POLLIN };

	do {
		if (poll(&poll_fd, 1, -1) < 0 || !talk_receive())
			exit(0);
	} while (talk.in.type != REQUEST_STOP);
	exit(0);
}

void talk_ready(void)
{
	struct request ready = { .type = REQUEST_READY };

	ready.ready.generation = talk.configure.generation;
	if (talk_ask(&ready)->error != 0)
		talk_die("READY was refused");
}

struct addr talk_address(const char *text)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (text && addr_parse(text, &addr) < 0)
		talk_die(text);
	return addr;
}

struct request talk_interface(const char *peer, const char *local, const char *remote)
{
	struct request request = { .type = REQUEST_INTERFACE };

	(void)snprintf(
		request.interface.peer.name, sizeof(request.interface.peer.name), "%s", peer);
	request.interface.mtu = 1500;
	request.interface.queues = 1;
	request.interface.local4 = talk_address(local);
	request.interface.remote4 = talk_address(remote);
	return request;
}

struct request talk_sound(void)
{
	struct request request = talk_interface("branch-a", "10.99.0.1", "10.99.0.7");

	request.interface.local6 = talk_address("fd99::1");
	request.interface.remote6 = talk_address("fd99::7");
	return request;
}

struct request talk_route(uint32_t index, const char *text)
{
	struct request request = { .type = REQUEST_ROUTE_ADD };

	request.routes.interface = index;
	request.routes.count = 1;
	if (prefix_parse(text, &request.routes.prefix[0]) < 0)
		talk_die(text);
	return request;
}

uint32_t talk_make_sound(void)
{
	struct request request = talk_sound();
	const struct request_reply *reply = talk_ask(&request);

	if (reply->error != 0)
		talk_die(reply->text);
	return reply->interface;
}
