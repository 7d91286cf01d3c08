/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/answer_inbound.h"

#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/closed_chains.h"
#include "netd/interfaces.h"
#include "system/sysctl.h"

#define FWMARK_ACCEPT "ipv4/tcp_fwmark_accept"

/* After connection tracking, and before the decision where a packet goes. */
static const struct netlink_nft_chain prerouting = {
	.name = "prerouting", .hook = NETLINK_NFT_PREROUTING, .priority = NF_IP_PRI_MANGLE
};
static const struct netlink_nft_chain input = {
	.name = "input", .hook = NETLINK_NFT_INPUT, .priority = NF_IP_PRI_MANGLE
};
static const struct netlink_nft_chain forward = {
	.name = "forward", .hook = NETLINK_NFT_FORWARD, .priority = NF_IP_PRI_MANGLE
};
static const struct netlink_nft_chain output = {
	.name = "output", .hook = NETLINK_NFT_OUTPUT, .priority = NF_IP_PRI_MANGLE, .reroute = true
};

static const struct netlink_nft_rule from_tunnels = { "leaves calls from tunnels alone",
	{ TERM_IS(IIF_GROUP, INTERFACES_GROUP), TERM(ACCEPT) } };
static const struct netlink_nft_rule from_loopback = { "leaves loopback alone",
	{ TERM_IS(IIF, NETLINK_NFT_LOOPBACK), TERM(ACCEPT) } };
/* A connection that another program has marked is that program's. */
static const struct netlink_nft_rule call = { "marks connections from outside",
	{ TERM(CT_NEW), TERM_IS(CT_MARK, 0), TERM_IS(SET_CT_MARK, SETTINGS_MARK_INBOUND) } };
static const struct netlink_nft_rule of_call = { "marks packets of connections from outside",
	{ TERM_IS(CT_MARK, SETTINGS_MARK_INBOUND), TERM_IS(SET_MARK, SETTINGS_MARK_INBOUND) } };
static const struct netlink_nft_rule answer_to_call = { "marks answers to the outside",
	{ TERM_IS(CT_MARK, SETTINGS_MARK_INBOUND), TERM(CT_REPLY),
		TERM_IS(SET_MARK, SETTINGS_MARK_INBOUND) } };
static const struct netlink_nft_rule accept_answer = { "accepts answers to the outside",
	{ TERM_IS(CT_MARK, SETTINGS_MARK_INBOUND), TERM(CT_REPLY), TERM(ACCEPT) } };

void answer_inbound_accept(const struct settings *settings, struct netlink_nft_batch *batch,
	const char *table, const char *chain)
{
	if (settings && settings->answer_inbound)
		netlink_nft_rule_add(batch, table, chain, &accept_answer);
}

/* ---- the table ---- */

/* Calls each(link) once for each link of local bridges, which are sorted. */
static void for_each_link(const struct answer_inbound *answer, struct netlink_nft_batch *batch,
	void (*each)(const struct answer_inbound *answer, struct netlink_nft_batch *batch,
		uint32_t link))
{
	const struct local_bridges *local = answer->local;

	for (size_t i = 0; i < local->count; i++) {
		if (i == 0 || local->networks[i].link != local->networks[i - 1].link)
			each(answer, batch, local->networks[i].link);
	}
}

static void leave_local_alone(
	const struct answer_inbound *answer, struct netlink_nft_batch *batch, uint32_t link)
{
	const struct netlink_nft_rule rule = { "leaves local bridges alone",
		{ TERM_IS(IIF, link), TERM(ACCEPT) } };

	netlink_nft_rule_add(batch, answer->table, input.name, &rule);
	netlink_nft_rule_add(batch, answer->table, forward.name, &rule);
}

/* Of a published port: the call is passed on to a container. */
static void mark_calls_to(
	const struct answer_inbound *answer, struct netlink_nft_batch *batch, uint32_t link)
{
	const struct netlink_nft_rule rule = { "marks connections to local bridges",
		{ TERM_IS(OIF, link), TERM(CT_NEW), TERM_IS(CT_MARK, 0),
			TERM_IS(SET_CT_MARK, SETTINGS_MARK_INBOUND) } };

	netlink_nft_rule_add(batch, answer->table, forward.name, &rule);
}

static void fill_table(const struct answer_inbound *answer, struct netlink_nft_batch *batch)
{
	static const struct netlink_nft_chain *const chains[] = { &prerouting, &input, &forward,
		&output };
	const char *table = answer->table;

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		netlink_nft_chain_add(batch, table, chains[i]);
	netlink_nft_rule_add(batch, table, prerouting.name, &from_tunnels);
	netlink_nft_rule_add(batch, table, prerouting.name, &of_call);
	netlink_nft_rule_add(batch, table, input.name, &from_tunnels);
	netlink_nft_rule_add(batch, table, input.name, &from_loopback);
	netlink_nft_rule_add(batch, table, forward.name, &from_tunnels);
	for_each_link(answer, batch, leave_local_alone);
	netlink_nft_rule_add(batch, table, input.name, &call);
	netlink_nft_rule_add(batch, table, input.name, &of_call);
	for_each_link(answer, batch, mark_calls_to);
	netlink_nft_rule_add(batch, table, output.name, &answer_to_call);
}

static int put(const struct answer_inbound *answer, struct problem *problem)
{
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	/* The old table is deleted in the same transaction that makes the new one. */
	netlink_nft_table_add(batch, answer->table, true);
	netlink_nft_table_delete(batch, answer->table);
	netlink_nft_table_add(batch, answer->table, true);
	fill_table(answer, batch);
	r = netlink_nft_commit(answer->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

/* ---- the desired state ---- */

static bool accepts_marks(void)
{
	int value = 0;

	return sysctl_read(SYSCTL_NET, FWMARK_ACCEPT, &value) == 0 && value != 0;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct answer_inbound *answer = container_of(item, struct answer_inbound, item);
	bool found;

	if (!answer->nft)
		return DESIRED_UNWANTED;
	(void)snprintf(sight->what, sizeof(sight->what), "net.ipv4.tcp_fwmark_accept");
	if (!accepts_marks())
		return DESIRED_LOST;
	if (netlink_nft_has_table(answer->nft, answer->table, &found) < 0)
		return DESIRED_UNKNOWN;
	(void)snprintf(sight->what, sizeof(sight->what), "table %s", answer->table);
	return found ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int switch_on(struct problem *problem)
{
	int r = sysctl_write(SYSCTL_NET, FWMARK_ACCEPT, 1);

	if (r < 0)
		problem_set(problem, "cannot set net.ipv4.tcp_fwmark_accept: %s", error_text(r));
	return r;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	struct answer_inbound *answer = container_of(item, struct answer_inbound, item);
	int r = put(answer, problem);

	return r < 0 ? r : switch_on(problem);
}

/* ---- functions for netd ---- */

static bool is_wanted(const struct settings *settings)
{
	return settings->role == SETTINGS_CLIENT && settings->answer_inbound &&
		(settings->full_tunnel || settings->kill_switch) &&
		!settings_is_elsewhere(settings);
}

int answer_inbound_start(struct answer_inbound *answer, const struct settings *settings,
	const struct local_bridges *local, struct problem *problem)
{
	int r = 0;

	if (!is_wanted(settings)) {
		answer_inbound_stop(answer);
		return 0;
	}
	*answer = (struct answer_inbound){ .settings = settings,
		.nft = answer->nft,
		.switched = answer->switched,
		.local = local,
		.item = { .name = "firewall rules of answer_inbound",
			.meanwhile = "calls from outside are not answered",
			.look = look,
			.repair = repair } };
	(void)snprintf(answer->table, sizeof(answer->table), "culvert-inbound-%s", settings->name);
	if (!answer->nft)
		r = netlink_nft_open(&answer->nft, problem);
	if (r == 0)
		r = put(answer, problem);
	if (r < 0) {
		problem_prepend(problem, "answer_inbound = true");
		answer_inbound_stop(answer);
		return r;
	}
	if (!accepts_marks()) {
		answer->switched = true;
		if (switch_on(problem) < 0)
			log_warning(
				"answer_inbound: %s; calls that come while the tunnel is down are not answered",
				problem->text);
	}
	log_notice("answers to calls from outside leave where these came in (firewall table %s)",
		answer->table);
	return 0;
}

void answer_inbound_local_changed(struct answer_inbound *answer)
{
	struct problem problem;

	if (answer->nft && put(answer, &problem) < 0)
		log_warning("answer_inbound: %s", problem.text);
}

void answer_inbound_stop(struct answer_inbound *answer)
{
	netlink_nft_close(answer->nft); /* the table disappears with the socket */
	answer->nft = NULL;
	if (answer->switched)
		(void)sysctl_write(SYSCTL_NET, FWMARK_ACCEPT, 0);
	answer->switched = false;
}
