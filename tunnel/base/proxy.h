/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PROXY_H
#define CULVERT_BASE_PROXY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A proxy for outer connections, as a URL names it (RFC 3986): "http://user:password@host:port",
 * "socks5://[2001:db8::1]:1080". A plain value; any thread. It may hold a password, which no
 * function here prints.
 */

enum proxy_kind {
	PROXY_NONE,
	PROXY_HTTP,   /* the CONNECT method: RFC 9110, 9.3.6 */
	PROXY_SOCKS5, /* RFC 1928; the proxy resolves names, like curl's socks5h */
};

enum {
	PROXY_HOST_MAX = 253,
	PROXY_WORD_MAX = 255, /* bytes of a user or a password: RFC 1929, 2 */
};

struct proxy {
	enum proxy_kind kind;
	char host[PROXY_HOST_MAX + 1]; /* name or address */
	uint16_t port;
	char user[PROXY_WORD_MAX + 1]; /* "": no credentials */
	char password[PROXY_WORD_MAX + 1];
};

/*
 * Parses the URL and decodes the percent-encoding of user and password. -EINVAL: *ret_flaw names
 * the flaw, such as "a URL without a port". That text is a literal and repeats no part of the URL.
 */
int proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_flaw);

/* Returns "HTTP", "SOCKS5" or "none". */
const char *proxy_kind_text(enum proxy_kind kind);

#endif
