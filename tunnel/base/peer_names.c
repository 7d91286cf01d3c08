/* SPDX-License-Identifier: Apache-2.0 */
#include "base/peer_names.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
	DIGEST_DIGITS = 64, /* SHA-256 as hexadecimal digits */
	SHOWN_MAX = 160,    /* bytes of a configuration's text in a message */
	MORE_MAX = 32,      /* bytes of " and N more" */
	DNS_MAX = 253,
};

static const char *const kinds[] = {
	[PEER_NAME_DNS] = "dns",
	[PEER_NAME_URI] = "uri",
	[PEER_NAME_EMAIL] = "email",
	[PEER_NAME_UPN] = "upn",
	[PEER_NAME_CN] = "cn",
	[PEER_NAME_SUBJECT] = "subject",
	[PEER_NAME_SHA256] = "sha256",
	[PEER_NAME_SPKI_SHA256] = "spki-sha256",
};

/* Not tolower(3), which depends on the locale. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void lower_all(char *text)
{
	for (; *text != '\0'; text++)
		*text = lower(*text);
}

bool peer_names_is_unsafe(const void *value, size_t len)
{
	const uint8_t *bytes = value;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			return true;
	}
	return false;
}

static bool is_ascii(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
			return false;
	}
	return true;
}

/* Returns the bytes of the character at `bytes`, or 0 where it is no UTF-8 (RFC 3629, 4). */
static size_t character(const uint8_t *bytes, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = bytes[0] < 0x80       ? 1
		: (bytes[0] & 0xe0) == 0xc0 ? 2
		: (bytes[0] & 0xf0) == 0xe0 ? 3
		: (bytes[0] & 0xf8) == 0xf0 ? 4
					    : 0;
	uint32_t code;

	if (size == 0 || size > len)
		return 0;
	code = size == 1 ? bytes[0] : bytes[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return size;
}

static bool is_utf8(const uint8_t *bytes, size_t len)
{
	size_t at = 0, size = 1;

	for (; at < len && size > 0; at += size)
		size = character(&bytes[at], len - at);
	return size > 0;
}

/* True for a value that a configuration could have, so that it is worth keeping. */
static bool is_expressible(enum peer_name_kind kind, const uint8_t *value, size_t len)
{
	if (len == 0 || peer_names_is_unsafe(value, len))
		return false;
	if (kind == PEER_NAME_DNS || kind == PEER_NAME_URI || kind == PEER_NAME_EMAIL)
		return is_ascii(value, len);
	return is_utf8(value, len);
}

/* `value` has its NUL. */
static void unify(enum peer_name_kind kind, char *value)
{
	char *at;

	if (kind == PEER_NAME_DNS || kind == PEER_NAME_SHA256 || kind == PEER_NAME_SPKI_SHA256) {
		lower_all(value);
	} else if (kind == PEER_NAME_EMAIL) { /* RFC 5280, 7.5 */
		at = strrchr(value, '@');
		if (at)
			lower_all(at);
	}
}

/* ---- sets ---- */

struct peer_names *peer_names_new(void)
{
	struct peer_names *names = calloc(1, sizeof(*names));

	if (names)
		atomic_init(&names->references, 1);
	return names;
}

struct peer_names *peer_names_ref(struct peer_names *names)
{
	if (names)
		atomic_fetch_add_explicit(&names->references, 1, memory_order_relaxed);
	return names;
}

void peer_names_unref(struct peer_names *names)
{
	if (!names || atomic_fetch_sub_explicit(&names->references, 1, memory_order_acq_rel) != 1)
		return;
	free(names->fault);
	free(names->own.bytes);
	free(names->above.bytes);
	free(names);
}

int peer_names_add(
	struct peer_name_list *list, enum peer_name_kind kind, const void *value, size_t len)
{
	size_t lead = strlen(kinds[kind]) + 1;
	char *bytes, *text;

	if (!is_expressible(kind, value, len))
		return 0;
	bytes = realloc(list->bytes, list->len + lead + len + 1);
	if (!bytes)
		return -ENOMEM;
	list->bytes = bytes;
	text = &bytes[list->len];
	memcpy(text, kinds[kind], lead - 1);
	text[lead - 1] = ':';
	memcpy(&text[lead], value, len);
	text[lead + len] = '\0';
	unify(kind, &text[lead]);
	list->len += lead + len + 1;
	return 0;
}

const char *peer_names_next(const struct peer_name_list *list, const char *text)
{
	const char *next = text ? text + strlen(text) + 1 : list->bytes;

	return list->len > 0 && next < list->bytes + list->len ? next : NULL;
}

bool peer_names_have(const struct peer_name_list *list, const char *text)
{
	const char *name = NULL;

	while ((name = peer_names_next(list, name))) {
		if (strcmp(name, text) == 0)
			return true;
	}
	return false;
}

const char *peer_names_format(const struct peer_name_list *list, char *out, size_t size)
{
	char shown[SHOWN_MAX];
	const char *name = NULL;
	size_t len = 0, left = 0;

	out[0] = '\0';
	while ((name = peer_names_next(list, name))) {
		problem_escape_rest(shown, sizeof(shown), name, strlen(name));
		if (left > 0 || len + strlen(shown) + 2 + MORE_MAX > size) {
			left++;
			continue;
		}
		len += (size_t)snprintf(&out[len], size - len, "%s%s", len > 0 ? ", " : "", shown);
	}
	if (left > 0)
		(void)snprintf(&out[len], size - len, "%s%zu more", len > 0 ? " and " : "", left);
	return out;
}

/* ---- texts of a configuration ---- */

static int complain(const char *text, const char *expected, struct problem *problem)
{
	char shown[SHOWN_MAX];

	problem_escape_rest(shown, sizeof(shown), text, strlen(text));
	problem_set(problem, "expected %s, got \"%s\"", expected, shown);
	return -EINVAL;
}

static int find_kind(const char *text, enum peer_name_kind *ret_kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(text, kinds[i], len) != 0 || text[len] != ':')
			continue;
		*ret_kind = (enum peer_name_kind)i;
		return 0;
	}
	return -EINVAL;
}

static int hex_digit(char c)
{
	c = lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes out the colons of openssl's form. Returns what was expected, or NULL. */
static const char *clean_digest(char *value)
{
	size_t count = 0;

	for (const char *from = value; *from != '\0'; from++) {
		if (*from == ':')
			continue;
		if (hex_digit(*from) < 0)
			return "64 hexadecimal digits, with or without colons";
		value[count++] = *from;
	}
	value[count] = '\0';
	return count == DIGEST_DIGITS ? NULL : "64 hexadecimal digits, with or without colons";
}

static const char *clean_dns(const char *value)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

	if (strchr(value, '*'))
		return "a whole DNS name without a wildcard, because the names of certificates are compared exactly";
	if (strspn(value, allowed) != strlen(value) || strlen(value) > DNS_MAX)
		return "a DNS name of letters, digits, dots and dashes, an international one as in the certificate (xn--...)";
	return NULL;
}

static const char *clean_email(const char *value)
{
	const char *at = strchr(value, '@');

	if (!is_ascii((const uint8_t *)value, strlen(value)) || !at || at == value ||
		at[1] == '\0' || strchr(at + 1, '@'))
		return "an email address as user@example.org";
	return NULL;
}

/*
 * Takes "\C3\A4" of RFC 2253's ASCII form for the two bytes, and leaves out spaces behind a comma
 * that separates two attributes. Such a comma has no backslash.
 */
static const char *clean_subject(char *value)
{
	size_t count = 0;

	if (value[0] == '/' || !strchr(value, '='))
		return "a subject as RFC 2253 writes it, CN=gw,O=Example (openssl x509 -noout -subject -nameopt RFC2253)";
	for (const char *from = value; *from != '\0'; from++) {
		int high = from[0] == '\\' ? hex_digit(from[1]) : -1;
		int low = high >= 8 ? hex_digit(from[2]) : -1;

		if (low >= 0) {
			value[count++] = (char)(high << 4 | low);
			from += 2;
			continue;
		}
		value[count++] = *from;
		if (*from == '\\' && from[1] != '\0')
			value[count++] = *++from;
		else if (*from == ',')
			from += strspn(&from[1], " ");
	}
	value[count] = '\0';
	return NULL;
}

static const char *clean(enum peer_name_kind kind, char *value)
{
	switch (kind) {
	case PEER_NAME_SHA256:
	case PEER_NAME_SPKI_SHA256:
		return clean_digest(value);
	case PEER_NAME_DNS:
		return clean_dns(value);
	case PEER_NAME_EMAIL:
		return clean_email(value);
	case PEER_NAME_URI:
		return strchr(value, ':') && is_ascii((const uint8_t *)value, strlen(value))
			? NULL
			: "a URI without spaces, as spiffe://example.org/gw";
	case PEER_NAME_SUBJECT:
		return clean_subject(value);
	case PEER_NAME_CN:
	case PEER_NAME_UPN:
	case PEER_NAME_KIND_COUNT:
		break;
	}
	return NULL;
}

static bool may_be_issuer(enum peer_name_kind kind)
{
	return kind == PEER_NAME_SUBJECT || kind == PEER_NAME_SHA256 ||
		kind == PEER_NAME_SPKI_SHA256;
}

int peer_names_parse(const char *text, bool of_issuer, char **ret_text, struct problem *problem)
{
	const char *expected = NULL;
	enum peer_name_kind kind;
	char *copy, *value;

	if (find_kind(text, &kind) < 0 || (of_issuer && !may_be_issuer(kind)))
		return complain(text,
			of_issuer
				? "KIND:VALUE with KIND one of subject, sha256, spki-sha256"
				: "KIND:VALUE with KIND one of dns, uri, email, upn, cn, subject, sha256, spki-sha256",
			problem);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	value = &copy[strlen(kinds[kind]) + 1];
	expected = clean(kind, value);
	if (!expected && !is_expressible(kind, (const uint8_t *)value, strlen(value)))
		expected = "a value of one line, in UTF-8, behind the colon";
	if (expected) {
		free(copy);
		return complain(text, expected, problem);
	}
	unify(kind, value);
	*ret_text = copy;
	return 0;
}
