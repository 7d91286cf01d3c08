/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_HOST_H
#define CULVERT_ENGINE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "system/loop.h"
#include "wire/request.h"

/*
 * The engine's way to the host's network: requests to netd, replies by callback. netd answers in
 * order, so calls form a queue. Main thread only. When netd is gone the engine has no reason to
 * live: `gone` is called.
 */

struct host;
struct host_call;

/* Embedded in whoever asks. One call at a time each. */
struct host_call {
	STAILQ_ENTRY(host_call) link;
	uint32_t id;
	bool pending;
	/* The descriptors that came with the reply, up to REQUEST_QUEUES_MAX, are now the callee's. */
	void (*done)(struct host_call *call, const struct request_reply *reply, const int *fds,
		size_t fd_count);
};

struct host_events {
	void (*configure)(struct host_events *events, const struct request_configure *configure,
		const int *fds, size_t fd_count); /* the descriptors are the callee's */
	void (*stop)(struct host_events *events); /* netd wants us to end in good order */
	void (*network)(
		struct host_events *events); /* this host's links, addresses or routes changed */
	void (*tracked)(struct host_events *events,
		const struct request_tracked *page); /* of what netd tracks */
	void (*lack)(struct host_events *events,
		const struct request_lack *page); /* what the kernel lacks of an interface */
	void (*gone)(
		struct host_events *events); /* netd is gone, or speaks nonsense: end at once */
};

/* Speaks on `fd` (REQUEST_FD). -ENOMEM, negative errno of epoll_ctl. */
int host_new(struct loop *loop, int fd, struct host_events *events, struct host **ret_host);
void host_free(struct host *host); /* pending calls are forgotten */

/*
 * Sends a request (its id is filled in); `call` must stay until done() or host_free(). -EBUSY: the
 * call is pending; -ENOMEM.
 */
int host_ask(struct host *host, struct host_call *call, struct request *request,
	void (*done)(struct host_call *, const struct request_reply *, const int *, size_t));

/* For who is not in need of what came with a reply. */
void host_close_fds(const int *fds, size_t count);

/* A request whose reply does not matter. -ENOMEM. */
int host_tell(struct host *host, struct request *request);

#endif
