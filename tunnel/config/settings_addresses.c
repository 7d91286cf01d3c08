/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which addresses a server may give to a client's tunnel. Both ends of the tunnel count,
 * because the kernel routes packets for the peer's address into the tunnel, even if another host
 * has it.
 */
#include "config/settings.h"

#include <errno.h>

#include "base/array.h"
#include "base/route_rule.h"

/* RFC 1918, RFC 6598 and RFC 4193; the same as the text SETTINGS_PRIVATE. */
static const struct prefix private_ranges[] = {
	{ { AF_INET, { 10 } }, 8 },
	{ { AF_INET, { 172, 16 } }, 12 },
	{ { AF_INET, { 192, 168 } }, 16 },
	{ { AF_INET, { 100, 64 } }, 10 },
	{ { AF_INET6, { 0xfc } }, 7 },
};

/* No interface may have these, whatever the configuration allows: they mean no single host. */
static const struct {
	struct prefix prefix;
	const char *why;
} never[] = {
	{ { { AF_INET, { 240 } }, 4 }, "is reserved" }, /* RFC 1112, and the broadcast address */
	{ { { AF_INET6, { 0 } }, 96 }, "is reserved" }, /* RFC 4291, section 2.5.5.1 */
	{ { { AF_INET6, { [10] = 0xff, 0xff } }, 96 }, "stands for an IPv4 address" },
	{ { { AF_INET6, { 0x00, 0x64, 0xff, 0x9b } }, 96 }, "stands for an IPv4 address" },
};

static bool any_contains(const struct prefix *ranges, size_t count, const struct prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_contains(&ranges[i], prefix))
			return true;
	}
	return false;
}

bool settings_is_private(const struct prefix *prefix)
{
	return any_contains(private_ranges, ARRAY_SIZE(private_ranges), prefix);
}

/*
 * Returns NULL if the address has the form of one that means one host everywhere; else the reason.
 */
static const char *wrong_form(const struct prefix *host)
{
	enum route_verdict form = route_rule_form(host);

	if (form != ROUTE_ACCEPTED)
		return route_verdict_text(form);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		if (prefix_contains(&never[i].prefix, host))
			return never[i].why;
	}
	return NULL;
}

static bool is_outer(const struct settings *settings, const struct addr *addr)
{
	struct addr outer[SETTINGS_REMOTES_MAX];
	size_t count = settings_outer(settings, outer);

	for (size_t i = 0; i < count; i++) {
		if (addr_equal(&outer[i], addr))
			return true;
	}
	return false;
}

int settings_judge_address(
	const struct settings *settings, const struct addr *addr, struct problem *problem)
{
	const struct prefix host = prefix_host(addr);
	const struct prefix_list *routes = &settings->peers[0].accept_routes;
	const char *wrong = wrong_form(&host);
	char text[ADDR_TEXT_MAX];

	addr_format(addr, text);
	if (wrong) {
		problem_set(problem, "address %s, which no tunnel can have: %s", text, wrong);
		return -EINVAL;
	}
	/* A tunnel in a foreign network namespace captures no packets of the outer connection. */
	if (!settings_is_elsewhere(settings) && is_outer(settings, addr)) {
		problem_set(problem,
			"address %s, at which remotes or proxy reach the server itself", text);
		return -EADDRINUSE;
	}
	if (any_contains(
		    settings->tunnel_addresses.items, settings->tunnel_addresses.count, &host) ||
		any_contains(routes->items, routes->count, &host))
		return 0;
	problem_set(problem,
		"address %s, which is inside no range of tunnel_addresses or accept_routes", text);
	return -EPERM;
}
