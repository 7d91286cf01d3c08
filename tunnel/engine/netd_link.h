/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_NETD_LINK_H
#define CULVERT_ENGINE_NETD_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/exit_code.h"
#include "system/loop.h"
#include "wire/request.h"

/*
 * The engine's link to netd: requests go out, replies come by callback. netd answers in
 * order, so calls form a queue. Main thread only. When netd is gone the engine has no reason to
 * live: `gone` is called.
 */

/* A request that was not sent leaves the kernel as it was: each caller refuses, tries again or logs it. */
#define NETD_LINK_CHECKED __attribute__((warn_unused_result))

struct netd_link;
struct netd_call;

/* Embedded in the asker. One call at a time each. */
struct netd_call {
	STAILQ_ENTRY(netd_call) link;
	uint32_t id;
	bool pending;
	/* The descriptors that came with the reply, up to REQUEST_QUEUES_MAX, are now the callee's. */
	void (*done)(struct netd_call *call, const struct request_reply *reply, const int *fds,
		size_t fd_count);
};

struct netd_link_events {
	/* The descriptors are the callee's. */
	void (*configure)(struct netd_link_events *events,
		const struct request_configure *configure, const int *fds, size_t fd_count);
	/* netd wants the engine to end in good order. */
	void (*stop)(struct netd_link_events *events);
	/* This host's links, addresses or routes have changed. */
	void (*network)(struct netd_link_events *events);
	/* A page of the set that netd tracks. */
	void (*tracked)(struct netd_link_events *events, const struct request_tracked *page);
	/* What the kernel lacks of an interface. */
	void (*lack)(struct netd_link_events *events, const struct request_lack *page);
	/* netd is gone, or sent something that cannot be decoded: end at once. */
	void (*gone)(struct netd_link_events *events);
};

/* Speaks on `fd` (REQUEST_FD), which becomes the link's. -ENOMEM, negative errno of epoll_ctl. */
int netd_link_new(
	struct loop *loop, int fd, struct netd_link_events *events, struct netd_link **ret_netd);
void netd_link_free(struct netd_link *netd); /* pending calls are forgotten */

/*
 * Sends a request (its id is filled in); `call` must stay until done() or netd_link_free(). -EBUSY: the
 * call is pending; -ENOMEM.
 */
NETD_LINK_CHECKED int netd_link_ask(struct netd_link *netd, struct netd_call *call,
	struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t));

/* For a caller that needs no descriptor of those that came with a reply. */
void netd_link_close_fds(const int *fds, size_t count);

/* Sends a request whose reply does not matter. -ENOMEM. */
NETD_LINK_CHECKED int netd_link_tell(struct netd_link *netd, struct request *request);

/*
 * Ends the program: asks netd to take everything down and to return `code`; netd logs `text`. The
 * engine goes on until netd ends it. -ENOMEM: netd has not been asked.
 */
NETD_LINK_CHECKED int netd_link_exit(struct netd_link *netd, enum exit_code code, const char *text);

/*
 * Ends this process at once, as netd has its successor waiting. No peer is sent a goodbye: interfaces
 * and routes stay, and a peer comes back soonest when its connection just closes.
 */
_Noreturn void netd_link_leave(void);

#endif
