/* SPDX-License-Identifier: Apache-2.0 */
#include "client/leftovers.h"

#include "netd/dns.h"
#include "netd/full_tunnel.h"
#include "netd/held_routes.h"
#include "netd/kill_switch.h"
#include "system/netlink.h"

static void examine_kill_switch(struct findings *findings)
{
	struct kill_switch_left *list = NULL;
	struct problem problem;

	if (kill_switch_find_left(&list, &problem) < 0) {
		findings_add(findings, FINDING_NOTE, "kill_switch",
			"cannot check for a kill switch that was left: %s", problem.text);
		return;
	}
	if (!list)
		findings_add(findings, FINDING_OK, "kill_switch",
			"no kill switch is in force without its client");
	for (const struct kill_switch_left *left = list; left; left = left->next)
		finding_cure(
			findings_add(findings, FINDING_PROBLEM, "kill_switch",
				"the kill switch of %s is in force and %s is not running, so nothing leaves this host; start it again (culvert up %s), or remove the kill switch",
				left->profile.name, left->profile.name, left->profile.name),
			"culvert sweep %s", left->profile.name);
	kill_switch_left_free(list);
}

/* The engine itself reports, as full_tunnel, that its tunnel is down. */
static void examine_full_tunnel(struct findings *findings)
{
	struct netlink *netlink = NULL;
	struct problem problem;
	uint32_t table = 0;
	int r = netlink_open(&netlink, &problem);

	if (r == 0)
		r = full_tunnel_find_left(netlink, &table, &problem);
	netlink_close(netlink);
	if (r < 0)
		findings_add(findings, FINDING_NOTE, "leftover_rules",
			"cannot check for policy rules of a killed full tunnel: %s", problem.text);
	else if (table == 0)
		findings_add(findings, FINDING_OK, "leftover_rules",
			"no policy rule of a full tunnel is in force without its client");
	else
		finding_cure(
			findings_add(findings, FINDING_PROBLEM, "leftover_rules",
				"a killed full tunnel has left policy rules, and routes in table %u, so only `bypass` can be reached; start it again (culvert up), or remove them",
				table),
			"culvert sweep");
}

static void examine_held_routes(struct findings *findings)
{
	struct netlink *netlink = NULL;
	struct problem problem;
	int r = netlink_open(&netlink, &problem);

	if (r == 0)
		r = held_routes_find_left(netlink, &problem);
	netlink_close(netlink);
	if (r < 0)
		findings_add(findings, FINDING_NOTE, "leftover_routes",
			"cannot check for unreachable routes of a killed Culvert: %s",
			problem.text);
	else if (r == 0)
		findings_add(findings, FINDING_OK, "leftover_routes",
			"no unreachable route of a peer is left without its Culvert");
	else
		finding_cure(
			findings_add(findings, FINDING_PROBLEM, "leftover_routes",
				"a killed Culvert has left %d unreachable routes (ip route show table all proto %d) to networks of a peer that was not connected; start it again, or remove them",
				r, RTPROT_CULVERT_HELD),
			"culvert sweep");
}

static void examine_dns(struct findings *findings)
{
	const char *where = NULL;
	struct problem problem;
	int r = dns_find_left(&where, &problem);

	if (r < 0)
		findings_add(findings, FINDING_NOTE, "leftover_resolvers",
			"cannot check for resolvers of a killed tunnel: %s", problem.text);
	else if (!where)
		findings_add(findings, FINDING_OK, "leftover_resolvers",
			"no resolvers of a tunnel are in use without its client");
	else
		finding_cure(
			findings_add(findings, FINDING_PROBLEM, "leftover_resolvers",
				"a killed tunnel has left its resolvers in %s, which may answer through the tunnel alone; start it again (culvert up), or restore those from before",
				where),
			"culvert sweep");
}

void leftovers_examine(struct findings *findings)
{
	examine_kill_switch(findings);
	examine_full_tunnel(findings);
	examine_held_routes(findings);
	examine_dns(findings);
}
