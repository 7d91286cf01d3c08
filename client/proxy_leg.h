/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_PROXY_LEG_H
#define CULVERT_CLIENT_PROXY_LEG_H

#include "config/settings.h"
#include "system/loop.h"
#include "wire/proxy_talk.h"

/*
 * The leg of a connection between TCP and TLS where there is a proxy: says on the connected socket
 * what wire/proxy_talk has to say, until the socket leads to the server or it is known why not. The
 * socket stays its owner's. Engine's main thread.
 */

struct proxy_leg;

/* `cause` NULL: the socket is the server's from here on. The leg is over either way. */
typedef void proxy_leg_fn(struct proxy_leg *leg, const char *cause);

struct proxy_leg {
	struct loop *loop;
	proxy_leg_fn *done;
	struct loop_watch watch;
	struct loop_timer timer;
	struct proxy_talk talk;
	uint8_t request
		[PROXY_TALK_REQUEST_MAX]; /* wiped when the leg is over: it may hold a password */
	size_t request_len, sent;
};

void proxy_leg_init(struct proxy_leg *leg, struct loop *loop, proxy_leg_fn *done);
/*
 * Begins on the connected, non-blocking `fd`; ends at the deadline at the latest. `proxy` and
 * `remote` are borrowed until then. `done` follows, maybe from in here.
 */
void proxy_leg_begin(struct proxy_leg *leg, int fd, struct mono deadline, const struct proxy *proxy,
	const struct settings_remote *remote);
/* Lets the socket go, without `done`. Fine when no leg is under way. */
void proxy_leg_stop(struct proxy_leg *leg);

#endif
