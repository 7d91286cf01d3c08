/* SPDX-License-Identifier: Apache-2.0 */
#include "client/proxy_leg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/container.h"
#include "base/error_text.h"

enum { RECEIVE_SIZE = 2048 }; /* bytes of an answer read at a time */

void proxy_leg_init(struct proxy_leg *leg, struct loop *loop, proxy_leg_fn *done)
{
	*leg = (struct proxy_leg){ .loop = loop, .done = done, .watch = { .fd = -1 } };
}

void proxy_leg_stop(struct proxy_leg *leg)
{
	loop_watch_remove(leg->loop, &leg->watch);
	loop_timer_stop(leg->loop, &leg->timer);
	explicit_bzero(leg->request, sizeof(leg->request));
	leg->request_len = 0;
	leg->sent = 0;
}

static void finish(struct proxy_leg *leg, const char *cause)
{
	proxy_leg_stop(leg);
	leg->done(leg, cause);
}

/* Returns 0 if everything is sent or the remainder has to wait. */
static int send_request(struct proxy_leg *leg)
{
	while (leg->sent < leg->request_len) {
		ssize_t n = send(leg->watch.fd, &leg->request[leg->sent],
			leg->request_len - leg->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		leg->sent += (size_t)n;
	}
	return loop_watch_set(leg->loop, &leg->watch,
		leg->sent < leg->request_len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/*
 * Returns 0 if the socket leads to the server, -EAGAIN if the answer is not whole. Else *problem
 * says why.
 */
static int receive_answer(struct proxy_leg *leg, struct problem *problem)
{
	uint8_t data[RECEIVE_SIZE];
	ssize_t n = recv(leg->watch.fd, data, sizeof(data), 0);
	struct writer out;
	int r;

	if (n < 0) {
		r = -errno;
		if (r != -EAGAIN && r != -EINTR)
			problem_set(problem, "the proxy: %s", error_text(r));
		return r == -EINTR ? -EAGAIN : r;
	}
	if (n == 0) {
		proxy_talk_closed(&leg->talk, problem);
		return -ECONNRESET;
	}
	writer_init(&out, leg->request, sizeof(leg->request));
	r = proxy_talk_feed(&leg->talk, data, (size_t)n, &out, problem);
	if (r == -EAGAIN && out.len > 0) {
		leg->request_len = out.len;
		leg->sent = 0;
	}
	return r;
}

static void ready(struct loop_watch *watch, uint32_t events)
{
	struct proxy_leg *leg = container_of(watch, struct proxy_leg, watch);
	struct problem problem = { 0 };
	int r = -EAGAIN;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = receive_answer(leg, &problem);
	if (r == -EAGAIN) {
		r = send_request(leg);
		if (r == 0)
			return;
		problem_set(&problem, "the proxy: %s", error_text(r));
	}
	finish(leg, r == 0 ? NULL : problem.text);
}

static void overdue(struct loop_timer *timer)
{
	struct proxy_leg *leg = container_of(timer, struct proxy_leg, timer);
	struct problem problem;

	proxy_talk_overdue(&leg->talk, &problem);
	finish(leg, problem.text);
}

void proxy_leg_begin(struct proxy_leg *leg, int fd, struct mono deadline, const struct proxy *proxy,
	const struct settings_remote *remote)
{
	struct writer out;
	int r;

	writer_init(&out, leg->request, sizeof(leg->request));
	r = proxy_talk_begin(&leg->talk, proxy, remote->host, remote->port, &out);
	leg->request_len = out.len;
	leg->sent = 0;
	if (r == 0)
		r = loop_watch_add(leg->loop, &leg->watch, fd, EPOLLIN | EPOLLOUT, ready);
	if (r < 0) {
		finish(leg, error_text(r));
		return;
	}
	loop_timer_start(leg->loop, &leg->timer, deadline, overdue);
}
