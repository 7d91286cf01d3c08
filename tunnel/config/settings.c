/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All code reads settings and none changes them, so this file only makes, checks and frees them.
 * The checks run once, when a configuration is loaded.
 */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/route_rule.h"

enum {
	POOL4_LEN_MAX = 30,  /* network, server, one peer, broadcast */
	POOL6_LEN_MAX = 126, /* anycast, server, two peers */
};

int settings_new(enum settings_role role, struct settings **ret_settings)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	if (!settings)
		return -ENOMEM;
	settings->role = role;
	settings->log_level = LOG_LEVEL_INFO;
	*ret_settings = settings;
	return 0;
}

static void free_hook(struct settings_hook *hook)
{
	for (size_t i = 0; i < hook->count; i++)
		free(hook->words[i]);
	free(hook->words);
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	if (settings->key)
		explicit_bzero(settings->key, strlen(settings->key));
	if (settings->unlocked_key)
		explicit_bzero(settings->unlocked_key, strlen(settings->unlocked_key));
	explicit_bzero(&settings->proxy, sizeof(settings->proxy));
	free(settings->certificate);
	free(settings->key);
	free(settings->unlocked_key);
	free(settings->ca);
	free(settings->crl);
	free_hook(&settings->on_up);
	free_hook(&settings->on_down);
	free_hook(&settings->on_route);
	free(settings->announce.items);
	free(settings->announced_own.items);
	free(settings->bypass.items);
	free(settings->override_routes.items);
	free(settings->tunnel_addresses.items);
	settings_index_free(settings);
	for (size_t i = 0; i < settings->peer_count; i++) {
		free(settings->peers[i].identity);
		free(settings->peers[i].issuer);
		free(settings->peers[i].accept_routes.items);
		free(settings->peers[i].reach.items);
		free(settings->peers[i].announce.items);
		free(settings->peers[i].dns.items);
		free(settings->peers[i].domains.items);
	}
	free(settings->peers);
	free(settings->issuer);
	free(settings);
}

void settings_exchange(struct settings *a, struct settings *b)
{
	struct settings before = *a;

	*a = *b;
	*b = before;
	explicit_bzero(&before.proxy, sizeof(before.proxy));
}

void settings_fill_paths(struct settings *settings)
{
	if (settings->control_socket[0] == '\0')
		(void)snprintf(settings->control_socket, sizeof(settings->control_socket),
			SETTINGS_RUN_DIR "/%s.sock", settings->name);
	if ((settings->role == SETTINGS_SERVER || settings->renew) &&
		settings->state_dir[0] == '\0')
		(void)snprintf(settings->state_dir, sizeof(settings->state_dir),
			SETTINGS_STATE_DIR "/%s", settings->name);
}

uint32_t settings_lanes(const struct settings *settings, const struct settings_peer *peer)
{
	return peer && peer->lanes > 0 ? peer->lanes : settings->lanes;
}

bool settings_chooses_congestion(const struct settings *settings)
{
	return strcmp(settings->congestion, SETTINGS_CONGESTION_AUTO) == 0;
}

uint32_t settings_mark(const struct settings *settings)
{
	if (settings->mark != 0)
		return settings->mark;
	/* A contained tunnel's host has no rule or table that matches a mark. */
	if (settings->contained)
		return 0;
	return settings->kill_switch || settings->full_tunnel ? SETTINGS_MARK_DEFAULT
							      : SETTINGS_MARK_PLAIN;
}

bool settings_takes_default(const struct settings *settings)
{
	return settings->full_tunnel || settings->contained;
}

bool settings_is_elsewhere(const struct settings *settings)
{
	return settings->role == SETTINGS_CLIENT &&
		(settings->contained ||
			(settings->peer_count > 0 && settings->peers[0].netns[0] != '\0'));
}

uint32_t settings_metric(const struct settings_peer *peer)
{
	return peer && peer->metric > 0 ? peer->metric : SETTINGS_METRIC;
}

struct addr settings_server_address(const struct prefix *pool)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (addr_is_set(&pool->addr))
		(void)addr_add(&pool->addr, 1, &addr);
	return addr;
}

/* Returns true if all bits after the prefix length are set. */
static bool is_last(const struct prefix *pool, const struct addr *addr)
{
	for (size_t bit = pool->len; bit < addr_size(addr) * 8; bit++) {
		if ((addr->bytes[bit / 8] & (0x80u >> bit % 8)) == 0)
			return false;
	}
	return true;
}

bool settings_pool_usable(const struct prefix *pool, const struct addr *addr)
{
	struct addr server = settings_server_address(pool);

	if (!prefix_contains_addr(pool, addr) || addr_equal(addr, &pool->addr) ||
		addr_equal(addr, &server))
		return false;
	return addr->family != AF_INET || !is_last(pool, addr);
}

static int check_pool(
	const struct prefix *pool, uint8_t family, const char *key, struct problem *problem)
{
	uint8_t longest = family == AF_INET ? POOL4_LEN_MAX : POOL6_LEN_MAX;
	enum route_verdict form;
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(&pool->addr))
		return 0;
	prefix_format(pool, text);
	if (pool->addr.family != family) {
		problem_set(problem, "%s: %s is of the other address family", key, text);
		return -EINVAL;
	}
	form = route_rule_form(pool);
	if (form != ROUTE_ACCEPTED) {
		problem_set(problem, "%s: %s cannot be a pool: %s", key, text,
			form == ROUTE_DEFAULT ? "it covers every address"
					      : route_verdict_text(form));
		return -EINVAL;
	}
	if (pool->len > longest) {
		problem_set(problem,
			"%s: %s is too small for the server and a peer; expected /%u or larger",
			key, text, longest);
		return -EINVAL;
	}
	return 0;
}

static bool netns_is_valid(const char *netns)
{
	static const char pid[] = "pid:";
	const char *number = &netns[sizeof(pid) - 1];

	if (netns[0] == '\0' || netns[0] == '/')
		return true;
	if (strncmp(netns, pid, sizeof(pid) - 1) == 0)
		return number[0] != '\0' && number[strspn(number, "0123456789")] == '\0';
	/* It must be one name in a directory. */
	return !strchr(netns, '/') && strcmp(netns, ".") != 0 && strcmp(netns, "..") != 0;
}

static int check_netns(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		char key[64] = "netns";

		if (netns_is_valid(peer->netns))
			continue;
		if (settings->role == SETTINGS_SERVER)
			(void)snprintf(key, sizeof(key), "peers.[%zu].netns", i);
		problem_set(problem,
			"%s: expected a name in /run/netns, a path that begins with / or "
			"\"pid:NUMBER\", got \"%s\"",
			key, peer->netns);
		return -EINVAL;
	}
	return 0;
}

static int check_listen(const struct settings *settings, struct problem *problem)
{
	if (settings->listen_count == 0) {
		problem_set(problem, "listen: expected at least one endpoint, got none");
		return -EINVAL;
	}
	for (size_t i = 0; i < settings->listen_count; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct endpoint *a = &settings->listen[i], *b = &settings->listen[j];
			char text[ENDPOINT_TEXT_MAX];

			if (a->port != b->port || !addr_equal(&a->addr, &b->addr))
				continue;
			problem_set(problem, "listen.[%zu]: %s is listed already", i,
				endpoint_format(a, text));
			return -EINVAL;
		}
	}
	return 0;
}

/*
 * Checks the peers' entries. -EINVAL: two have the same name, interface name in one namespace, or
 * fixed address, or a fixed address is outside its pool or not usable; -ENOMEM. On failure *problem
 * says why.
 */
static int check_peers(const struct settings *settings, struct problem *problem);

static int check_server(const struct settings *settings, struct problem *problem)
{
	int r = check_listen(settings, problem);

	if (r < 0)
		return r;
	if (!addr_is_set(&settings->pool4.addr) && !addr_is_set(&settings->pool6.addr)) {
		problem_set(problem,
			"pool4: expected a pool4 or a pool6, got neither; peers "
			"would have no address");
		return -EINVAL;
	}
	if (settings->dead_after.ns <= settings->ping_interval.ns) {
		problem_set(problem,
			"dead_after: expected more than ping_interval (%g s), got %g s",
			duration_seconds(settings->ping_interval),
			duration_seconds(settings->dead_after));
		return -EINVAL;
	}
	r = check_pool(&settings->pool4, AF_INET, "pool4", problem);
	if (r == 0)
		r = check_pool(&settings->pool6, AF_INET6, "pool6", problem);
	if (r == 0)
		r = settings_check_dns(settings, problem);
	if (r == 0)
		r = check_peers(settings, problem);
	if (r == 0)
		r = settings_check_reach(settings, problem);
	return r;
}

/*
 * A name lookup would have to leave the host unprotected, and so would other programs' lookups. The
 * client's own cannot be distinguished, because the host's resolver may make them for all programs.
 */
static int check_kill_switch(const struct settings *settings, struct problem *problem)
{
	struct addr addr;

	/*
	 * The kill switch would open for the interface that has the same number in this namespace.
	 */
	if (settings->peers[0].netns[0] != '\0') {
		problem_set(problem,
			"kill_switch: expected false with netns, as the tunnel is not in the "
			"namespace that the switch would close; got true");
		return -EINVAL;
	}
	/* A proxy looks up the remotes itself. */
	if (settings->proxy.kind != PROXY_NONE && addr_parse(settings->proxy.host, &addr) == 0)
		return 0;
	if (settings->proxy.kind != PROXY_NONE) {
		problem_set(problem,
			"proxy: expected an address, because kill_switch blocks name lookups; got \"%s\"",
			settings->proxy.host);
		return -EINVAL;
	}
	for (size_t i = 0; i < settings->remote_count; i++) {
		if (addr_parse(settings->remotes[i].host, &addr) == 0)
			continue;
		problem_set(problem,
			"remotes.[%zu]: expected an address, because kill_switch blocks name lookups; got \"%s\" (it is server_name that the certificate must have)",
			i, settings->remotes[i].host);
		return -EINVAL;
	}
	return 0;
}

static int check_bypass(const struct settings *settings, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < settings->bypass.count; i++) {
		if (settings->bypass.items[i].len > 0)
			continue;
		problem_set(problem,
			"bypass.[%zu]: %s covers every address, so no packet would use the tunnel; "
			"leave full_tunnel out instead",
			i, prefix_format(&settings->bypass.items[i], text));
		return -EINVAL;
	}
	return 0;
}

/* The outer connections would be taken for answers. */
static int check_mark(const struct settings *settings, struct problem *problem)
{
	if (!settings->answer_inbound || settings->mark != SETTINGS_MARK_INBOUND)
		return 0;
	problem_set(problem, "mark: 0x%x is the mark of answer_inbound; expected another",
		SETTINGS_MARK_INBOUND);
	return -EINVAL;
}

static int check_proxy(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->remote_count && settings->proxy.kind != PROXY_NONE; i++) {
		if (!strchr(settings->remotes[i].host, '%'))
			continue;
		problem_set(problem,
			"remotes.[%zu]: an address with a scope means nothing to a proxy; leave out "
			"the scope, or proxy",
			i);
		return -EINVAL;
	}
	return 0;
}

static int check_client(const struct settings *settings, struct problem *problem)
{
	if (settings->remote_count == 0) {
		problem_set(problem, "remotes: expected at least one HOST:PORT, got none");
		return -EINVAL;
	}
	if (settings->peer_count != 1) {
		problem_set(problem, "server_name: expected exactly one server, got %zu",
			settings->peer_count);
		return -EINVAL;
	}
	int r = settings->kill_switch ? check_kill_switch(settings, problem) : 0;
	if (r == 0)
		r = check_proxy(settings, problem);
	if (r == 0)
		r = check_mark(settings, problem);
	return r < 0 ? r : check_bypass(settings, problem);
}

static int check_hook(const struct settings_hook *hook, const char *key, struct problem *problem)
{
	if (hook->count == 0 || hook->words[0][0] == '/')
		return 0;
	problem_set(problem,
		"%s: expected a program's absolute path before its arguments, got one that does "
		"not begin with /; no shell looks for it",
		key);
	return -EINVAL;
}

static int check_hooks(const struct settings *settings, struct problem *problem)
{
	int r = check_hook(&settings->on_up, "on_up", problem);

	if (r == 0)
		r = check_hook(&settings->on_down, "on_down", problem);
	if (r == 0)
		r = check_hook(&settings->on_route, "on_route", problem);
	return r;
}

int settings_check(const struct settings *settings, struct problem *problem)
{
	int r = settings->role == SETTINGS_SERVER ? check_server(settings, problem)
						  : check_client(settings, problem);

	if (r == 0)
		r = check_netns(settings, problem);
	if (r == 0)
		r = settings_check_announce(settings, problem);
	return r < 0 ? r : check_hooks(settings, problem);
}

bool settings_is_inline(const char *material)
{
	static const char begin[] = "-----BEGIN";

	return material && strncmp(material, begin, sizeof(begin) - 1) == 0;
}

bool settings_hold_secret(const struct settings *settings)
{
	return settings_is_inline(settings->key) || settings->proxy.password[0] != '\0';
}

size_t settings_outer(const struct settings *settings, struct addr out[static SETTINGS_REMOTES_MAX])
{
	struct endpoint endpoint;
	size_t count = 0;

	if (settings->proxy.kind != PROXY_NONE) {
		if (endpoint_parse_host(settings->proxy.host, settings->proxy.port, &endpoint) < 0)
			return 0;
		out[0] = endpoint.addr;
		return 1;
	}
	for (size_t i = 0; i < settings->remote_count; i++) {
		const struct settings_remote *remote = &settings->remotes[i];

		if (endpoint_parse_host(remote->host, remote->port, &endpoint) == 0)
			out[count++] = endpoint.addr;
	}
	return count;
}

/*
 * Checks of the peers' entries, single and together. The entries are sorted instead of compared
 * pair by pair, since a hub may have many thousand peers.
 */

static int check_fixed(const struct settings *settings, size_t index, const struct addr *addr,
	bool is_v4, struct problem *problem)
{
	const struct prefix *pool = is_v4 ? &settings->pool4 : &settings->pool6;
	const char *pool_key = is_v4 ? "pool4" : "pool6";
	char key[128], text[ADDR_TEXT_MAX], pool_text[ADDR_TEXT_MAX];
	struct addr server;

	if (!addr_is_set(addr))
		return 0;
	(void)snprintf(key, sizeof(key), "peers.[%zu].%s (%s)", index,
		is_v4 ? "address4" : "address6", settings->peers[index].name.name);
	addr_format(addr, text);
	if (!addr_is_set(&pool->addr)) {
		problem_set(problem, "%s: %s needs a %s that contains it, and none is set", key,
			text, pool_key);
		return -EINVAL;
	}
	if (settings_pool_usable(pool, addr))
		return 0;
	prefix_format(pool, pool_text);
	server = settings_server_address(pool);
	if (addr_equal(addr, &server))
		problem_set(problem, "%s: %s is the server's own address, the first of %s %s", key,
			text, pool_key, pool_text);
	else if (prefix_contains_addr(pool, addr))
		problem_set(problem, "%s: %s is no host address of %s %s", key, text, pool_key,
			pool_text);
	else
		problem_set(problem, "%s: %s is not in %s %s", key, text, pool_key, pool_text);
	return -EINVAL;
}

static const struct settings_peer *entry(const void *sorted)
{
	return *(const struct settings_peer *const *)sorted;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(entry(a)->name.name, entry(b)->name.name);
}

static int by_address4(const void *a, const void *b)
{
	return addr_compare(&entry(a)->address4, &entry(b)->address4);
}

static int by_address6(const void *a, const void *b)
{
	return addr_compare(&entry(a)->address6, &entry(b)->address6);
}

/* Each network namespace has its own names. */
static int by_interface(const void *a, const void *b)
{
	int order = strcmp(entry(a)->interface, entry(b)->interface);

	return order != 0 ? order : strcmp(entry(a)->netns, entry(b)->netns);
}

static bool has_name(const struct settings_peer *peer)
{
	return peer->name.name[0] != '\0';
}

static bool has_address4(const struct settings_peer *peer)
{
	return addr_is_set(&peer->address4);
}

static bool has_address6(const struct settings_peer *peer)
{
	return addr_is_set(&peer->address6);
}

/* A name without %d can only be one interface's. */
static bool has_literal_interface(const struct settings_peer *peer)
{
	return peer->interface[0] != '\0' && !strchr(peer->interface, '%');
}

/* The values that no two peers may share. */
static const struct unique {
	const char *key;
	int (*order)(const void *a, const void *b);
	bool (*has)(const struct settings_peer *peer);
} uniques[] = {
	{ "name", by_name, has_name },
	{ "address4", by_address4, has_address4 },
	{ "address6", by_address6, has_address6 },
	{ "interface", by_interface, has_literal_interface },
};

static int check_unique(const struct settings *settings, const struct unique *unique,
	const struct settings_peer **sorted, struct problem *problem)
{
	size_t count = 0;

	for (size_t i = 0; i < settings->peer_count; i++) {
		if (unique->has(&settings->peers[i]))
			sorted[count++] = &settings->peers[i];
	}
	if (count > 1)
		qsort(sorted, count, sizeof(const struct settings_peer *), unique->order);
	for (size_t i = 1; i < count; i++) {
		bool in_order = sorted[i - 1] < sorted[i];
		const struct settings_peer *first = sorted[in_order ? i - 1 : i];
		const struct settings_peer *second = sorted[in_order ? i : i - 1];

		if (unique->order(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		problem_set(problem,
			"peers.[%td].%s (%s): it is already that of peers.[%td] (%s); each peer "
			"needs its own",
			second - settings->peers, unique->key, second->name.name,
			first - settings->peers, first->name.name);
		return -EINVAL;
	}
	return 0;
}

static int check_peers(const struct settings *settings, struct problem *problem)
{
	const struct settings_peer **sorted;
	int r = 0;

	for (size_t i = 0; i < settings->peer_count && r == 0; i++) {
		const struct settings_peer *peer = &settings->peers[i];

		r = check_fixed(settings, i, &peer->address4, true, problem);
		if (r == 0)
			r = check_fixed(settings, i, &peer->address6, false, problem);
	}
	if (r < 0 || settings->peer_count < 2)
		return r;
	sorted = calloc(settings->peer_count, sizeof(const struct settings_peer *));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(uniques) && r == 0; i++)
		r = check_unique(settings, &uniques[i], sorted, problem);
	free(sorted);
	return r;
}
