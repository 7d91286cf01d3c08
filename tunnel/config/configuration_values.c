/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_internal.h"

/* Finds a pool that clients refuse by default. */
static void examine_pool(const struct configuration *configuration, const char *key,
	const struct prefix *pool, struct findings *findings)
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
	configuration_find(configuration, findings, FINDING_WARNING, "pool", &problem);
}

void configuration_examine_values(
	const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	struct problem problem = { 0 };

	if (settings->role != SETTINGS_SERVER)
		return;
	examine_pool(configuration, "pool4", &settings->pool4, findings);
	examine_pool(configuration, "pool6", &settings->pool6, findings);
	if (settings->peer_count > 0 || settings->unlisted)
		return;
	problem_set(&problem,
		"peers: the list is empty, so no peer is admitted; add an entry for each certificate, such as { name = \"gw-a\"; }");
	configuration_find(configuration, findings, FINDING_WARNING, "peers", &problem);
}
