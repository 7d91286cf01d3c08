/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each type has a function that takes the scalar, checks it, and writes the field only when the
 * value is right. The text "expected ..., got ..." is made in one place for all
 * (conf_value_expected()). A message never repeats the value of a key file's option or of a proxy,
 * since it may be the key or a password.
 */
#include "config/conf_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/proxy.h"
#include "config/settings.h"

enum {
	SHOWN_MAX = 64,          /* bytes of a value that a message repeats, with NUL */
	MATERIAL_PATH_MAX = 4095 /* PATH_MAX without its NUL */
};

static const char *family_name(uint8_t family)
{
	return family == AF_INET ? "IPv4 " : family == AF_INET6 ? "IPv6 " : "";
}

/* The article depends on the next word. */
static const char *article(uint8_t family)
{
	return family == AF_UNSPEC ? "a" : "an";
}

static const char *fixed_text(enum conf_type type)
{
	switch (type) {
	case CONF_BOOL:
		return "true or false";
	case CONF_MATERIAL:
		return "a path, or PEM text that begins with -----BEGIN";
	case CONF_LOG_LEVEL:
		return "\"error\", \"warning\", \"notice\", \"info\" or \"debug\"";
	case CONF_ENDPOINT:
		return "\"ADDRESS:PORT\", \"[IPV6]:PORT\" or an address";
	case CONF_REMOTE:
		return "\"HOST:PORT\", \"[IPV6]:PORT\" or a host, perhaps with a priority of 1 to 255 behind a blank";
	case CONF_PROXY:
		return "\"http://[USER:PASSWORD@]HOST:PORT\" or \"socks5://...\"";
	case CONF_GROUP:
		return "a group { KEY = VALUE; ... }";
	default:
		return NULL;
	}
}

/*
 * Writes "\"main\", \"default\" or an integer from 1 to 9"; without numbers "\"warn\" or
 * \"refuse\"".
 */
static void name_text(const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX])
{
	size_t len = 0;

	for (const struct conf_name *name = option->names;
		name->name && len < CONF_VALUE_EXPECTED_MAX; name++)
		len += (size_t)snprintf(&out[len], CONF_VALUE_EXPECTED_MAX - len, "%s\"%s\"",
			name == option->names                       ? ""
				: !name[1].name && option->max == 0 ? " or "
								    : ", ",
			name->name);
	if (len < CONF_VALUE_EXPECTED_MAX && option->max > 0)
		(void)snprintf(&out[len], CONF_VALUE_EXPECTED_MAX - len,
			" or an integer from %.10g to %.10g", option->min, option->max);
}

/* Describes the plain value, and then the group. */
static void shorthand_text(/* NOLINT(misc-no-recursion): a plain value is of no group */
	const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX])
{
	const struct conf_option *plain = conf_value_plain(option);
	size_t len = 0;

	if (plain) {
		(void)conf_value_expected(plain, out);
		len = strlen(out);
	}
	(void)snprintf(&out[len], CONF_VALUE_EXPECTED_MAX - len, ", or %s", fixed_text(CONF_GROUP));
}

static void address_text(const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX])
{
	const char *family = family_name(option->family);
	bool is_v6 = option->family == AF_INET6;

	if (option->type == CONF_ADDR)
		(void)snprintf(out, CONF_VALUE_EXPECTED_MAX, "an %saddress", family);
	else if (option->host_bits)
		(void)snprintf(out, CONF_VALUE_EXPECTED_MAX,
			"an %saddress with its network's length, such as %s", family,
			is_v6 ? "fd00::1/64" : "10.1.0.1/24");
	else
		(void)snprintf(out, CONF_VALUE_EXPECTED_MAX,
			"%s %sprefix without host bits, such as %s", article(option->family),
			family, is_v6 ? "fd00::/64" : "10.1.0.0/16");
}

static const char *
type_expected(/* NOLINT(misc-no-recursion): once, for a plain value in a list of groups */
	const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX])
{
	const char *fixed = fixed_text(option->type);
	const size_t size = CONF_VALUE_EXPECTED_MAX;

	if (option->type == CONF_GROUP && option->shorthand) {
		shorthand_text(option, out);
		return out;
	}
	if (fixed)
		return fixed;
	switch (option->type) {
	case CONF_UINT:
		(void)snprintf(out, size, "%san integer from %.10g to %.10g",
			option->or_zero ? "0 or " : "", option->min, option->max);
		break;
	case CONF_DURATION:
		(void)snprintf(out, size,
			"seconds or \"250ms\", \"15s\", \"2min\", from %g s to "
			"%g s",
			option->min, option->max);
		break;
	case CONF_STRING:
		(void)snprintf(out, size, "a string of %g to %g characters without spaces",
			option->min, option->max);
		break;
	case CONF_TEXT:
		(void)snprintf(out, size, "text of %g to %g bytes", option->min, option->max);
		break;
	case CONF_PATH:
		(void)snprintf(out, size, "a path that begins with / and has at most %g characters",
			option->max);
		break;
	case CONF_NAME:
		(void)snprintf(out, size, "a name of 1 to %d of A-Z a-z 0-9 . _ -", IDENTITY_MAX);
		break;
	case CONF_IFNAME:
		(void)snprintf(out, size,
			"an interface name of %g to %g characters without / : or space, at most "
			"one %%d",
			option->min, option->max);
		break;
	case CONF_ADDR:
	case CONF_PREFIX:
		address_text(option, out);
		break;
	case CONF_NAMED:
		name_text(option, out);
		break;
	default:
		(void)snprintf(out, size, "a value");
		break;
	}
	return out;
}

const char *
conf_value_expected(/* NOLINT(misc-no-recursion): once, for a plain value in a list of groups */
	const struct conf_option *option, char out[CONF_VALUE_EXPECTED_MAX])
{
	const char *text = type_expected(option, out);
	size_t len;

	if (!option->keyword)
		return text;
	len = strlen(text);
	if (text != out)
		memcpy(out, text, len + 1);
	(void)snprintf(&out[len], CONF_VALUE_EXPECTED_MAX - len, ", or \"%s\"", option->keyword);
	return out;
}

static const char *describe_got(const struct conf_scalar *scalar, char out[SHOWN_MAX + 8])
{
	char escaped[SHOWN_MAX];

	switch (scalar->got) {
	case CONF_GOT_BOOL:
		return scalar->boolean ? "true" : "false";
	case CONF_GOT_INTEGER:
		(void)snprintf(out, SHOWN_MAX + 8, "%lld", (long long)scalar->integer);
		return out;
	case CONF_GOT_REAL:
		(void)snprintf(out, SHOWN_MAX + 8, "%g", scalar->real);
		return out;
	case CONF_GOT_STRING:
		if (strchr(scalar->string, '\n'))
			return "text of several lines";
		problem_escape(escaped, sizeof(escaped), scalar->string, strlen(scalar->string));
		(void)snprintf(out, SHOWN_MAX + 8, "\"%s\"", escaped);
		return out;
	case CONF_GOT_OTHER:
		break;
	}
	return scalar->string;
}

/* Every setter returns 0, -EINVAL (the option expects another value) or -ENOMEM. */

static int set_bool(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	(void)option;
	if (scalar->got != CONF_GOT_BOOL)
		return -EINVAL;
	memcpy(out, &scalar->boolean, sizeof(scalar->boolean));
	return 0;
}

static int set_uint(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	double value = (double)scalar->integer;
	uint32_t field;

	if (scalar->got != CONF_GOT_INTEGER)
		return -EINVAL;
	if (!(value >= option->min && value <= option->max) && !(option->or_zero && value == 0))
		return -EINVAL;
	field = (uint32_t)scalar->integer;
	memcpy(out, &field, sizeof(field));
	return 0;
}

/* Parses "15s" or "1.5 min": decimal digits and a unit. */
static int parse_duration(const char *text, double *ret_seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "ms", 1e-3 }, { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	size_t digits = strspn(text, "0123456789.");
	char number[32], *end;
	const char *unit;
	double value;

	if (digits == 0 || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	value = strtod(number, &end);
	if (*end != '\0')
		return -EINVAL;
	unit = &text[digits];
	unit = &unit[strspn(unit, " ")];
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].name) == 0) {
			*ret_seconds = value * units[i].seconds;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_duration(
	const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	struct duration duration;
	double seconds;

	if (scalar->got == CONF_GOT_INTEGER)
		seconds = (double)scalar->integer;
	else if (scalar->got == CONF_GOT_REAL)
		seconds = scalar->real;
	else if (scalar->got != CONF_GOT_STRING || parse_duration(scalar->string, &seconds) < 0)
		return -EINVAL;
	if (!(seconds >= option->min && seconds <= option->max))
		return -EINVAL;
	duration.ns = (int64_t)(seconds * 1e9 + 0.5);
	memcpy(out, &duration, sizeof(duration));
	return 0;
}

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static bool fits(const struct conf_option *option, const char *text)
{
	size_t len = strlen(text);

	return len >= (size_t)option->min && len <= (size_t)option->max;
}

static int set_string(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	if (!fits(option, scalar->string) || !is_plain(scalar->string))
		return -EINVAL;
	memcpy(out, scalar->string, strlen(scalar->string) + 1);
	return 0;
}

static int set_path(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	return scalar->string[0] == '/' ? set_string(option, scalar, out) : -EINVAL;
}

static int set_name(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	struct identity identity;

	(void)option;
	if (identity_set(&identity, scalar->string, strlen(scalar->string)) < 0)
		return -EINVAL;
	memcpy(out, identity.name, sizeof(identity.name));
	return 0;
}

/* The kernel's rule (dev_valid_name), and no % except in one %d, which it replaces by a number. */
static int set_ifname(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	const char *text = scalar->string, *percent = strchr(text, '%');

	if (strpbrk(text, "/:") || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return -EINVAL;
	if (percent && (percent[1] != 'd' || strchr(&percent[1], '%')))
		return -EINVAL;
	return set_string(option, scalar, out);
}

/*
 * Returns the begin of PEM text. Other tools write a description before it, and people begin it on
 * the line after the quote.
 */
static const char *find_pem(const char *text)
{
	const char *line = text;

	while (line) {
		line += strspn(line, " \t\r\n");
		if (settings_is_inline(line))
			return line;
		line = strchr(line, '\n');
	}
	return text;
}

static int set_material(
	const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	const char *text = find_pem(scalar->string);
	char *copy;

	(void)option;
	if (!settings_is_inline(text) &&
		(text[0] == '\0' || strlen(text) > MATERIAL_PATH_MAX || strchr(text, '\n')))
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*(char **)out = copy;
	return 0;
}

static int set_text(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	char *copy = fits(option, scalar->string) ? strdup(scalar->string) : NULL;

	if (!copy)
		return fits(option, scalar->string) ? -ENOMEM : -EINVAL;
	*(char **)out = copy;
	return 0;
}

static int set_log_level(
	const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	enum log_level level;

	(void)option;
	if (log_level_parse(scalar->string, &level) < 0)
		return -EINVAL;
	memcpy(out, &level, sizeof(level));
	return 0;
}

static bool has_family(const struct conf_option *option, const struct addr *addr)
{
	return option->family == AF_UNSPEC || option->family == addr->family;
}

static int set_addr(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	struct addr addr;

	if (addr_parse(scalar->string, &addr) < 0 || !has_family(option, &addr))
		return -EINVAL;
	memcpy(out, &addr, sizeof(addr));
	return 0;
}

static int set_prefix(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	struct prefix prefix;

	if (prefix_parse(scalar->string, &prefix) < 0 || !has_family(option, &prefix.addr) ||
		(prefix_has_host_bits(&prefix) && !option->host_bits))
		return -EINVAL;
	memcpy(out, &prefix, sizeof(prefix));
	return 0;
}

static int set_endpoint(
	const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	struct endpoint endpoint;
	uint16_t preset = option->or_zero ? 0 : SETTINGS_PORT;

	if (!(option->or_zero && endpoint_parse_host(scalar->string, 0, &endpoint) == 0) &&
		endpoint_parse(scalar->string, preset, &endpoint) < 0)
		return -EINVAL;
	memcpy(out, &endpoint, sizeof(endpoint));
	return 0;
}

/* Splits "HOST:PORT PRIORITY" at the blanks. The priority is 1 where there is none. */
static int split_priority(
	const char *text, char endpoint[static SETTINGS_HOST_MAX + 16], uint8_t *ret_priority)
{
	size_t len = strcspn(text, " \t");
	const char *digits = text + len + strspn(text + len, " \t");
	size_t count = strspn(digits, "0123456789");
	unsigned long priority = 1;

	if (len >= SETTINGS_HOST_MAX + 16 || digits[count] != '\0' || count > 3 ||
		(text[len] != '\0' && count == 0))
		return -EINVAL;
	if (count > 0)
		priority = strtoul(digits, NULL, 10);
	if (priority < 1 || priority > UINT8_MAX)
		return -EINVAL;
	memcpy(endpoint, text, len);
	endpoint[len] = '\0';
	*ret_priority = (uint8_t)priority;
	return 0;
}

/* A host name, or an address, which may have a scope ("%eth0"), and perhaps a priority. */
static int set_remote(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:%";
	struct settings_remote remote = { .port = 0 };
	char endpoint[SETTINGS_HOST_MAX + 16];

	(void)option;
	if (split_priority(scalar->string, endpoint, &remote.priority) < 0 ||
		endpoint_split(endpoint, SETTINGS_PORT, remote.host, sizeof(remote.host),
			&remote.port) < 0)
		return -EINVAL;
	if (remote.host[strspn(remote.host, allowed)] != '\0' || remote.host[0] == '-')
		return -EINVAL;
	memcpy(out, &remote, sizeof(remote));
	return 0;
}

static int set_proxy(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	const char *flaw;

	(void)option;
	return proxy_parse(scalar->string, out, &flaw);
}

static int set_named(const struct conf_option *option, const struct conf_scalar *scalar, void *out)
{
	if (scalar->got != CONF_GOT_STRING)
		return option->max > 0 ? set_uint(option, scalar, out) : -EINVAL;
	for (const struct conf_name *name = option->names; name->name; name++) {
		if (strcmp(name->name, scalar->string) == 0) {
			memcpy(out, &name->value, sizeof(name->value));
			return 0;
		}
	}
	return -EINVAL;
}

static const struct {
	int (*set)(const struct conf_option *option, const struct conf_scalar *scalar, void *out);
	size_t size; /* 0: not in lists */
	bool wants_string;
} types[] = {
	[CONF_BOOL] = { set_bool, sizeof(bool), false },
	[CONF_UINT] = { set_uint, sizeof(uint32_t), false },
	[CONF_DURATION] = { set_duration, sizeof(struct duration), false },
	[CONF_STRING] = { set_string, 0, true },
	[CONF_PATH] = { set_path, 0, true },
	[CONF_NAME] = { set_name, sizeof(struct identity), true },
	[CONF_IFNAME] = { set_ifname, 0, true },
	[CONF_MATERIAL] = { set_material, sizeof(char *), true },
	[CONF_TEXT] = { set_text, sizeof(char *), true },
	[CONF_LOG_LEVEL] = { set_log_level, sizeof(enum log_level), true },
	[CONF_ADDR] = { set_addr, sizeof(struct addr), true },
	[CONF_PREFIX] = { set_prefix, sizeof(struct prefix), true },
	[CONF_ENDPOINT] = { set_endpoint, sizeof(struct endpoint), true },
	[CONF_REMOTE] = { set_remote, sizeof(struct settings_remote), true },
	[CONF_PROXY] = { set_proxy, 0, true },
	[CONF_NAMED] = { set_named, sizeof(uint32_t), false },
};

size_t conf_value_size(const struct conf_option *option)
{
	switch (option->type) {
	case CONF_GROUP:
		return option->table->size;
	case CONF_STRING:
	case CONF_PATH:
	case CONF_IFNAME:
		return (size_t)option->max + 1;
	default:
		return types[option->type].size;
	}
}

const struct conf_option *conf_value_plain(const struct conf_option *option)
{
	return option->shorthand ? conf_find(option->table, option->shorthand) : NULL;
}

/* Describes the error in a text that may be secret. */
static const char *describe_secret(
	const struct conf_option *option, const struct conf_scalar *scalar)
{
	const char *flaw = "neither";
	struct proxy proxy;

	if (option->type == CONF_PROXY)
		(void)proxy_parse(scalar->string, &proxy, &flaw);
	return flaw;
}

int conf_value_set(const struct conf_option *option, const struct conf_scalar *scalar, void *out,
	struct problem *problem)
{
	bool is_secret = (option->type == CONF_MATERIAL || option->type == CONF_PROXY) &&
		scalar->got == CONF_GOT_STRING;
	char expected[CONF_VALUE_EXPECTED_MAX], got[SHOWN_MAX + 8];
	int r = -EINVAL;

	/* The target is all zero so far. */
	if (option->keyword && scalar->got == CONF_GOT_STRING &&
		strcmp(scalar->string, option->keyword) == 0)
		return 0;
	if (!types[option->type].wants_string || scalar->got == CONF_GOT_STRING)
		r = types[option->type].set(option, scalar, out);
	if (r == -EINVAL)
		problem_set(problem, "expected %s, got %s", conf_value_expected(option, expected),
			is_secret ? describe_secret(option, scalar) : describe_got(scalar, got));
	return r;
}
