/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of WireGuard has a section [Interface] or [Peer]. One of OpenVPN has a directive a line,
 * without a sign between it and its values; two of those that nearly every such file has are
 * enough, unless a line assigns a value as ours do: then the directives are words of a comment.
 */
#include "config/conf_foreign.h"

#include <stdbool.h>
#include <string.h>

#include "base/array.h"

enum { DIRECTIVES_MIN = 2 };

#define MAKE_PROFILE                                                                     \
	"make a profile of Culvert's where the CA is: culvert-pki client NAME --remote " \
	"HOST (docs/pki.md)"

static const char *const openvpn[] = { "client", "tls-client", "tls-server", "server", "dev",
	"proto", "remote", "port", "nobind", "persist-tun", "persist-key", "resolv-retry",
	"remote-cert-tls", "verb", "cipher", "auth", "auth-user-pass", "comp-lzo", "keepalive",
	"redirect-gateway", "ca", "cert", "key", "dh", "tls-auth", "tls-crypt", "push", "<ca>",
	"<cert>", "<key>", "<tls-auth>", "<tls-crypt>", "<connection>" };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Returns true if the line begins with the word and goes on as a directive does. */
static bool is_directive(const char *line, size_t len, const char *word)
{
	size_t word_len = strlen(word), at = word_len;

	if (len < word_len || memcmp(line, word, word_len) != 0)
		return false;
	if (at < len && !is_blank(line[at]))
		return false;
	while (at < len && is_blank(line[at]))
		at++;
	return at == len || (line[at] != '=' && line[at] != ':');
}

static bool is_openvpn(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(openvpn); i++) {
		if (is_directive(line, len, openvpn[i]))
			return true;
	}
	return false;
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-';
}

/* Returns true for NAME = VALUE. Nothing follows the signs that end a certificate's last line. */
static bool is_assignment(const char *line, size_t len)
{
	size_t at = 0;

	while (at < len && is_of_name(line[at]))
		at++;
	if (at == 0)
		return false;
	while (at < len && is_blank(line[at]))
		at++;
	if (at == len || line[at] != '=')
		return false;
	for (at++; at < len && is_blank(line[at]);)
		at++;
	return at < len && line[at] != '=';
}

const char *conf_foreign(const char *text, size_t len)
{
	unsigned directives = 0;
	bool assigns = false;

	for (size_t at = 0, end; at < len; at = end + 1) {
		const char *newline = memchr(&text[at], '\n', len - at);

		end = newline ? (size_t)(newline - text) : len;
		while (at < end && is_blank(text[at]))
			at++;
		if (is_directive(&text[at], end - at, "[Interface]") ||
			is_directive(&text[at], end - at, "[Peer]"))
			return "this is a file of WireGuard (wg-quick), which Culvert cannot use; "
			       "start it with wg-quick up, or " MAKE_PROFILE;
		directives += is_openvpn(&text[at], end - at);
		assigns |= is_assignment(&text[at], end - at);
	}
	if (directives < DIRECTIVES_MIN || assigns)
		return NULL;
	return "this is a file of OpenVPN, which Culvert cannot use; start it with openvpn, "
	       "or " MAKE_PROFILE;
}
