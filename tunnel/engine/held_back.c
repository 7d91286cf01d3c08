/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/held_back.h"

#include <stdio.h>
#include <string.h>

bool held_back_in_force(const struct session *session)
{
	const struct settings *settings = session->world->settings;

	/*
	 * netd blocks everything before it makes the first interface, and also if it cannot make
	 * any.
	 */
	return settings->role == SETTINGS_CLIENT && settings->full_tunnel &&
		!settings_is_elsewhere(settings) &&
		(session->world->held || session->welcomed ||
			session_interface_is_there(&session->interface));
}

/* The server's default route of that family; NULL: the server announces none. */
static const struct route *find_default(const struct session *session, uint8_t family)
{
	for (size_t i = 0; i < session->routes.count; i++) {
		const struct route *route = &session->routes.items[i];

		if (route->prefix.len == 0 && route->prefix.addr.family == family && route->wanted)
			return route;
	}
	return NULL;
}

static bool has_default(const struct session *session, uint8_t family)
{
	const struct route *route = find_default(session, family);

	return route && route_in_use(route) && !route->missing;
}

unsigned held_back_families(const struct session *session)
{
	unsigned families = HELD_BACK_IPV4 | HELD_BACK_IPV6;

	if (!held_back_in_force(session))
		return HELD_BACK_NONE;
	if (session->state != SESSION_UP)
		return families;
	if (has_default(session, AF_INET))
		families &= ~(unsigned)HELD_BACK_IPV4;
	if (has_default(session, AF_INET6))
		families &= ~(unsigned)HELD_BACK_IPV6;
	return families;
}

static const char *session_cause(const struct session *session, char out[static HELD_BACK_TEXT_MAX])
{
	const char *why = session->leave.text[0] != '\0' ? session->leave.text
							 : session->last_leave.text;
	char shown[MESSAGE_TEXT_MAX + 1];

	const char *failure = session_interface_failure(&session->interface);

	if (failure)
		(void)snprintf(out, HELD_BACK_TEXT_MAX, "the tunnel has no interface: %s", failure);
	else
		(void)snprintf(out, HELD_BACK_TEXT_MAX, "the tunnel is not up%s%s",
			why[0] != '\0' ? ": " : "",
			problem_escape(shown, sizeof(shown), why, strlen(why)));
	return out;
}

/* For a family whose default route the server has announced. */
static void add_route_cause(const struct route *route, const char *family, FILE *stream)
{
	char reason[ROUTE_REASON_MAX];

	if (route->state == ROUTE_REFUSED)
		(void)fprintf(stream, "the server's %s default route is refused: %s", family,
			route_reason(route, reason));
	else
		(void)fprintf(stream, "the server's %s default route is not in force: it is %s",
			family, route_text(route));
}

static void add_route_causes(const struct session *session, unsigned families, FILE *stream)
{
	static const char *const missing[] = {
		[HELD_BACK_IPV4] = "IPv4",
		[HELD_BACK_IPV6] = "IPv6",
		[HELD_BACK_IPV4 | HELD_BACK_IPV6] = "IPv4 and no IPv6",
	};
	const struct route *route4 = find_default(session, AF_INET);
	const struct route *route6 = find_default(session, AF_INET6);
	unsigned absent = families & ~(route4 ? (unsigned)HELD_BACK_IPV4 : 0) &
		~(route6 ? (unsigned)HELD_BACK_IPV6 : 0);
	const char *between = "";

	if (absent != HELD_BACK_NONE) {
		(void)fprintf(stream, "the server announces no %s default route", missing[absent]);
		between = "; ";
	}
	if (route4 && (families & HELD_BACK_IPV4) != 0) {
		(void)fputs(between, stream);
		add_route_cause(route4, "IPv4", stream);
		between = "; ";
	}
	if (route6 && (families & HELD_BACK_IPV6) != 0) {
		(void)fputs(between, stream);
		add_route_cause(route6, "IPv6", stream);
	}
}

const char *held_back_cause(const struct session *session, char out[static HELD_BACK_TEXT_MAX])
{
	unsigned families = held_back_families(session);
	FILE *stream;

	out[0] = '\0';
	if (families == HELD_BACK_NONE)
		return out;
	if (session->state != SESSION_UP)
		return session_cause(session, out);
	stream = fmemopen(out, HELD_BACK_TEXT_MAX, "w");
	if (!stream)
		return "the server's default routes are not in force";
	add_route_causes(session, families, stream);
	(void)fclose(stream);
	out[HELD_BACK_TEXT_MAX - 1] = '\0';
	return out;
}
