/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proxy.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/addr.h"
#include "base/array.h"

/* Parses from the left: the scheme, the text before the last '@', then host and port. */

static const struct {
	const char *prefix;
	enum proxy_kind kind;
} schemes[] = {
	{ "http://", PROXY_HTTP },
	{ "socks5://", PROXY_SOCKS5 },
	{ "socks5h://", PROXY_SOCKS5 },
};

const char *proxy_kind_text(enum proxy_kind kind)
{
	switch (kind) {
	case PROXY_HTTP:
		return "HTTP";
	case PROXY_SOCKS5:
		return "SOCKS5";
	case PROXY_NONE:
		break;
	}
	return "none";
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* Decodes a user or password: `len` bytes with percent-encoding. Returns the flaw, or NULL. */
static const char *decode_word(const char *text, size_t len, char out[PROXY_WORD_MAX + 1])
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		char byte = text[i];

		if (byte == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (low < 0)
				return "a user or password with a % that no two hexadecimal "
				       "digits follow (a % itself is written %25)";
			byte = (char)(high << 4 | low);
			i += 2;
		}
		/* RFC 7617, 2, for HTTP. A NUL would also cut the text short. */
		if ((byte >= 0 && byte < ' ') || byte == 0x7f)
			return "a user or password with a control character";
		if (count == PROXY_WORD_MAX)
			return "a user or password of more than 255 bytes";
		out[count++] = byte;
	}
	out[count] = '\0';
	return NULL;
}

static const char *decode_credentials(const char *text, size_t len, struct proxy *proxy)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon ? (size_t)(colon - text) : len;
	const char *flaw = decode_word(text, user_len, proxy->user);

	if (!flaw && colon)
		flaw = decode_word(&colon[1], len - user_len - 1, proxy->password);
	if (flaw)
		return flaw;
	if (proxy->user[0] == '\0')
		return "a URL with an empty user before the @";
	if (proxy->kind == PROXY_HTTP && strchr(proxy->user, ':'))
		return "a user with a colon, which HTTP cannot carry"; /* RFC 7617, 2 */
	if (proxy->kind == PROXY_SOCKS5 && proxy->password[0] == '\0')
		return "a user without a password, which SOCKS5 cannot carry"; /* RFC 1929, 2 */
	return NULL;
}

static const char *parse_host(const char *text, struct proxy *proxy)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:";
	size_t len = strlen(text);
	char host[PROXY_HOST_MAX + 16]; /* with brackets, colon, port and slash */

	if (len == 0 || len >= sizeof(host))
		return "a URL without a host, or with one that is too long";
	memcpy(host, text, len + 1);
	if (host[len - 1] == '/')
		host[len - 1] = '\0';
	/*
	 * No default port: HTTP proxies listen on 3128, 8080 or 80, and a wrong guess would fail
	 * late.
	 */
	if (endpoint_split(host, 0, proxy->host, sizeof(proxy->host), &proxy->port) < 0)
		return "a URL whose end is not HOST:PORT or [IPV6]:PORT";
	if (proxy->host[strspn(proxy->host, allowed)] != '\0' || proxy->host[0] == '-')
		return "a URL with a host that is neither a name nor an address";
	return NULL;
}

static const char *parse(const char *text, struct proxy *proxy)
{
	const char *at, *flaw = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, len) != 0)
			continue;
		proxy->kind = schemes[i].kind;
		text = &text[len];
		break;
	}
	if (proxy->kind == PROXY_NONE)
		return "one that begins with neither";
	at = strrchr(text, '@');
	if (at) {
		flaw = decode_credentials(text, (size_t)(at - text), proxy);
		text = &at[1];
	}
	return flaw ? flaw : parse_host(text, proxy);
}

int proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_flaw)
{
	struct proxy proxy = { .kind = PROXY_NONE };
	const char *flaw = parse(text, &proxy);

	if (!flaw)
		*ret_proxy = proxy;
	else
		*ret_flaw = flaw;
	explicit_bzero(&proxy, sizeof(proxy));
	return !flaw ? 0 : -EINVAL;
}
