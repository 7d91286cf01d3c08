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
 * The engine's link to netd: sends requests, and delivers replies through callbacks. netd answers
 * in order, so pending calls form a queue. When netd is gone, the engine has no purpose, and `gone`
 * is called. Main thread only.
 *
 * A request that could not be sent leaves the kernel unchanged. Each caller handles that: it
 * refuses, tries again, or logs.
 */

#define NETD_LINK_CHECKED __attribute__((warn_unused_result))

struct netd_link;
struct netd_call;

/* A request whose reply is awaited. The caller embeds it, and uses it for one request at a time. */
struct netd_call {
	STAILQ_ENTRY(netd_call) link;
	uint32_t id;
	bool pending;
	/* The reply has come. The callee owns its descriptors, at most REQUEST_QUEUES_MAX. */
	void (*done)(struct netd_call *call, const struct request_reply *reply, const int *fds,
		size_t fd_count);
};

struct netd_link_events {
	/* The callee owns the descriptors. */
	void (*configure)(struct netd_link_events *events,
		const struct request_configure *configure, const int *fds, size_t fd_count);
	/* netd sends a new configuration. The callee owns the descriptors. */
	void (*reconfigure)(struct netd_link_events *events,
		const struct request_reconfigure *reconfigure, const int *fds, size_t fd_count);
	/* netd orders the engine to end in good order: with goodbyes. */
	void (*stop)(struct netd_link_events *events);
	/* This host's links, addresses or routes have changed. */
	void (*network)(struct netd_link_events *events);
	/* A page of the prefixes that netd tracks. */
	void (*tracked)(struct netd_link_events *events, const struct request_tracked *page);
	/* A page of what the kernel lacks of an interface: netd cannot restore it. */
	void (*lack)(struct netd_link_events *events, const struct request_lack *page);
	/* netd has judged an installed route again, and removes it. */
	void (*judged)(struct netd_link_events *events, const struct request_judged *judged);
	/* The networks that this host is connected to have changed. */
	void (*places)(struct netd_link_events *events);
	/* All that netd holds on the host. */
	void (*held)(struct netd_link_events *events, const struct request_held *held);
	/* netd is gone, or sent a message that cannot be decoded: the engine ends at once. */
	void (*gone)(struct netd_link_events *events);
};

/*
 * Opens the link on `fd` (REQUEST_FD), which it then owns. -ENOMEM, negative errno of epoll_ctl(2).
 */
int netd_link_new(
	struct loop *loop, int fd, struct netd_link_events *events, struct netd_link **ret_netd);
/* Accepts NULL. Pending calls get no reply. */
void netd_link_free(struct netd_link *netd);

/*
 * Sends a request, whose id it sets, and calls done() with the reply. `call` stays valid until
 * then, or until netd_link_free(). -EBUSY: the call is pending; -ENOMEM.
 */
NETD_LINK_CHECKED int netd_link_ask(struct netd_link *netd, struct netd_call *call,
	struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t));

/* Closes the descriptors of a reply, for a caller that needs none of them. */
void netd_link_close_fds(const int *fds, size_t count);

/* Sends a request whose reply does not matter. -ENOMEM. */
NETD_LINK_CHECKED int netd_link_send(struct netd_link *netd, struct request *request);

/*
 * Asks netd to end the program: netd logs `text`, removes everything and exits with `code`. The
 * engine runs until netd ends it. -ENOMEM: netd was not asked.
 */
NETD_LINK_CHECKED int netd_link_exit(struct netd_link *netd, enum exit_code code, const char *text);

/*
 * Ends this process at once, because netd is about to start its successor. No peer gets a goodbye:
 * interfaces and routes stay, and a peer returns soonest when its connection just closes.
 */
_Noreturn void netd_link_leave(void);

#endif
