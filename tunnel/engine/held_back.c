/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/held_back.h"

#include <stdio.h>

bool held_back_in_force(const struct session *session)
{
	const struct settings *settings = session->engine->settings;

	/* netd holds everything back before it makes the first interface. */
	return settings->role == SETTINGS_CLIENT && settings->full_tunnel &&
		!settings_is_elsewhere(settings) &&
		(session->connections > 0 || session->interface.queue_count > 0);
}

static bool has_default(const struct session *session, uint8_t family)
{
	for (size_t i = 0; i < session->routes.count; i++) {
		const struct route *route = &session->routes.items[i];

		if (route->prefix.len == 0 && route->prefix.addr.family == family &&
			route_in_use(route))
			return true;
	}
	return false;
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

const char *held_back_cause(const struct session *session, char out[static HELD_BACK_TEXT_MAX])
{
	static const char *const missing[] = {
		[HELD_BACK_NONE] = "",
		[HELD_BACK_IPV4] = "IPv4",
		[HELD_BACK_IPV6] = "IPv6",
		[HELD_BACK_IPV4 | HELD_BACK_IPV6] = "IPv4 and no IPv6",
	};
	unsigned families = held_back_families(session);

	if (families == HELD_BACK_NONE)
		out[0] = '\0';
	else if (session->state != SESSION_UP)
		(void)snprintf(out, HELD_BACK_TEXT_MAX, "the tunnel is not up");
	else
		(void)snprintf(out, HELD_BACK_TEXT_MAX, "the server offers no %s default route",
			missing[families]);
	return out;
}
