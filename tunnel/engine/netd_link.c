/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netd_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "system/ipc.h"

/*
 * A request that cannot be sent at once waits, encoded, in `unsent`. A request with a call also
 * waits for its reply in `waiting`.
 */

struct datagram_unsent {
	STAILQ_ENTRY(datagram_unsent) link;
	size_t len;
	uint8_t data[];
};

struct netd_link {
	struct loop *loop;
	struct loop_watch watch;
	struct netd_link_events *events;
	uint32_t next_id;
	STAILQ_HEAD(, datagram_unsent) unsent;
	STAILQ_HEAD(, netd_call) waiting;
	uint8_t buffer[REQUEST_SIZE_MAX];
	struct request incoming;
};

void netd_link_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void answer(struct netd_link *netd, const int *fds, size_t fd_count)
{
	const struct request *request = &netd->incoming;
	struct netd_call *call = STAILQ_FIRST(&netd->waiting);

	/*
	 * netd answers each request, in order. Requests of netd_link_send() have no call in the
	 * queue.
	 */
	if (!call || call->id != request->id) {
		netd_link_close_fds(fds, fd_count);
		return;
	}
	STAILQ_REMOVE_HEAD(&netd->waiting, link);
	call->pending = false;
	if (fd_count > REQUEST_QUEUES_MAX) {
		netd_link_close_fds(fds + REQUEST_QUEUES_MAX, fd_count - REQUEST_QUEUES_MAX);
		fd_count = REQUEST_QUEUES_MAX;
	}
	call->done(call, &request->reply, fds, fd_count);
}

static void take(struct netd_link *netd, const int *fds, size_t fd_count)
{
	switch (netd->incoming.type) {
	case REQUEST_CONFIGURE:
		netd->events->configure(netd->events, &netd->incoming.configure, fds, fd_count);
		break;
	case REQUEST_RECONFIGURE:
		netd->events->reconfigure(netd->events, &netd->incoming.reconfigure, fds, fd_count);
		break;
	case REQUEST_REPLY:
		answer(netd, fds, fd_count);
		break;
	case REQUEST_STOP:
		netd_link_close_fds(fds, fd_count);
		netd->events->stop(netd->events);
		break;
	case REQUEST_NETWORK:
		netd_link_close_fds(fds, fd_count);
		netd->events->network(netd->events);
		break;
	case REQUEST_TRACKED:
		netd_link_close_fds(fds, fd_count);
		netd->events->tracked(netd->events, &netd->incoming.tracked);
		break;
	case REQUEST_LACK:
		netd_link_close_fds(fds, fd_count);
		netd->events->lack(netd->events, &netd->incoming.lack);
		break;
	case REQUEST_JUDGED:
		netd_link_close_fds(fds, fd_count);
		netd->events->judged(netd->events, &netd->incoming.judged);
		break;
	case REQUEST_PLACES:
		netd_link_close_fds(fds, fd_count);
		netd->events->places(netd->events);
		break;
	case REQUEST_HELD:
		netd_link_close_fds(fds, fd_count);
		netd->events->held(netd->events, &netd->incoming.held);
		break;
	default:
		netd_link_close_fds(fds, fd_count);
		netd->events->gone(netd->events);
		break;
	}
}

static int send_unsent(struct netd_link *netd)
{
	struct datagram_unsent *datagram;

	while ((datagram = STAILQ_FIRST(&netd->unsent))) {
		int r = ipc_send(netd->watch.fd, datagram->data, datagram->len, NULL, 0);
		if (r == -EAGAIN)
			return loop_watch_set(netd->loop, &netd->watch, EPOLLIN | EPOLLOUT);
		if (r < 0)
			return r;
		STAILQ_REMOVE_HEAD(&netd->unsent, link);
		free(datagram);
	}
	return loop_watch_set(netd->loop, &netd->watch, EPOLLIN);
}

static void netd_ready(struct loop_watch *watch, uint32_t events)
{
	struct netd_link *netd = container_of(watch, struct netd_link, watch);
	int fds[REQUEST_FDS_MAX];
	size_t len, fd_count;

	if (events & EPOLLOUT && send_unsent(netd) < 0) {
		netd->events->gone(netd->events);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	int r = ipc_receive(watch->fd, netd->buffer, sizeof(netd->buffer), &len, fds,
		REQUEST_FDS_MAX, &fd_count);
	if (r == -EAGAIN)
		return;
	if (r < 0 || request_decode(netd->buffer, len, &netd->incoming) < 0) {
		if (r == 0)
			netd_link_close_fds(fds, fd_count);
		netd->events->gone(netd->events);
		return;
	}
	take(netd, fds, fd_count);
}

int netd_link_new(
	struct loop *loop, int fd, struct netd_link_events *events, struct netd_link **ret_netd)
{
	struct netd_link *netd = calloc(1, sizeof(*netd));
	if (!netd)
		return -ENOMEM;
	netd->loop = loop;
	netd->events = events;
	STAILQ_INIT(&netd->unsent);
	STAILQ_INIT(&netd->waiting);
	int r = loop_watch_add(loop, &netd->watch, fd, EPOLLIN, netd_ready);
	if (r < 0) {
		free(netd);
		return r;
	}
	*ret_netd = netd;
	return 0;
}

void netd_link_free(struct netd_link *netd)
{
	if (!netd)
		return;
	int fd = netd->watch.fd;
	loop_watch_remove(netd->loop, &netd->watch);
	close(fd);
	while (!STAILQ_EMPTY(&netd->unsent)) {
		struct datagram_unsent *datagram = STAILQ_FIRST(&netd->unsent);
		STAILQ_REMOVE_HEAD(&netd->unsent, link);
		free(datagram);
	}
	free(netd);
}

int netd_link_send(struct netd_link *netd, struct request *request)
{
	struct datagram_unsent *datagram = malloc(sizeof(*datagram) + REQUEST_SIZE_MAX);
	struct writer writer;

	if (!datagram)
		return -ENOMEM;
	request->id = ++netd->next_id;
	writer_init(&writer, datagram->data, REQUEST_SIZE_MAX);
	int r = request_encode(&writer, request);
	if (r < 0) {
		free(datagram);
		return r;
	}
	datagram->len = writer.len;
	STAILQ_INSERT_TAIL(&netd->unsent, datagram, link);
	/* If netd is gone, the loop sees a hang-up, so nothing is reported here. */
	(void)send_unsent(netd);
	return 0;
}

int netd_link_ask(struct netd_link *netd, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	if (call->pending)
		return -EBUSY;
	int r = netd_link_send(netd, request);
	if (r < 0)
		return r;
	call->id = request->id;
	call->done = done;
	call->pending = true;
	STAILQ_INSERT_TAIL(&netd->waiting, call, link);
	return 0;
}

int netd_link_exit(struct netd_link *netd, enum exit_code code, const char *text)
{
	struct request request = { .type = REQUEST_EXIT, .exit.code = (uint8_t)code };

	(void)snprintf(request.exit.text, sizeof(request.exit.text), "%s", text);
	return netd_link_send(netd, &request);
}

_Noreturn void netd_link_leave(void)
{
	log_notice("the engine ends, so that another can take over");
	_exit(EXIT_CODE_OK);
}
