/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/full_tunnel_bequest.h"

#include <string.h>

#include "base/array.h"
#include "base/fingerprint.h"

uint64_t full_tunnel_fingerprint(const struct settings *settings)
{
	uint32_t mark = settings_mark(settings);
	uint64_t sum = fingerprint_add(FINGERPRINT_OF_NOTHING, &mark, sizeof(mark));

	sum = fingerprint_add(sum, &settings->answer_inbound, sizeof(settings->answer_inbound));
	for (size_t i = 0; i < settings->bypass.count; i++) {
		char text[ADDR_TEXT_MAX];
		const char *prefix = prefix_format(&settings->bypass.items[i], text);

		sum = fingerprint_add(sum, prefix, strlen(prefix) + 1);
	}
	for (size_t i = 0; i < settings->kill_switch_time_count; i++) {
		char text[ADDR_TEXT_MAX];
		const char *server = addr_format(&settings->kill_switch_time[i], text);

		sum = fingerprint_add(sum, server, strlen(server) + 1);
	}
	return sum;
}

void full_tunnel_bequeath(
	const struct full_tunnel *full_tunnel, struct bequest_full_tunnel *ret_bequest)
{
	const struct full_tunnel_guard *guard = &full_tunnel->guard;
	const struct reverse_path *reverse_path = &full_tunnel->reverse_path;
	struct bequest_full_tunnel *out = ret_bequest;

	out->in_force = full_tunnel->in_force;
	out->without6 = full_tunnel->without6;
	out->number = full_tunnel->number;
	out->rules = full_tunnel_fingerprint(full_tunnel->settings);
	out->peer4 = full_tunnel->peers[0].prefix.addr;
	out->peer6 = full_tunnel->peers[1].prefix.addr;
	out->peer_index = full_tunnel->peers[0].index;
	out->routed_count = full_tunnel->routed_count;
	memcpy(out->routed, full_tunnel->routed, sizeof(out->routed));
	/* More links than that can only stay as they are. */
	out->relaxed_count = reverse_path->count < BEQUEST_RELAXED_MAX ? reverse_path->count
								       : BEQUEST_RELAXED_MAX;
	if (out->relaxed_count > 0)
		memcpy(out->relaxed, reverse_path->saved,
			out->relaxed_count * sizeof(out->relaxed[0]));
	out->guarded_by_rules = guard->rules;
	out->guard_index = guard->index;
	out->guard4 = guard->local4;
	out->guard6 = guard->local6;
}

void full_tunnel_recall(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest)
{
	struct full_tunnel_guard *guard = &full_tunnel->guard;
	const struct addr *const peers[] = { &bequest->peer4, &bequest->peer6 };

	full_tunnel->claimed = full_tunnel->in_force = true;
	full_tunnel->without6 = bequest->without6;
	full_tunnel->number = bequest->number;
	full_tunnel->interfaces->table = FULL_TUNNEL_FIRST + bequest->number;
	full_tunnel->routed_count = bequest->routed_count;
	memcpy(full_tunnel->routed, bequest->routed, sizeof(full_tunnel->routed));
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		full_tunnel->peers[i] = (struct netlink_route){ .index = bequest->peer_index,
			.priority = 1,
			.table = FULL_TUNNEL_FIRST + bequest->number };
		if (addr_is_set(peers[i]))
			full_tunnel->peers[i].prefix = prefix_host(peers[i]);
	}
	guard->rules = bequest->guarded_by_rules;
	guard->index = bequest->guard_index;
	guard->local4 = bequest->guard4;
	guard->local6 = bequest->guard6;
}
