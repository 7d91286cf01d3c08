/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/configuration.h"

#include <unistd.h>

#include "base/log.h"
#include "system/conf.h"
#include "system/netns.h"

/* A pool that clients refuse by default. */
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
	conf_locate(configuration->text, configuration->len, configuration->path, &problem);
	log_warning("%s", problem.text);
}

void configuration_warn(const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;

	warn_of_pool(configuration, "pool4", &settings->pool4);
	warn_of_pool(configuration, "pool6", &settings->pool6);
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
		conf_locate(configuration->text, configuration->len, configuration->path, &problem);
		log_warning("%s", problem.text);
	}
}
