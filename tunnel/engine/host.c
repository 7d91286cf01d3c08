/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/host.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "system/ipc.h"

/*
 * What cannot be sent at once waits, encoded, in a queue; each request also stands in the queue of
 * those that wait for their reply, where one without a call stands for a reply that nobody waits
 * for.
 */

struct host_datagram {
	STAILQ_ENTRY(host_datagram) link;
	size_t len;
	uint8_t data[];
};

struct host {
	struct loop *loop;
	struct loop_watch watch;
	struct host_events *events;
	uint32_t next_id;
	STAILQ_HEAD(, host_datagram) unsent;
	STAILQ_HEAD(, host_call) waiting;
	uint8_t buffer[REQUEST_SIZE_MAX];
	struct request incoming;
};

void host_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void answer(struct host *host, const int *fds, size_t fd_count)
{
	const struct request *request = &host->incoming;
	struct host_call *call = STAILQ_FIRST(&host->waiting);

	/* netd answers every request, in order; told ones have no call in the queue. */
	if (!call || call->id != request->id) {
		host_close_fds(fds, fd_count);
		return;
	}
	STAILQ_REMOVE_HEAD(&host->waiting, link);
	call->pending = false;
	if (fd_count > REQUEST_QUEUES_MAX) {
		host_close_fds(fds + REQUEST_QUEUES_MAX, fd_count - REQUEST_QUEUES_MAX);
		fd_count = REQUEST_QUEUES_MAX;
	}
	call->done(call, &request->reply, fds, fd_count);
}

static void take(struct host *host, const int *fds, size_t fd_count)
{
	switch (host->incoming.type) {
	case REQUEST_CONFIGURE:
		host->events->configure(host->events, &host->incoming.configure, fds, fd_count);
		break;
	case REQUEST_REPLY:
		answer(host, fds, fd_count);
		break;
	case REQUEST_STOP:
		host_close_fds(fds, fd_count);
		host->events->stop(host->events);
		break;
	case REQUEST_NETWORK:
		host_close_fds(fds, fd_count);
		host->events->network(host->events);
		break;
	case REQUEST_TRACKED:
		host_close_fds(fds, fd_count);
		host->events->tracked(host->events, &host->incoming.tracked);
		break;
	case REQUEST_LACK:
		host_close_fds(fds, fd_count);
		host->events->lack(host->events, &host->incoming.lack);
		break;
	default:
		host_close_fds(fds, fd_count);
		host->events->gone(host->events);
		break;
	}
}

static int send_unsent(struct host *host)
{
	struct host_datagram *datagram;

	while ((datagram = STAILQ_FIRST(&host->unsent))) {
		int r = ipc_send(host->watch.fd, datagram->data, datagram->len, NULL, 0);
		if (r == -EAGAIN)
			return loop_watch_set(host->loop, &host->watch, EPOLLIN | EPOLLOUT);
		if (r < 0)
			return r;
		STAILQ_REMOVE_HEAD(&host->unsent, link);
		free(datagram);
	}
	return loop_watch_set(host->loop, &host->watch, EPOLLIN);
}

static void host_ready(struct loop_watch *watch, uint32_t events)
{
	struct host *host = container_of(watch, struct host, watch);
	int fds[REQUEST_FDS_MAX];
	size_t len, fd_count;

	if (events & EPOLLOUT && send_unsent(host) < 0) {
		host->events->gone(host->events);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	int r = ipc_receive(watch->fd, host->buffer, sizeof(host->buffer), &len, fds,
		REQUEST_FDS_MAX, &fd_count);
	if (r == -EAGAIN)
		return;
	if (r < 0 || request_decode(host->buffer, len, &host->incoming) < 0) {
		if (r == 0)
			host_close_fds(fds, fd_count);
		host->events->gone(host->events);
		return;
	}
	take(host, fds, fd_count);
}

int host_new(struct loop *loop, int fd, struct host_events *events, struct host **ret_host)
{
	struct host *host = calloc(1, sizeof(*host));
	if (!host)
		return -ENOMEM;
	host->loop = loop;
	host->events = events;
	STAILQ_INIT(&host->unsent);
	STAILQ_INIT(&host->waiting);
	int r = loop_watch_add(loop, &host->watch, fd, EPOLLIN, host_ready);
	if (r < 0) {
		free(host);
		return r;
	}
	*ret_host = host;
	return 0;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	int fd = host->watch.fd;
	loop_watch_remove(host->loop, &host->watch);
	close(fd);
	while (!STAILQ_EMPTY(&host->unsent)) {
		struct host_datagram *datagram = STAILQ_FIRST(&host->unsent);
		STAILQ_REMOVE_HEAD(&host->unsent, link);
		free(datagram);
	}
	free(host);
}

int host_tell(struct host *host, struct request *request)
{
	struct host_datagram *datagram = malloc(sizeof(*datagram) + REQUEST_SIZE_MAX);
	struct writer writer;

	if (!datagram)
		return -ENOMEM;
	request->id = ++host->next_id;
	writer_init(&writer, datagram->data, REQUEST_SIZE_MAX);
	int r = request_encode(&writer, request);
	if (r < 0) {
		free(datagram);
		return r;
	}
	datagram->len = writer.len;
	STAILQ_INSERT_TAIL(&host->unsent, datagram, link);
	/* A netd that is gone shows as a hang-up in the loop: nothing is reported from here. */
	(void)send_unsent(host);
	return 0;
}

int host_ask(struct host *host, struct host_call *call, struct request *request,
	void (*done)(struct host_call *, const struct request_reply *, const int *, size_t))
{
	if (call->pending)
		return -EBUSY;
	int r = host_tell(host, request);
	if (r < 0)
		return r;
	call->id = request->id;
	call->done = done;
	call->pending = true;
	STAILQ_INSERT_TAIL(&host->waiting, call, link);
	return 0;
}
