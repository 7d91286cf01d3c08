/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/netlink.h"
#include "system/netns.h"
#include "system/sysctl.h"
#include "system/tun.h"

struct host_addresses {
	struct netlink *netlink;       /* NULL: the kernel cannot be asked; the start finds it */
	struct netlink_address *items; /* allocated */
	size_t count;
};

static void host_addresses_open(struct host_addresses *addresses)
{
	struct problem problem = { 0 };

	*addresses = (struct host_addresses){ .netlink = NULL };
	if (netlink_open(&addresses->netlink, &problem) < 0 ||
		netlink_addresses(
			addresses->netlink, &addresses->items, &addresses->count, &problem) == 0)
		return;
	netlink_close(addresses->netlink);
	addresses->netlink = NULL;
}

static void host_addresses_close(struct host_addresses *addresses)
{
	if (addresses->netlink)
		netlink_close(addresses->netlink);
	free(addresses->items);
}

/* A host's own address (a /32, a /128) is no network, and may belong to this program. */
static bool is_network(const struct prefix *prefix)
{
	return prefix->len < 8 * addr_size(&prefix->addr);
}

/* Finds a network of this host whose addresses the pool would take. */
static void examine_overlap(const struct configuration *configuration, struct findings *findings,
	const char *key, const struct prefix *pool, const struct host_addresses *addresses)
{
	char text[ADDR_TEXT_MAX], network[ADDR_TEXT_MAX], name[IF_NAMESIZE];

	if (!addr_is_set(&pool->addr))
		return;
	for (size_t i = 0; i < addresses->count; i++) {
		const struct prefix *own = &addresses->items[i].prefix;
		struct problem problem = { 0 };

		if (!is_network(own) || !prefix_overlaps(own, pool) ||
			!if_indextoname(addresses->items[i].index, name))
			continue;
		prefix_format(pool, text);
		prefix_format(own, network);
		problem_set(&problem,
			"%s: %s overlaps the network of %s on %s, whose hosts may have the same "
			"addresses; choose another pool",
			key, text, network, name);
		configuration_find(configuration, findings, FINDING_WARNING, "pool", &problem);
		return;
	}
}

/* Peers with a network namespace of their own use the pool's addresses only there. */
static bool any_peer_is_here(const struct settings *settings)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (!settings->peers[i].netns[0])
			return true;
	}
	return settings->unlisted;
}

static void examine_overlaps(const struct configuration *configuration,
	const struct host_addresses *addresses, struct findings *findings)
{
	const struct settings *settings = configuration->settings;

	if (!any_peer_is_here(settings))
		return;
	examine_overlap(configuration, findings, "pool4", &settings->pool4, addresses);
	examine_overlap(configuration, findings, "pool6", &settings->pool6, addresses);
}

/*
 * Without root the device may be refused here and allowed at the start, so only root gets that
 * finding.
 */
static void examine_device(struct findings *findings)
{
	struct problem problem = { 0 };
	int r = tun_check_device(&problem);

	if (r < 0 && (r != -EACCES || geteuid() == 0))
		(void)findings_add(findings, FINDING_WARNING, "tun",
			"%s; no tunnel comes up until then", problem.text);
}

static bool has_network(const struct host_addresses *addresses, unsigned index)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct prefix *prefix = &addresses->items[i].prefix;

		if (addresses->items[i].index == index && is_network(prefix) &&
			!addr_is_link_local(&prefix->addr))
			return true;
	}
	return false;
}

/* Returns why nothing is announced for an interface, or NULL. */
static const char *why_nothing(const struct host_addresses *addresses, unsigned index)
{
	struct problem problem = { 0 };
	bool carries = true;

	if (!addresses->netlink)
		return NULL;
	if (!has_network(addresses, index))
		return "has no address with a network now";
	if (netlink_link_carries(addresses->netlink, index, &carries, &problem) == 0 && !carries)
		return "is down or has no carrier now";
	return NULL;
}

static void examine_announce(const struct configuration *configuration,
	const struct host_addresses *addresses, struct findings *findings)
{
	const struct announce_list *announce = &configuration->settings->announce;

	for (size_t i = 0; i < announce->count; i++) {
		const char *name = announce->items[i].interface, *why;
		struct problem problem = { 0 };
		unsigned index;

		if (!name[0])
			continue;
		index = if_nametoindex(name);
		why = index != 0 ? why_nothing(addresses, index) : NULL;
		if (index == 0)
			problem_set(&problem,
				"announce.[%zu].interface: this host has no interface %s now, so nothing is announced for it; `ip link` lists the interfaces",
				i, name);
		else if (why)
			problem_set(&problem,
				"announce.[%zu].interface: %s %s, so nothing is announced for it; `ip address show %s` shows it",
				i, name, why, name);
		else
			continue;
		configuration_find(configuration, findings, FINDING_WARNING, "announce", &problem);
	}
}

/*
 * A probe outside its prefix may be meant, such as that of the router on the way. Then it shows
 * less, and a mistyped one looks the same.
 */
static void examine_probes(const struct configuration *configuration, struct findings *findings)
{
	const struct announce_list *announce = &configuration->settings->announce;

	for (size_t i = 0; i < announce->count; i++) {
		const struct settings_announce *item = &announce->items[i];
		char prefix[ADDR_TEXT_MAX], target[ADDR_TEXT_MAX];
		struct problem problem = { 0 };

		if (!addr_is_set(&item->probe.addr) ||
			prefix_contains_addr(&item->prefix, &item->probe.addr))
			continue;
		problem_set(&problem,
			"announce.[%zu].probe: %s is not in %s: that it answers does not show that this network is alive",
			i, addr_format(&item->probe.addr, target),
			prefix_format(&item->prefix, prefix));
		configuration_find(configuration, findings, FINDING_NOTE, "probe", &problem);
	}
}

static void examine_netns(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;

	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		struct problem problem = { 0 };
		int fd;

		if (!peer->netns[0])
			continue;
		if (netns_open(peer->netns, &fd, &problem) == 0) {
			close(fd);
			continue;
		}
		if (settings->role == SETTINGS_SERVER)
			problem_prepend(&problem, "peers.[%zu].netns (%s)", i, peer->name.name);
		else
			problem_prepend(&problem, "netns");
		configuration_find(configuration, findings, FINDING_WARNING, "netns", &problem);
	}
}

/* A disabled family is switched off for each new interface: `default`, and `all` sets it. */
static void examine_ipv6(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	struct problem problem = { 0 };
	int off = 0, r;

	if (!addr_is_set(&settings->pool6.addr) || !any_peer_is_here(settings))
		return;
	r = sysctl_read(SYSCTL_NET, "ipv6/conf/default/disable_ipv6", &off);
	if (r == 0 && off == 0)
		return;
	problem_set(&problem,
		"pool6: IPv6 is disabled on this host, so tunnels carry IPv4 alone; %s, or remove pool6",
		r == 0 ? "enable it (sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0)"
		       : "start the kernel without ipv6.disable=1");
	configuration_find(configuration, findings, FINDING_WARNING, "ipv6", &problem);
}

void configuration_examine_host(
	const struct configuration *configuration, struct findings *findings)
{
	struct host_addresses addresses;

	host_addresses_open(&addresses);
	examine_overlaps(configuration, &addresses, findings);
	examine_ipv6(configuration, findings);
	examine_device(findings);
	examine_announce(configuration, &addresses, findings);
	examine_probes(configuration, findings);
	examine_netns(configuration, findings);
	host_addresses_close(&addresses);
}
