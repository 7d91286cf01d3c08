/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ssh_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "netd/local_bridges.h"
#include "system/netlink_lookup.h"

/* Reads the first word, "ADDRESS" or "ADDRESS%LINK". */
static bool read_caller(const char *connection, struct addr *ret_addr)
{
	char text[ADDR_TEXT_MAX];
	size_t len = connection ? strcspn(connection, " %") : 0;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, connection, len);
	text[len] = '\0';
	return addr_parse(text, ret_addr) == 0 && !addr_is_loopback(ret_addr);
}

static bool is_bypassed(const struct settings *settings, const struct addr *addr)
{
	for (size_t i = 0; i < settings->bypass.count && !settings->kill_switch; i++) {
		if (prefix_contains_addr(&settings->bypass.items[i], addr))
			return true;
	}
	return false;
}

bool ssh_session_is_cut(
	const struct settings *settings, const char *connection, struct problem *ret_warning)
{
	const char *what = settings->kill_switch ? "kill switch" : "full tunnel";
	char text[ADDR_TEXT_MAX], bypass[ADDR_TEXT_MAX + 32] = "";
	struct addr caller;
	struct prefix host;

	if ((!settings->full_tunnel && !settings->kill_switch) || settings->answer_inbound ||
		settings_is_elsewhere(settings) || !read_caller(connection, &caller) ||
		is_bypassed(settings, &caller))
		return false;
	if (!settings->kill_switch) {
		host = prefix_host(&caller);
		(void)snprintf(bypass, sizeof(bypass), " or bypass = [ \"%s\" ];",
			prefix_format(&host, text));
	}
	problem_set(ret_warning,
		"this session comes by SSH from %s, which the %s cuts off: the session stalls, and this host cannot be reached from there any more; to prevent that, add to the profile: answer_inbound = true;%s",
		addr_format(&caller, text), what, bypass);
	return true;
}

/* A container of this host may be the caller. */
static bool is_local(const struct settings *settings, const struct addr *caller)
{
	struct netlink *netlink;
	struct netlink_way way;
	bool local;

	if (!settings->bypass_local_bridges || netlink_open(&netlink, NULL) < 0)
		return false;
	local = netlink_lookup(netlink, caller, &way, NULL) == 0 &&
		(way.local || local_bridges_ask(netlink, way.index));
	netlink_close(netlink);
	return local;
}

void ssh_session_warn(const struct settings *settings)
{
	const char *connection = getenv("SSH_CONNECTION");
	struct problem warning;
	struct addr caller;

	if (ssh_session_is_cut(settings, connection, &warning) &&
		read_caller(connection, &caller) && !is_local(settings, &caller))
		log_warning("%s", warning.text);
}
