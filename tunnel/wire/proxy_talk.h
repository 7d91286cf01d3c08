/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PROXY_TALK_H
#define CULVERT_WIRE_PROXY_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/proxy.h"

/*
 * The dialogue between client and proxy until the connection leads to the server. It is HTTP's
 * CONNECT method (RFC 9110, 9.3.6; RFC 7617 for user and password) or SOCKS5 (RFC 1928, RFC 1929).
 * Pure: bytes in, bytes out, no socket; one owner.
 *
 * 	proxy_talk.c    common to both
 * 	proxy_http.c    CONNECT
 * 	proxy_socks5.c  SOCKS5
 *
 * The proxy is trusted no more than a stranger: the answer is limited, and its text is escaped
 * before it is shown. Bytes after the answer are an error: in TLS the server speaks second, so they
 * cannot be its own.
 */

enum {
	PROXY_TALK_ANSWER_MAX = 8192, /* bytes of all answers of the proxy */
	/* Bytes of the longest request: two names, user and password in base64. */
	PROXY_TALK_REQUEST_MAX = 2048,
};

enum proxy_talk_step {
	PROXY_TALK_METHOD, /* SOCKS5: the proxy chooses the authentication */
	PROXY_TALK_AUTH,   /* SOCKS5: the proxy checks user and password */
	PROXY_TALK_ANSWER, /* the proxy connects to the server */
};

struct proxy_talk {
	const struct proxy *proxy; /* borrowed, as is `host` */
	const char *host;          /* the server's name or address, which the proxy resolves */
	uint16_t port;
	enum proxy_talk_step step; /* the answer that is awaited */
	size_t taken;              /* bytes of the answer that are processed */
	size_t answer_len;
	uint8_t answer[PROXY_TALK_ANSWER_MAX];
};

/*
 * Begins the dialogue and puts the first request into `out`. Borrows `proxy` and `host`. -ENOBUFS:
 * `out` has too little room; PROXY_TALK_REQUEST_MAX is always enough.
 */
int proxy_talk_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host,
	uint16_t port, struct writer *out);

/*
 * Takes bytes from the proxy. 0: the connection now leads to the server. -EAGAIN: the answer is not
 * whole; the next request may be in `out`, which has room for PROXY_TALK_REQUEST_MAX. Any other
 * error ends the dialogue, and *problem says why and what to do. -ECONNREFUSED: the proxy refuses.
 * -EPROTO: it is no such proxy, or sends what it must not. -EMSGSIZE: an answer past
 * PROXY_TALK_ANSWER_MAX.
 */
int proxy_talk_feed(struct proxy_talk *talk, const void *data, size_t len, struct writer *out,
	struct problem *problem);

/*
 * Set *problem for a dialogue that ended early: the proxy closed the connection, or did not answer
 * in time.
 */
void proxy_talk_closed(const struct proxy_talk *talk, struct problem *problem);
void proxy_talk_overdue(const struct proxy_talk *talk, struct problem *problem);

#endif
