/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
	LABEL_MAX = 63,
	PORT_DIGITS_MIN = 3, /* a last group that is shorter is no likely port */
};

/* Finds a pool that clients refuse by default. */
static void examine_pool(const struct configuration *configuration, const char *key,
	const struct prefix *pool, struct findings *findings)
{
	struct problem problem = { 0 };
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(&pool->addr) || settings_is_private(pool))
		return;
	prefix_format(pool, text);
	problem_set(&problem,
		"%s: %s is outside the private ranges, so clients refuse its addresses unless "
		"each profile has the line: tunnel_addresses = [ \"%s\" ];",
		key, text, text);
	configuration_find(configuration, findings, FINDING_WARNING, "pool", &problem);
}

/* ---- remotes ---- */

/*
 * The part after the last dot of a name is never a number, so that such a text can only be meant
 * for an IPv4 address (RFC 1123, section 2.1).
 */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *last = dot ? &dot[1] : host;

	return last[0] != '\0' && last[strspn(last, "0123456789")] == '\0';
}

/* "10.1" stands for 10.0.0.1, by rules of the C library that are older than dotted quads. */
static bool is_short_address(const char *host)
{
	size_t dots = 0;

	for (const char *c = host; *c != '\0'; c++) {
		if ((*c < '0' || *c > '9') && *c != '.')
			return false;
		dots += *c == '.';
	}
	return dots < 3;
}

/* A label has 1 to 63 characters (RFC 1035, section 2.3.4); the last may be empty. */
static bool has_odd_label(const char *host)
{
	for (;;) {
		size_t len = strcspn(host, ".");

		if (len == 0 || len > LABEL_MAX)
			return true;
		if (host[len] == '\0' || host[len + 1] == '\0')
			return false;
		host += len + 1;
	}
}

/* Returns why a name or an address with a scope can never be dialled, or NULL. */
static const char *why_no_name(const char *host)
{
	const char *percent = strchr(host, '%');

	if (strchr(host, ':'))
		return percent && percent[1] != '\0' && strncasecmp(host, "fe80:", 5) == 0
			? NULL
			: "it is no IPv6 address; write [ADDRESS]:PORT, and a scope (%eth0) only after a link-local address";
	if (percent)
		return "only a link-local IPv6 address has a scope (%eth0)";
	if (ends_in_number(host) && !is_short_address(host))
		return "it is neither an IPv4 address, which has four numbers from 0 to 255, nor a name, whose last part is no number";
	if (has_odd_label(host))
		return "a part of a name between dots has 1 to 63 characters";
	return NULL;
}

/* Returns why nothing can ever be connected to this host, or NULL. */
static const char *why_never(const char *host)
{
	static const struct prefix reserved = { { AF_INET, { 240 } }, 4 };
	struct addr addr;

	if (addr_parse(host, &addr) < 0)
		return why_no_name(host);
	if (addr_is_multicast(&addr))
		return "it is a multicast address; a server has one of its own";
	if (prefix_contains_addr(&reserved, &addr))
		return "no host has a reserved address (240.0.0.0/4)";
	if (!addr_is_host(&addr) && !addr_is_loopback(&addr))
		return "it is no server's address but stands for all addresses of a host; write the server's own";
	if (addr.family == AF_INET6 && addr_is_link_local(&addr))
		return "a link-local address needs its interface after it, such as fe80::1%eth0";
	return NULL;
}

/*
 * "2001:db8::2:443" is an address without a port, and nearly always meant to be one with it.
 * Brackets show what is meant.
 */
static bool looks_like_a_port(
	const struct configuration *configuration, const char *host, const char **ret_port)
{
	char quoted[SETTINGS_HOST_MAX + 3];
	const char *colon = strrchr(host, ':');
	struct addr addr;

	if (!colon || strlen(&colon[1]) < PORT_DIGITS_MIN || !ends_in_number(&colon[1]) ||
		addr_parse(host, &addr) < 0)
		return false;
	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", host);
	*ret_port = &colon[1];
	return memmem(configuration->text, configuration->len, quoted, strlen(quoted)) != NULL;
}

static int examine_remotes(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	const char *never[SETTINGS_REMOTES_MAX] = { NULL };
	size_t count = 0;

	for (size_t i = 0; i < settings->remote_count; i++) {
		never[i] = why_never(settings->remotes[i].host);
		count += never[i] != NULL;
	}
	for (size_t i = 0; i < settings->remote_count; i++) {
		const char *host = settings->remotes[i].host, *port;
		bool fatal = count == settings->remote_count;
		struct problem problem = { 0 };

		if (never[i])
			problem_set(&problem, "remotes.[%zu]: \"%s\" can never be dialled: %s", i,
				host, never[i]);
		else if (looks_like_a_port(configuration, host, &port))
			problem_set(&problem,
				"remotes.[%zu]: \"%s\" is taken for an address, with port %u; if %s is the port, write \"[%.*s]:%s\", else \"[%s]:%u\"",
				i, host, (unsigned)settings->remotes[i].port, port,
				(int)(port - host - 1), host, port, host,
				(unsigned)settings->remotes[i].port);
		else
			continue;
		configuration_find(configuration, findings,
			never[i] && fatal ? FINDING_ERROR : FINDING_WARNING, "remotes", &problem);
	}
	return count > 0 && count == settings->remote_count ? -EINVAL : 0;
}

int configuration_examine_values(
	const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	struct problem problem = { 0 };

	if (settings->role == SETTINGS_CLIENT)
		return examine_remotes(configuration, findings);
	examine_pool(configuration, "pool4", &settings->pool4, findings);
	examine_pool(configuration, "pool6", &settings->pool6, findings);
	if (settings->peer_count > 0 || settings->unlisted)
		return 0;
	problem_set(&problem,
		"peers: the list is empty, so no peer is admitted; add an entry for each certificate, such as { name = \"gw-a\"; }");
	configuration_find(configuration, findings, FINDING_WARNING, "peers", &problem);
	return 0;
}
