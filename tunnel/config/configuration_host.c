/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/netlink.h"
#include "system/netns.h"
#include "system/tun.h"

/* Finds a network of this host whose addresses the pool would take. */
static void examine_overlap(const struct configuration *configuration, struct findings *findings,
	const char *key, const struct prefix *pool, const struct netlink_address *addresses,
	size_t count)
{
	char text[ADDR_TEXT_MAX], network[ADDR_TEXT_MAX], name[IF_NAMESIZE];

	if (!addr_is_set(&pool->addr))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct prefix *own = &addresses[i].prefix;
		struct problem problem = { 0 };

		/*
		 * A host's own address (a /32, a /128) is no network, and may belong to this
		 * program.
		 */
		if (own->len >= 8 * addr_size(&own->addr) || !prefix_overlaps(own, pool) ||
			!if_indextoname(addresses[i].index, name))
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

/* If the kernel cannot be asked, there is no finding: the start fails and logs it. */
static void examine_overlaps(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	struct netlink_address *addresses;
	struct problem problem = { 0 };
	struct netlink *netlink;
	size_t count;

	if (!any_peer_is_here(settings) || netlink_open(&netlink, &problem) < 0)
		return;
	if (netlink_addresses(netlink, &addresses, &count, &problem) == 0) {
		examine_overlap(
			configuration, findings, "pool4", &settings->pool4, addresses, count);
		examine_overlap(
			configuration, findings, "pool6", &settings->pool6, addresses, count);
		free(addresses);
	}
	netlink_close(netlink);
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

static void examine_announce(const struct configuration *configuration, struct findings *findings)
{
	const struct announce_list *announce = &configuration->settings->announce;

	for (size_t i = 0; i < announce->count; i++) {
		const char *name = announce->items[i].interface;
		struct problem problem = { 0 };

		if (!name[0] || if_nametoindex(name) != 0)
			continue;
		problem_set(&problem,
			"announce.[%zu].interface: this host has no interface %s now, so nothing is "
			"announced for it; `ip link` lists the interfaces",
			i, name);
		configuration_find(configuration, findings, FINDING_WARNING, "announce", &problem);
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

void configuration_examine_host(const struct configuration *configuration,
	enum configuration_purpose purpose, struct findings *findings)
{
	(void)purpose;
	examine_overlaps(configuration, findings);
	examine_device(findings);
	examine_announce(configuration, findings);
	examine_netns(configuration, findings);
}
