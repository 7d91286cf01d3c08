/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/netd_internal.h"

#include <string.h>

#include "base/array.h"
#include "base/container.h"
#include "base/log.h"
#include "netd/interface_routes.h"

/*
 * A reload has changed the settings: each module of netd follows them. Most read the settings
 * whenever they act, and need nothing here. What holds packets back is never lifted on the way to
 * settings that want it, too. netd's only thread.
 */

static struct netd *owner(struct reload *reload)
{
	return container_of(reload, struct netd, reload);
}

static void leave(struct reload *reload)
{
	struct netd *netd = owner(reload);

	listeners_stop(&netd->listeners);
	desired_state_forget_items(&netd->desired);
}

void netd_hold_items(struct netd *netd)
{
	/* What holds packets back comes first, and what only serves comfort last. */
	struct desired_item *const items[] = {
		&netd->kill_switch.item,
		&netd->full_tunnel.guard.item,
		&netd->full_tunnel.item,
		&netd->full_tunnel.reverse_path.item,
		&netd->answer_inbound.item,
		&netd->outer_path.item,
		&netd->nat.item,
		&netd->forwarding.item,
		&netd->dns.item,
		&netd->listeners.item,
	};

	netd->forwarding.interfaces = &netd->interfaces;
	listeners_start(&netd->listeners, netd->loop, &netd->engine_files);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		if (items[i]->look) /* else its module is not in use */
			desired_state_add(&netd->desired, items[i]);
	}
}

/* The one interface of a client, or NULL. */
static const struct interface *tunnel_of(const struct netd *netd)
{
	return netd->interfaces.first;
}

static int follow_kill_switch(
	struct netd *netd, const struct settings *before, struct problem *problem)
{
	const struct settings *now = netd->program->settings;
	const struct interface *tunnel = tunnel_of(netd);
	int r, opened;

	if (!now->kill_switch) {
		if (before->kill_switch)
			kill_switch_stop(&netd->kill_switch, true);
		return 0;
	}
	if (before->kill_switch)
		return kill_switch_settings_changed(&netd->kill_switch, problem);
	r = kill_switch_start(&netd->kill_switch, now, &netd->local_bridges, netd->loop, problem);
	if (!tunnel)
		return r;
	/* Also when it is not in force: a later attempt admits packets into the tunnel. */
	opened = kill_switch_open_for(&netd->kill_switch, tunnel->index, problem);
	return r < 0 ? r : opened;
}

/* Takes the routes of all interfaces from the kernel, while another table becomes theirs. */
static void lift_routes(struct netd *netd)
{
	for (struct interface *i = netd->interfaces.first; i; i = i->next)
		interface_routes_lift(&netd->interfaces, i);
}

static void restore_routes(struct netd *netd)
{
	struct problem problem;

	for (struct interface *i = netd->interfaces.first; i; i = i->next) {
		if (interface_routes_restore(&netd->interfaces, i, &problem) < 0)
			log_warning("%s: %s", i->now.peer.name, problem.text);
	}
	interfaces_leave(&netd->interfaces);
}

/*
 * Makes a split tunnel a full one. What packets go by meanwhile is held back by the firewall table.
 * Without an interface the next welcome does it all.
 */
static int begin_full_tunnel(struct netd *netd, struct problem *problem)
{
	const struct interface *tunnel = tunnel_of(netd);
	int r;

	if (!tunnel)
		return 0;
	lift_routes(netd);
	r = full_tunnel_enforce(&netd->full_tunnel, problem);
	if (r == 0)
		r = full_tunnel_follow(&netd->full_tunnel, tunnel, problem);
	restore_routes(netd);
	return r;
}

/* Makes a full tunnel a split one, of which a default route is no part. */
static void end_full_tunnel(struct netd *netd)
{
	lift_routes(netd);
	full_tunnel_lift(&netd->full_tunnel);
	netd_judge_routes_again(netd);
	restore_routes(netd);
}

static int follow_full_tunnel(
	struct netd *netd, const struct settings *before, struct problem *problem)
{
	const struct settings *now = netd->program->settings;

	netd->dns.full_tunnel = now->full_tunnel;
	if (!before->full_tunnel && now->full_tunnel)
		return begin_full_tunnel(netd, problem);
	if (before->full_tunnel && !now->full_tunnel)
		end_full_tunnel(netd);
	else
		full_tunnel_settings_changed(&netd->full_tunnel);
	return 0;
}

static bool answers(const struct settings *settings)
{
	return settings->answer_inbound && (settings->full_tunnel || settings->kill_switch);
}

static int follow_answer_inbound(
	struct netd *netd, const struct settings *before, struct problem *problem)
{
	const struct settings *now = netd->program->settings;

	if (answers(before) == answers(now))
		return 0;
	answer_inbound_stop(&netd->answer_inbound);
	return answer_inbound_start(&netd->answer_inbound, now, &netd->local_bridges, problem);
}

static int follow_nat(struct netd *netd, const struct settings *before, struct problem *problem)
{
	const struct settings *now = netd->program->settings;

	if (before->nat == now->nat && prefix_equal(&before->pool4, &now->pool4) &&
		prefix_equal(&before->pool6, &now->pool6))
		return 0;
	nat_stop(&netd->nat);
	return nat_start(&netd->nat, now, problem);
}

static int follow_tracked(struct netd *netd, const struct settings *before, struct problem *problem)
{
	const struct settings *now = netd->program->settings;

	if (!settings_tracks(before) && !settings_tracks(now))
		return 0;
	tracked_close(&netd->tracked);
	return tracked_open(
		&netd->tracked, netd->loop, now, &netd->interfaces, netd_tracked_changed, problem);
}

static void follow_forwarding(struct netd *netd, const struct settings *before)
{
	const struct settings *now = netd->program->settings;

	if (before->forwarding == now->forwarding) {
		forwarding_follow(&netd->forwarding);
		return;
	}
	forwarding_stop(&netd->forwarding);
	forwarding_start(&netd->forwarding, now, &netd->tracked, netd->netlink, SYSCTL_NET);
	for (const struct interface *i = netd->interfaces.first; i; i = i->next)
		forwarding_join(&netd->forwarding, i->name);
}

/* The first failure is the outcome of the reload; the log has all. */
static void note_failure(int r, const struct problem *problem, struct problem *lack)
{
	if (r < 0)
		log_error("a changed setting is not in force: %s", problem->text);
	if (r < 0 && lack->text[0] == '\0')
		*lack = *problem;
}

/* An entry with another name and the same certificate: the interface goes on under the new name. */
static void rename_peers(struct netd *netd, const struct settings *before)
{
	for (struct interface *i = netd->interfaces.first; i; i = i->next) {
		const struct settings_peer *entry = settings_find_renamed(
			before, netd->program->settings, &i->now.peer);

		if (entry)
			i->now.peer = entry->name;
	}
}

static void apply(struct reload *reload, const struct settings *before, struct problem *lack)
{
	struct netd *netd = owner(reload);
	struct problem problem = { .text = "" };

	rename_peers(netd, before);
	/* First what closes: a local bridge is let through only after that. */
	note_failure(follow_kill_switch(netd, before, &problem), &problem, lack);
	netd->requests.route_check.seen = 0; /* the routes were judged by other settings */
	note_failure(follow_full_tunnel(netd, before, &problem), &problem, lack);
	local_bridges_refresh(&netd->local_bridges);
	note_failure(follow_answer_inbound(netd, before, &problem), &problem, lack);
	note_failure(follow_nat(netd, before, &problem), &problem, lack);
	note_failure(follow_tracked(netd, before, &problem), &problem, lack);
	follow_forwarding(netd, before);
	issuer_process_renew(&netd->issuer);
	netd_hold_items(netd);
	outer_path_hold(&netd->outer_path);
	address_check_again(&netd->requests.address_check);
	netd->requests.route_check.seen = 0;
	netd_judge_routes_again(netd);
	(void)netd_tracked_changed(&netd->tracked);
	desired_state_interface_changed(&netd->desired);
	credential_files_follow(&netd->credential_files);
}

const struct reload_events netd_reload_events = { .leave = leave, .apply = apply };
