/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_PROXY_LEG_H
#define CULVERT_CLIENT_PROXY_LEG_H

#include "config/settings.h"
#include "system/loop.h"
#include "wire/proxy_talk.h"

/*
 * The proxy's part of a connection, between TCP and TLS. It runs the dialogue of wire/proxy_talk on
 * the connected socket until the socket leads to the server or the dialogue fails. The socket's
 * owner keeps it. Engine's main thread.
 */

struct proxy_leg;

/* Called when the dialogue is over. `cause` NULL: the socket now leads to the server. */
typedef void proxy_leg_fn(struct proxy_leg *leg, const char *cause);

struct proxy_leg {
	struct loop *loop;
	proxy_leg_fn *done;
	struct loop_watch watch;
	struct loop_timer timer;
	struct proxy_talk talk;
	/* Wiped at the end: it may have a password. */
	uint8_t request[PROXY_TALK_REQUEST_MAX];
	size_t request_len, sent;
};

void proxy_leg_init(struct proxy_leg *leg, struct loop *loop, proxy_leg_fn *done);
/*
 * Begins on the connected, non-blocking `fd` and ends by the deadline. Borrows `proxy` and `remote`
 * until then. Calls `done` once, maybe before this returns.
 */
void proxy_leg_begin(struct proxy_leg *leg, int fd, struct mono deadline, const struct proxy *proxy,
	const struct settings_remote *remote);
/* Stops using the socket, without calling `done`. Does nothing when no dialogue is running. */
void proxy_leg_stop(struct proxy_leg *leg);

#endif
