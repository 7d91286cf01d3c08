/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a route: in status, and in the log. */
#include <stdio.h>

#include "engine/routes.h"

const char *route_reason(const struct route *route, char out[static ROUTE_REASON_MAX])
{
	snprintf(out, ROUTE_REASON_MAX, "%s%s%s", route_verdict_text(route->verdict),
		route->words[0] ? ": " : "", route->words);
	return out;
}

const char *route_state_text(enum route_state state)
{
	switch (state) {
	case ROUTE_ABSENT:
		return "waiting";
	case ROUTE_ADDING:
		return "adding";
	case ROUTE_INSTALLED:
		return "installed";
	case ROUTE_DELETING:
		return "deleting";
	case ROUTE_REFUSED:
		return "refused";
	}
	return "unknown";
}

const char *route_text(const struct route *route)
{
	return route->state == ROUTE_INSTALLED && route->missing ? "missing"
								 : route_state_text(route->state);
}
