/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PROXY_TALK_H
#define CULVERT_WIRE_PROXY_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/proxy.h"

/*
 * What a client says to a proxy, and hears, until its connection leads to the server: HTTP's CONNECT
 * method (RFC 9110, 9.3.6; RFC 7617 for user and password) and SOCKS5 (RFC 1928, RFC 1929). Pure:
 * bytes in, bytes out, no socket; one owner.
 *
 *	proxy_talk.c    what both have in common
 *	proxy_http.c    CONNECT
 *	proxy_socks5.c  SOCKS5
 *
 * The proxy is not trusted more than any stranger: an answer is bounded, its text is escaped before
 * it is shown, and bytes after the answer, which the server cannot have sent as it speaks second in
 * TLS, are an error.
 */

enum {
	PROXY_TALK_ANSWER_MAX = 8192, /* bytes of all that the proxy answers */
	/* Bytes of one thing to say, the longest: two names, user and password in base64. */
	PROXY_TALK_REQUEST_MAX = 2048,
};

enum proxy_talk_step {
	PROXY_TALK_METHOD, /* SOCKS5: which authentication */
	PROXY_TALK_AUTH,   /* SOCKS5: are user and password right */
	PROXY_TALK_ANSWER, /* is there a connection to the server */
};

struct proxy_talk {
	const struct proxy *proxy; /* borrowed, as is `host` */
	const char *host;          /* the server's name or address, for the proxy to find */
	uint16_t port;
	enum proxy_talk_step step; /* what is waited for */
	size_t taken;              /* bytes of the answer that are done with */
	size_t answer_len;
	uint8_t answer[PROXY_TALK_ANSWER_MAX];
};

/*
 * Begins; puts the first thing to say into `out`, which has room for PROXY_TALK_REQUEST_MAX.
 * -ENOBUFS: it has not.
 */
int proxy_talk_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host,
	uint16_t port, struct writer *out);

/*
 * Takes what the proxy has sent. 0: from here on the connection is the server's. -EAGAIN: more is to
 * come; the next thing to say may be in `out`, which has room as above. Everything else is the end,
 * with the cause and its cure in `problem`: -ECONNREFUSED (the proxy says no), -EPROTO (it is no
 * such proxy, or sends what it must not), -EMSGSIZE (an answer past PROXY_TALK_ANSWER_MAX).
 */
int proxy_talk_feed(struct proxy_talk *talk, const void *data, size_t len, struct writer *out,
	struct problem *problem);

/* Words for a talk that was cut: the proxy has closed the connection, or lets us wait too long. */
void proxy_talk_closed(const struct proxy_talk *talk, struct problem *problem);
void proxy_talk_overdue(const struct proxy_talk *talk, struct problem *problem);

#endif
