/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_REQUESTS_H
#define CULVERT_NETD_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/exit_code.h"
#include "base/problem.h"
#include "base/rate.h"
#include "config/settings.h"
#include "netd/address_check.h"
#include "netd/dns.h"
#include "netd/full_tunnel.h"
#include "netd/interfaces.h"
#include "netd/kill_switch.h"
#include "netd/route_check.h"
#include "wire/request.h"

/*
 * Handles one request of the engine at a time: decodes it, asks the policy, performs it, makes the
 * reply. Two kinds of bad requests are distinguished. A request that the configuration does not
 * allow gets a reply with EPERM, and netd logs a warning. A message that no sound engine sends,
 * because it is broken or out of order, is an error to the caller, and the caller ends that engine.
 * netd's only thread.
 */

struct requests {
	/* Borrowed, set before the first engine. */
	const struct settings *settings;
	struct interfaces *interfaces;
	struct forwarding *forwarding;   /* NULL: this netd does nothing about forwarding */
	struct kill_switch *kill_switch; /* has to let interfaces out; NULL: there is none */
	struct full_tunnel *full_tunnel;
	struct dns *dns;
	struct address_check address_check;
	struct route_check route_check;
	bool logged_fallback; /* that TCP replaces MPTCP; once for all engines */
	bool logged_without;  /* that an option of outer sockets is missing; once */
	/*
	 * Called for REEXEC, to exchange the engine that asks. A negative errno means that it
	 * stays, and *problem says why.
	 */
	int (*exchange)(struct requests *requests, struct problem *problem);
	/*
	 * Called for RELOAD. Returns 0 when a RECONFIGURE is sent, 1 when nothing has changed, or
	 * would with `only_check`, and then *problem says what. A negative errno: it is refused, and
	 * *problem says why.
	 */
	int (*reload)(struct requests *requests, bool only_check, struct problem *problem);
	/*
	 * Called for RECONFIGURED. 0: netd has switched; 1: it has, and *problem says what could
	 * not be put in force. A negative errno: nothing has changed, and *problem says why.
	 */
	int (*reconfigured)(struct requests *requests, const struct request_reconfigured *confirmed,
		struct problem *problem);
	/* Called for UP. May be NULL. */
	void (*up)(struct requests *requests, const struct request_dns *up);
	/* Called for SILENT. May be NULL. */
	void (*silent)(struct requests *requests, const struct addr *local);

	/* State of the present engine. */
	uint32_t generation;
	bool ready;
	bool exit_asked; /* the engine asks the whole program to end, with exit_code */
	enum exit_code exit_code;
	struct rate warnings; /* limited, so that a subverted engine does not fill the log */

	struct request request, reply;
	int reply_fds[REQUEST_QUEUES_MAX]; /* go with the reply */
	size_t reply_fd_count;
	bool reply_fds_owned; /* close them afterwards */
};

void requests_init(struct requests *requests, const struct settings *settings,
	struct interfaces *interfaces, struct full_tunnel *full_tunnel, struct dns *dns,
	int (*exchange)(struct requests *requests, struct problem *problem));

/* Begins with a new engine, which is configured with this generation. */
void requests_begin(struct requests *requests, uint32_t generation);

/*
 * Handles one datagram and writes the encoded reply. *ret_fd_count descriptors in ret_fds, which
 * has room for REQUEST_QUEUES_MAX, go with the reply. *ret_fds_owned: the caller closes them after
 * sending; otherwise they stay open until the next request. -EPROTO: the engine is broken or
 * subverted. On failure *problem says why, and there is no reply.
 */
int requests_handle(struct requests *requests, const void *data, size_t len, struct writer *reply,
	int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned, struct problem *problem);

#endif
