/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/kill_switch.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/identity.h"
#include "base/log.h"
#include "netd/answer_inbound.h"
#include "netd/closed_chains.h"
#include "netd/desired_state.h"
#include "netd/getting_an_address.h"
#include "netd/local_bridges_accept.h"
#include "netd/time_servers.h"
#include "system/process.h"

static const struct netlink_nft_rule loopback = { "accepts loopback",
	{ TERM_IS(OIF, NETLINK_NFT_LOOPBACK), TERM(ACCEPT) } };

/*
 * A connection that is being made ends at once with a reset, but with ICMP only at the second try.
 */
static const struct netlink_nft_rule refusals[] = {
	{ "resets connections", { TERM_IS(PROTOCOL, IPPROTO_TCP), TERM(COUNT), TERM(RESET) } },
	{ "refuses all else", { TERM(COUNT), TERM(REJECT) } },
};

/* ---- the two tables ---- */

static void add_outer(struct netlink_nft_batch *batch, const char *table, uint32_t mark,
	const struct endpoint *to)
{
	const struct netlink_nft_rule rule = { "accepts the connection to the server",
		{ TERM_IS(MARK, mark),
			{ .kind = NETLINK_NFT_DESTINATION, .prefix = prefix_host(&to->addr) },
			TERM_IS(PROTOCOL, IPPROTO_TCP), TERM_IS(TO_PORT, to->port),
			TERM(ACCEPT) } };

	netlink_nft_rule_add(batch, table, closed_output.name, &rule);
}

static void add_table(
	struct netlink_nft_batch *batch, const struct kill_switch *kill_switch, bool guard)
{
	const char *table = guard ? kill_switch->guard : kill_switch->table;
	const struct netlink_nft_rule to_tunnel = { "accepts packets to the tunnel",
		{ TERM_IS(OIF, kill_switch->tunnel), TERM(ACCEPT) } };
	const struct netlink_nft_rule from_tunnel = { "accepts packets from the tunnel",
		{ TERM_IS(IIF, kill_switch->tunnel), TERM(ACCEPT) } };

	/* The old table is deleted in the same transaction that makes the new one. */
	netlink_nft_table_add(batch, table, guard);
	netlink_nft_table_delete(batch, table);
	netlink_nft_table_add(batch, table, guard);
	netlink_nft_chain_add(batch, table, &closed_output);
	netlink_nft_chain_add(batch, table, &closed_forward);
	if (kill_switch->tunnel != 0) {
		netlink_nft_rule_add(batch, table, closed_output.name, &to_tunnel);
		netlink_nft_rule_add(batch, table, closed_forward.name, &to_tunnel);
		netlink_nft_rule_add(batch, table, closed_forward.name, &from_tunnel);
	}
	netlink_nft_rule_add(batch, table, closed_output.name, &loopback);
	local_bridges_accept(kill_switch->local, batch, table, closed_output.name);
	local_bridges_accept(kill_switch->local, batch, table, closed_forward.name);
	answer_inbound_accept(kill_switch->settings, batch, table, closed_output.name);
	answer_inbound_accept(kill_switch->settings, batch, table, closed_forward.name);
	for (size_t i = 0; i < kill_switch->outer_count; i++)
		add_outer(batch, table, kill_switch->mark, &kill_switch->outer[i]);
	time_servers_accept(kill_switch->settings, batch, table, closed_output.name);
	getting_an_address_accept(batch, table, closed_output.name);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		netlink_nft_rule_add(batch, table, closed_output.name, &refusals[i]);
		netlink_nft_rule_add(batch, table, closed_forward.name, &refusals[i]);
	}
}

/* Makes both tables as they have to be now, in one transaction. */
static int put(const struct kill_switch *kill_switch, struct problem *problem)
{
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	add_table(batch, kill_switch, true);
	add_table(batch, kill_switch, false);
	r = netlink_nft_commit(kill_switch->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

static int remove_table(struct netlink_nft *nft, const char *table, struct problem *problem)
{
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	/* The batch adds the table first, so that it succeeds when the table is gone already. */
	netlink_nft_table_add(batch, table, false);
	netlink_nft_table_delete(batch, table);
	r = netlink_nft_commit(nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

/* ---- changes by other programs ---- */

static void stop_watching(struct kill_switch *kill_switch)
{
	loop_watch_remove(kill_switch->loop, &kill_switch->watch);
	netlink_nft_monitor_close(kill_switch->monitor);
	kill_switch->monitor = NULL;
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct kill_switch *kill_switch = container_of(watch, struct kill_switch, watch);
	bool changed = false;
	int r = netlink_nft_monitor_read(kill_switch->monitor, kill_switch->table,
		netlink_nft_port(kill_switch->nft), &changed);

	(void)events;
	if (r < 0) {
		log_warning(
			"netd does not notice any more when a program removes the kill switch: %s; restart the client",
			error_text(r));
		stop_watching(kill_switch);
		return;
	}
	if (!changed)
		return;
	kill_switch->touched = true;
	desired_item_touched(&kill_switch->item);
}

/*
 * Without a monitor only a flush of the lasting table is not noticed, and the guard still holds
 * packets back.
 */
static void watch(struct kill_switch *kill_switch)
{
	struct problem problem;
	int r = netlink_nft_monitor_open(&kill_switch->monitor, &problem);

	if (r == 0) {
		r = loop_watch_add(kill_switch->loop, &kill_switch->watch,
			netlink_nft_monitor_fd(kill_switch->monitor), EPOLLIN, monitor_ready);
		if (r < 0)
			problem_set(&problem, "%s", error_text(r));
	}
	if (r < 0) {
		log_warning("netd does not notice when a program removes the kill switch: %s",
			problem.text);
		stop_watching(kill_switch);
	}
}

/* Puts it in force for the first time. On failure nothing is left of it. */
static int begin(struct kill_switch *kill_switch, struct problem *problem)
{
	int r = 0;

	if (!kill_switch->nft)
		r = netlink_nft_open(&kill_switch->nft, problem);
	if (r == 0)
		r = put(kill_switch, problem);
	if (r < 0) {
		problem_prepend(problem, "kill_switch = true");
		netlink_nft_close(kill_switch->nft);
		kill_switch->nft = NULL;
		return r;
	}
	kill_switch->item.meanwhile = "its second table holds packets back";
	watch(kill_switch);
	log_notice(
		"kill switch: nothing leaves this host except through the tunnel (firewall table %s)",
		kill_switch->table);
	return 0;
}

/* ---- the desired state ---- */

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct kill_switch *kill_switch = container_of(item, struct kill_switch, item);
	bool found;

	if (!kill_switch->nft && !kill_switch->wanted)
		return DESIRED_UNWANTED;
	(void)snprintf(sight->what, sizeof(sight->what), "table %s", kill_switch->table);
	if (!kill_switch->nft)
		return DESIRED_LOST;
	if (kill_switch->monitor)
		(void)snprintf(sight->writer, sizeof(sight->writer), "%s",
			netlink_nft_monitor_program(kill_switch->monitor));
	if (kill_switch->touched)
		return DESIRED_LOST;
	if (netlink_nft_has_table(kill_switch->nft, kill_switch->table, &found) < 0)
		return DESIRED_UNKNOWN;
	return found ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	struct kill_switch *kill_switch = container_of(item, struct kill_switch, item);
	bool begun = kill_switch->nft != NULL;
	int r = begun ? put(kill_switch, problem) : begin(kill_switch, problem);

	if (r == 0)
		kill_switch->touched = false;
	return r;
}

/* ---- functions for netd ---- */

static void add_endpoint(struct kill_switch *kill_switch, const char *host, uint16_t port)
{
	/* settings_check() has refused names. */
	if (endpoint_parse_host(host, port, &kill_switch->outer[kill_switch->outer_count]) == 0)
		kill_switch->outer_count++;
}

static void find_outer(struct kill_switch *kill_switch, const struct settings *settings)
{
	if (settings->proxy.kind != PROXY_NONE) {
		add_endpoint(kill_switch, settings->proxy.host, settings->proxy.port);
		return;
	}
	for (size_t i = 0; i < settings->remote_count; i++)
		add_endpoint(kill_switch, settings->remotes[i].host, settings->remotes[i].port);
}

static void name_tables(struct kill_switch *kill_switch, const char *profile)
{
	(void)snprintf(
		kill_switch->table, sizeof(kill_switch->table), KILL_SWITCH_TABLE "%s", profile);
	(void)snprintf(
		kill_switch->guard, sizeof(kill_switch->guard), KILL_SWITCH_GUARD "%s", profile);
}

int kill_switch_start(struct kill_switch *kill_switch, const struct settings *settings,
	const struct local_bridges *local, struct loop *loop, struct problem *problem)
{
	/* A contained command has no path out but its tunnel. */
	if (!settings->kill_switch || settings->contained) {
		kill_switch_stop(kill_switch, true);
		return 0;
	}
	*kill_switch = (struct kill_switch){ .loop = loop,
		.nft = kill_switch->nft,
		.tunnel = kill_switch->tunnel,
		.settings = settings,
		.wanted = true,
		.local = local,
		.watch.fd = -1,
		.mark = settings_mark(settings),
		.item = { .name = "firewall rules of the kill switch",
			.meanwhile = "nothing holds packets back",
			.look = look,
			.repair = repair } };
	find_outer(kill_switch, settings);
	name_tables(kill_switch, settings->name);
	return begin(kill_switch, problem);
}

int kill_switch_settings_changed(struct kill_switch *kill_switch, struct problem *problem)
{
	if (!kill_switch->wanted)
		return 0;
	kill_switch->outer_count = 0;
	find_outer(kill_switch, kill_switch->settings);
	return kill_switch->nft ? put(kill_switch, problem) : begin(kill_switch, problem);
}

int kill_switch_open_for(
	struct kill_switch *kill_switch, uint32_t interface, struct problem *problem)
{
	uint32_t before = kill_switch->tunnel;
	int r;

	if (!kill_switch->wanted || interface == before)
		return 0;
	kill_switch->tunnel = interface;
	if (!kill_switch->nft) /* for the next attempt */
		return 0;
	r = put(kill_switch, problem);
	if (r < 0) {
		problem_prepend(
			problem, "cannot change the kill switch to admit packets into the tunnel");
		kill_switch->tunnel = before;
	}
	return r;
}

void kill_switch_local_changed(struct kill_switch *kill_switch)
{
	struct problem problem;

	if (!kill_switch->nft || put(kill_switch, &problem) == 0)
		return;
	log_warning("kill switch: %s", problem.text);
	kill_switch->touched = true;
	desired_item_touched(&kill_switch->item);
}

void kill_switch_inherit(struct kill_switch *kill_switch, struct netlink_nft *nft,
	const char *profile, uint32_t tunnel)
{
	*kill_switch = (struct kill_switch){ .nft = nft, .tunnel = tunnel, .watch.fd = -1 };
	name_tables(kill_switch, profile);
}

void kill_switch_leave(struct kill_switch *kill_switch)
{
	kill_switch->wanted = false;
	if (!kill_switch->nft)
		return;
	stop_watching(kill_switch);
	netlink_nft_close(kill_switch->nft);
	kill_switch->nft = NULL;
}

void kill_switch_log_stays(const char *profile)
{
	log_warning(
		"the kill switch stays in force: nothing leaves this host; start culvert again, or remove the kill switch: culvert sweep %s",
		profile);
}

void kill_switch_stop(struct kill_switch *kill_switch, bool lift)
{
	struct problem problem;

	kill_switch->wanted = false;
	if (!kill_switch->nft)
		return;
	stop_watching(kill_switch);
	if (!lift)
		kill_switch_log_stays(kill_switch->table + strlen(KILL_SWITCH_TABLE));
	else if (remove_table(kill_switch->nft, kill_switch->table, &problem) == 0)
		log_notice("the kill switch is removed");
	else
		log_error(
			"cannot remove the kill switch: %s; nothing leaves this host until culvert sweep %s removes it",
			problem.text, kill_switch->table + strlen(KILL_SWITCH_TABLE));
	netlink_nft_close(kill_switch->nft); /* the guard disappears with the socket */
	kill_switch->nft = NULL;
}

/* ---- leftovers ---- */

struct tables {
	char (*names)[NETLINK_NFT_NAME_MAX + 1];
	size_t count;
	bool failed; /* out of memory */
};

static void on_table(void *context, const char *table)
{
	struct tables *tables = context;
	void *larger = reallocarray(tables->names, tables->count + 1, sizeof(*tables->names));

	if (!larger) {
		tables->failed = true;
		return;
	}
	tables->names = larger;
	(void)snprintf(tables->names[tables->count++], sizeof(*tables->names), "%s", table);
}

/* Finds the profile of a table. -EINVAL: it is not a kill switch's. */
static int profile_of(const char *table, struct identity *ret_profile)
{
	size_t len = strlen(KILL_SWITCH_TABLE);

	if (strncmp(table, KILL_SWITCH_TABLE, len) != 0)
		return -EINVAL;
	return identity_set(ret_profile, &table[len], strlen(&table[len]));
}

static bool is_running(const struct tables *tables, const char *profile)
{
	char guard[KILL_SWITCH_TABLE_SIZE];

	(void)snprintf(guard, sizeof(guard), KILL_SWITCH_GUARD "%s", profile);
	for (size_t i = 0; i < tables->count; i++) {
		if (strcmp(tables->names[i], guard) == 0)
			return true;
	}
	return false;
}

/* The caller frees tables->names, also after an error. */
static int list_tables(struct netlink_nft *nft, struct tables *tables, struct problem *problem)
{
	int r = netlink_nft_tables(nft, on_table, tables, problem);

	if (r == 0 && tables->failed) {
		problem_set(problem, "out of memory");
		r = -ENOMEM;
	}
	return r;
}

static int sweep_tables(struct netlink_nft *nft, const struct tables *tables, const char *name,
	FILE *out, unsigned *removed, struct problem *problem)
{
	struct identity profile;
	int r = 0;

	for (size_t i = 0; i < tables->count && r == 0; i++) {
		if (profile_of(tables->names[i], &profile) < 0 ||
			(name && strcmp(name, profile.name) != 0))
			continue;
		if (!is_running(tables, profile.name)) {
			r = remove_table(nft, tables->names[i], problem);
			if (r == 0) {
				(void)fprintf(
					out, "%s: the kill switch is removed\n", profile.name);
				(*removed)++;
			}
		} else if (name) {
			problem_set(problem,
				"%s is running, and its kill switch with it; culvert down %s ends "
				"both",
				name, name);
			r = -EBUSY;
		}
	}
	return r;
}

static int add_left(struct kill_switch_left **list, const struct identity *profile)
{
	struct kill_switch_left *left = malloc(sizeof(*left));

	if (!left)
		return -ENOMEM;
	*left = (struct kill_switch_left){ .profile = *profile, .next = *list };
	*list = left;
	return 0;
}

void kill_switch_left_free(struct kill_switch_left *left)
{
	while (left) {
		struct kill_switch_left *next = left->next;

		free(left);
		left = next;
	}
}

int kill_switch_find_left(struct kill_switch_left **ret_left, struct problem *problem)
{
	struct kill_switch_left *list = NULL;
	struct tables tables = { .names = NULL };
	struct netlink_nft *nft = NULL;
	struct identity profile;
	int r;

	if (!process_has_capability(CAP_NET_ADMIN)) {
		problem_set(
			problem, "reading firewall tables needs CAP_NET_ADMIN; run this as root");
		return -EPERM;
	}
	r = netlink_nft_open(&nft, problem);
	if (r < 0 && r != -EPROTONOSUPPORT)
		return r;
	if (r == 0)
		r = list_tables(nft, &tables, problem);
	else
		r = 0; /* a kernel without nf_tables has no leftovers */
	for (size_t i = 0; i < tables.count && r == 0; i++) {
		if (profile_of(tables.names[i], &profile) == 0 &&
			!is_running(&tables, profile.name))
			r = add_left(&list, &profile);
	}
	free(tables.names);
	netlink_nft_close(nft);
	if (r == 0)
		*ret_left = list;
	else
		kill_switch_left_free(list);
	return r;
}

int kill_switch_sweep(const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	struct tables tables = { .names = NULL };
	struct netlink_nft *nft;
	int r = netlink_nft_open(&nft, problem);

	if (r == -EPROTONOSUPPORT)
		return 0; /* a kernel without nf_tables has no leftovers */
	if (r < 0)
		return r;
	r = list_tables(nft, &tables, problem);
	if (r == 0)
		r = sweep_tables(nft, &tables, name, out, removed, problem);
	free(tables.names);
	netlink_nft_close(nft);
	return r;
}

/* ---- functions for the programs before netd ---- */

/*
 * Makes the lasting table alone: the guard would disappear with this socket, before netd has its
 * own.
 */
static int put_lasting(const struct kill_switch *kill_switch, struct problem *problem)
{
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	add_table(batch, kill_switch, false);
	r = netlink_nft_commit(kill_switch->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

int kill_switch_close(const char *profile, bool *ret_closed, struct problem *problem)
{
	struct kill_switch kill_switch = { .tunnel = 0 };
	struct tables tables = { .names = NULL };
	bool running = false;
	int r = netlink_nft_open(&kill_switch.nft, problem);

	if (r == 0) {
		name_tables(&kill_switch, profile);
		r = list_tables(kill_switch.nft, &tables, problem);
	}
	if (r == 0) {
		running = is_running(&tables, profile);
		if (!running)
			r = put_lasting(&kill_switch, problem);
	}
	free(tables.names);
	netlink_nft_close(kill_switch.nft);
	if (r < 0)
		problem_prepend(problem, "kill_switch = true");
	else
		*ret_closed = !running;
	return r;
}
