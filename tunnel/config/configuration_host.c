/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "config/conf.h"
#include "system/netlink.h"
#include "system/netns.h"
#include "system/tun.h"

/* `problem` begins with the key. */
static void warn(const struct configuration *configuration, struct problem *problem)
{
	conf_locate(configuration->text, configuration->len, configuration->path, problem);
	log_warning("%s", problem->text);
}

/* Warns of a pool that clients refuse by default. */
static void warn_of_pool(
	const struct configuration *configuration, const char *key, const struct prefix *pool)
{
	struct problem problem = { 0 };
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(&pool->addr) || settings_is_private(pool))
		return;
	prefix_format(pool, text);
	problem_set(&problem,
		"%s: %s is outside the private ranges, so clients refuse its addresses unless "
		"each profile has the line: tunnel_addresses = [ \"%s\" ];",
		key, text, text);
	warn(configuration, &problem);
}

/* Warns of a network of this host whose addresses the pool would take. */
static void warn_of_overlap(const struct configuration *configuration, const char *key,
	const struct prefix *pool, const struct netlink_address *addresses, size_t count)
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
		warn(configuration, &problem);
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
	return false;
}

/* If the kernel cannot be asked, nothing is logged here: the start fails and logs it. */
static void warn_of_overlaps(const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;
	struct netlink_address *addresses;
	struct problem problem = { 0 };
	struct netlink *netlink;
	size_t count;

	if (!any_peer_is_here(settings) || netlink_open(&netlink, &problem) < 0)
		return;
	if (netlink_addresses(netlink, &addresses, &count, &problem) == 0) {
		warn_of_overlap(configuration, "pool4", &settings->pool4, addresses, count);
		warn_of_overlap(configuration, "pool6", &settings->pool6, addresses, count);
		free(addresses);
	}
	netlink_close(netlink);
}

static void warn_of_server(const struct configuration *configuration)
{
	struct problem problem = { 0 };

	warn_of_pool(configuration, "pool4", &configuration->settings->pool4);
	warn_of_pool(configuration, "pool6", &configuration->settings->pool6);
	warn_of_overlaps(configuration);
	if (configuration->settings->peer_count > 0)
		return;
	problem_set(&problem,
		"peers: the list is empty, so no peer is admitted; add an entry for each certificate, such as { name = \"gw-a\"; }");
	warn(configuration, &problem);
}

/*
 * Without root the device may be refused here and allowed at the start, so only root is warned of
 * that.
 */
static void warn_of_device(void)
{
	struct problem problem = { 0 };
	int r = tun_check_device(&problem);

	if (r < 0 && (r != -EACCES || geteuid() == 0))
		log_warning("%s; no tunnel comes up until then", problem.text);
}

static void warn_of_announce(const struct configuration *configuration)
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
		warn(configuration, &problem);
	}
}

void configuration_warn(const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;

	if (settings->role == SETTINGS_SERVER)
		warn_of_server(configuration);
	warn_of_device();
	warn_of_announce(configuration);
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
		warn(configuration, &problem);
	}
}
