/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf_expected.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/identity.h"
#include "config/conf_value.h"

static const char *family_name(uint8_t family)
{
	return family == AF_INET ? "IPv4 " : family == AF_INET6 ? "IPv6 " : "";
}

/* Two words where the article depends on what follows. */
static const char *article(uint8_t family)
{
	return family == AF_UNSPEC ? "a" : "an";
}

static const char *fixed_words(enum conf_type type)
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
		return "\"HOST:PORT\", \"[IPV6]:PORT\" or a host";
	case CONF_PROXY:
		return "\"http://[USER:PASSWORD@]HOST:PORT\" or \"socks5://...\"";
	case CONF_GROUP:
		return "a group { KEY = VALUE; ... }";
	default:
		return NULL;
	}
}

/* "\"main\", \"default\" or an integer from 1 to 9"; without numbers "\"warn\" or \"refuse\"" */
static void name_words(const struct conf_option *option, char out[CONF_EXPECTED_MAX])
{
	size_t len = 0;

	for (const struct conf_name *name = option->names;
		name->name != NULL && len < CONF_EXPECTED_MAX; name++)
		len += (size_t)snprintf(&out[len], CONF_EXPECTED_MAX - len, "%s\"%s\"",
			name == option->names                              ? ""
				: name[1].name == NULL && option->max == 0 ? " or "
									   : ", ",
			name->name);
	if (len < CONF_EXPECTED_MAX && option->max > 0)
		(void)snprintf(&out[len], CONF_EXPECTED_MAX - len,
			" or an integer from %.10g to %.10g", option->min, option->max);
}

/* The words for the plain value, with those for the group after them. */
static void shorthand_words(/* NOLINT(misc-no-recursion): a plain value is of no group */
	const struct conf_option *option, char out[CONF_EXPECTED_MAX])
{
	const struct conf_option *plain = conf_value_plain(option);
	size_t len = 0;

	if (plain != NULL) {
		(void)conf_expected(plain, out);
		len = strlen(out);
	}
	(void)snprintf(&out[len], CONF_EXPECTED_MAX - len, ", or %s", fixed_words(CONF_GROUP));
}

static void address_words(const struct conf_option *option, char out[CONF_EXPECTED_MAX])
{
	const char *family = family_name(option->family);
	bool is_v6 = option->family == AF_INET6;

	if (option->type == CONF_ADDR)
		(void)snprintf(out, CONF_EXPECTED_MAX, "an %saddress", family);
	else if (option->host_bits)
		(void)snprintf(out, CONF_EXPECTED_MAX,
			"an %saddress with its network's length, such as %s", family,
			is_v6 ? "fd00::1/64" : "10.1.0.1/24");
	else
		(void)snprintf(out, CONF_EXPECTED_MAX, "%s %sprefix without host bits, such as %s",
			article(option->family), family, is_v6 ? "fd00::/64" : "10.1.0.0/16");
}

const char *
conf_expected(/* NOLINT(misc-no-recursion): once, for a plain value in a list of groups */
	const struct conf_option *option, char out[CONF_EXPECTED_MAX])
{
	const char *fixed = fixed_words(option->type);
	const size_t size = CONF_EXPECTED_MAX;

	if (option->type == CONF_GROUP && option->shorthand != NULL) {
		shorthand_words(option, out);
		return out;
	}
	if (fixed != NULL)
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
		address_words(option, out);
		break;
	case CONF_NAMED:
		name_words(option, out);
		break;
	default:
		(void)snprintf(out, size, "a value");
		break;
	}
	return out;
}
