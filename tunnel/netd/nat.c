/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/nat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/log.h"
#include "netd/interfaces.h"

static const struct netlink_nft_chain postrouting = {
	.name = "postrouting",
	.hook = NETLINK_NFT_POSTROUTING,
	.priority = NF_IP_PRI_NAT_SRC,
	.nat = true,
};

static const struct netlink_nft_rule untouched[] = {
	{ "leaves loopback alone",
		{ { .kind = NETLINK_NFT_OIF, .value = NETLINK_NFT_LOOPBACK },
			{ .kind = NETLINK_NFT_ACCEPT } } },
	{ "leaves tunnels alone",
		{ { .kind = NETLINK_NFT_OIF_GROUP, .value = INTERFACES_GROUP },
			{ .kind = NETLINK_NFT_ACCEPT } } },
};

static void add_pool(struct netlink_nft_batch *batch, const char *table, const struct prefix *pool)
{
	struct netlink_nft_rule rule = { "masquerades a pool",
		{ { .kind = NETLINK_NFT_SOURCE, .prefix = *pool }, { .kind = NETLINK_NFT_COUNT },
			{ .kind = NETLINK_NFT_MASQUERADE } } };

	if (addr_is_set(&pool->addr))
		netlink_nft_rule_add(batch, table, postrouting.name, &rule);
}

static int make_table(const struct nat *nat, struct problem *problem)
{
	const struct settings *settings = nat->settings;
	struct netlink_nft_batch *batch;
	int r = netlink_nft_batch_new(&batch);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	/* The old table is deleted in the same transaction that makes the new one. */
	netlink_nft_table_add(batch, nat->table, true);
	netlink_nft_table_delete(batch, nat->table);
	netlink_nft_table_add(batch, nat->table, true);
	netlink_nft_chain_add(batch, nat->table, &postrouting);
	for (size_t i = 0; i < ARRAY_SIZE(untouched); i++)
		netlink_nft_rule_add(batch, nat->table, postrouting.name, &untouched[i]);
	add_pool(batch, nat->table, &settings->pool4);
	add_pool(batch, nat->table, &settings->pool6);
	r = netlink_nft_commit(nat->nft, batch, problem);
	netlink_nft_batch_free(batch);
	return r;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct nat *nat = container_of(item, struct nat, item);
	bool found;

	if (!nat->nft)
		return DESIRED_UNWANTED;
	if (netlink_nft_has_table(nat->nft, nat->table, &found) < 0)
		return DESIRED_UNKNOWN;
	(void)snprintf(sight->what, sizeof(sight->what), "table %s", nat->table);
	return found ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	return make_table(container_of(item, struct nat, item), problem);
}

/* Gives no warning when the setting cannot be read. */
static void warn_if_off(const struct prefix *pool, const char *family, const char *setting)
{
	char path[128], value = '1';
	int fd;

	if (!addr_is_set(&pool->addr))
		return;
	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", setting);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, &value, 1) == 1 && value == '0')
		log_warning(
			"nat = true, but this host forwards no %s packets; switch it on: sysctl -w net/%s=1",
			family, setting);
	close(fd);
}

int nat_start(struct nat *nat, const struct settings *settings, struct problem *problem)
{
	int r = 0;

	if (!settings->nat) {
		nat_stop(nat);
		return 0;
	}
	nat->settings = settings;
	nat->item = (struct desired_item){ .name = "firewall rules of nat",
		.meanwhile = "packets of the pools leave with their own addresses",
		.look = look,
		.repair = repair };
	(void)snprintf(nat->table, sizeof(nat->table), "culvert-nat-%s", settings->name);
	if (!nat->nft)
		r = netlink_nft_open(&nat->nft, problem);
	if (r == 0)
		r = make_table(nat, problem);
	if (r < 0) {
		problem_prepend(problem, "nat = true");
		nat_stop(nat);
		return r;
	}
	log_info("addresses of the pools are masqueraded: firewall table %s", nat->table);
	if (settings->forwarding) /* netd/forwarding switches it on, or warns */
		return 0;
	warn_if_off(&settings->pool4, "IPv4", "ipv4/ip_forward");
	warn_if_off(&settings->pool6, "IPv6", "ipv6/conf/all/forwarding");
	return 0;
}

void nat_stop(struct nat *nat)
{
	netlink_nft_close(nat->nft);
	nat->nft = NULL;
}
