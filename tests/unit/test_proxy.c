/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies as URLs: what is taken apart, and what is refused with which words. */
#include "base/proxy.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static const struct {
	const char *text;
	struct proxy proxy;
} good[] = {
	{ "http://proxy.example.org:3128", { PROXY_HTTP, "proxy.example.org", 3128, "", "" } },
	{ "http://proxy.example.org:3128/", { PROXY_HTTP, "proxy.example.org", 3128, "", "" } },
	{ "socks5://192.0.2.5:1080", { PROXY_SOCKS5, "192.0.2.5", 1080, "", "" } },
	{ "socks5h://s:1", { PROXY_SOCKS5, "s", 1, "", "" } },
	{ "socks5://[2001:db8::5]:1080", { PROXY_SOCKS5, "2001:db8::5", 1080, "", "" } },
	{ "http://alice:secret@p:80", { PROXY_HTTP, "p", 80, "alice", "secret" } },
	{ "http://alice@p:80", { PROXY_HTTP, "p", 80, "alice", "" } },
	{ "http://alice:@p:80", { PROXY_HTTP, "p", 80, "alice", "" } },
	{ "http://a%40b:c%3Ad%2f%25@p:80", { PROXY_HTTP, "p", 80, "a@b", "c:d/%" } },
	{ "http://alice:a:b@c@p:80", { PROXY_HTTP, "p", 80, "alice", "a:b@c" } },
	{ "socks5://a%3ab:%c3%bc@p:1080", { PROXY_SOCKS5, "p", 1080, "a:b", "\xc3\xbc" } },
};

static const struct {
	const char *text, *flaw;
} bad[] = {
	{ "", "begins with neither" },
	{ "proxy:3128", "begins with neither" },
	{ "https://p:443", "begins with neither" },
	{ "socks4://p:1080", "begins with neither" },
	{ "HTTP//p:1", "begins with neither" },
	{ "http://", "without a host" },
	{ "http://p", "HOST:PORT" },
	{ "http://p:", "HOST:PORT" },
	{ "http://p:0", "HOST:PORT" },
	{ "http://p:65536", "HOST:PORT" },
	{ "http://p:80/path", "HOST:PORT" },
	{ "http://2001:db8::5:80", "HOST:PORT" },
	{ "http://p q:80", "neither a name nor an address" },
	{ "http://-p:80", "neither a name nor an address" },
	{ "http://p\r\nHost:80", "neither a name nor an address" },
	{ "http://fe80::1%25eth0:80", "HOST:PORT" },
	{ "http://[fe80::1%eth0]:80", "neither a name nor an address" },
	{ "http://@p:80", "empty user" },
	{ "http://:word@p:80", "empty user" },
	{ "http://a%3ab:word@p:80", "colon" },
	{ "http://a%:word@p:80", "hexadecimal" },
	{ "http://a:wor%4@p:80", "hexadecimal" },
	{ "http://a:wor%4x@p:80", "hexadecimal" },
	{ "http://a:wor%00d@p:80", "control character" },
	{ "http://a:wor%0d%0aX:@p:80", "control character" },
	{ "socks5://a@p:80", "without a password" },
	{ "socks5://a:@p:80", "without a password" },
};

START_TEST(urls_are_taken_apart)
{
	struct proxy proxy;
	const char *flaw = NULL;

	ck_assert_msg(
		proxy_parse(good[_i].text, &proxy, &flaw) == 0, "%s: %s", good[_i].text, flaw);
	ck_assert_int_eq(proxy.kind, good[_i].proxy.kind);
	ck_assert_str_eq(proxy.host, good[_i].proxy.host);
	ck_assert_uint_eq(proxy.port, good[_i].proxy.port);
	ck_assert_str_eq(proxy.user, good[_i].proxy.user);
	ck_assert_str_eq(proxy.password, good[_i].proxy.password);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	struct proxy proxy = { .port = 77 };
	const char *flaw = NULL;

	ck_assert_int_eq(proxy_parse(bad[_i].text, &proxy, &flaw), -EINVAL);
	ck_assert_uint_eq(proxy.port, 77);
	ck_assert_ptr_nonnull(flaw);
	ck_assert_msg(strstr(flaw, bad[_i].flaw) != NULL, "%s: %s", bad[_i].text, flaw);
}
END_TEST

/* The longest that RFC 1929 can carry is taken, one byte more is not. */
START_TEST(words_have_a_limit)
{
	char word[PROXY_WORD_MAX + 2], text[1200];
	struct proxy proxy;
	const char *flaw = NULL;

	memset(word, 'x', sizeof(word));
	word[PROXY_WORD_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "socks5://%s:%s@p:1", word, word);
	ck_assert_int_eq(proxy_parse(text, &proxy, &flaw), 0);
	ck_assert_str_eq(proxy.user, word);
	ck_assert_str_eq(proxy.password, word);
	(void)snprintf(text, sizeof(text), "socks5://u:%sx@p:1", word);
	ck_assert_int_eq(proxy_parse(text, &proxy, &flaw), -EINVAL);
	ck_assert_ptr_nonnull(strstr(flaw, "255"));
	(void)snprintf(text, sizeof(text), "http://%s:1", word);
	ck_assert_int_eq(proxy_parse(text, &proxy, &flaw), -EINVAL);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("proxy");

	unit_add_loop(suite, "urls", urls_are_taken_apart, 0, ARRAY_SIZE(good));
	unit_add_loop(suite, "wrong urls", what_is_wrong_is_named, 0, ARRAY_SIZE(bad));
	unit_add(suite, "limits", words_have_a_limit);
	return suite;
}

int main(void)
{
	return unit_run("proxy", suite());
}
