/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks what no single key shows. Every complaint begins with the key, for conf_locate(), and
 * names cause and cure.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "lab.h"
#include "tests/bench/link_emulator/options.h"

static int refuse(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct problem *problem, const char *format, ...)
{
	char text[PROBLEM_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	problem_set(problem, "%s", text);
	return -EINVAL;
}

/* ---- names ---- */

/* Namespaces are lab-NAME-HOST: without a '-' in NAME, two labs never share one. */
static int check_name(const struct lab *lab, struct problem *problem)
{
	for (const char *c = lab->name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return refuse(problem,
				"name: \"%s\" may hold letters, digits and _ only; "
				"set another with name = \"...\";",
				lab->name);
	if (lab->name[0] == '\0')
		return refuse(problem, "name: expected a name, got none; set name = \"...\";");
	return 0;
}

/* culvert-pki would take it for an option. */
static int check_first(
	const char *list, size_t at, const struct identity *name, struct problem *problem)
{
	if (name->name[0] != '-')
		return 0;
	return refuse(
		problem, "%s.[%zu].name (%s): a name cannot begin with -", list, at, name->name);
}

/* The n-th name of links and LANs, which share one list of names. */
static const struct identity *network_name(const struct lab *lab, size_t at)
{
	return at < lab->link_count ? &lab->links[at].name : &lab->lans[at - lab->link_count].name;
}

static int check_names(const struct lab *lab, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < lab->host_count && r == 0; i++) {
		r = check_first("hosts", i, &lab->hosts[i].name, problem);
		if (r == 0 && lab_find_host(lab, &lab->hosts[i].name) != &lab->hosts[i])
			r = refuse(problem,
				"hosts.[%zu].name (%s): another host has that name; "
				"each needs a name of its own",
				i, lab->hosts[i].name.name);
	}
	for (size_t i = 0; i < lab->link_count + lab->lan_count && r == 0; i++) {
		const struct identity *name = network_name(lab, i);
		bool is_link = i < lab->link_count;
		size_t at = is_link ? i : i - lab->link_count;

		r = check_first(is_link ? "links" : "lans", at, name, problem);
		for (size_t j = 0; j < i && r == 0; j++)
			if (identity_equal(network_name(lab, j), name))
				r = refuse(problem,
					"%s.[%zu].name (%s): another link or LAN has that "
					"name; each needs a name of its own",
					is_link ? "links" : "lans", at, name->name);
	}
	return r;
}

/* ---- interfaces ---- */

static bool is_network_address(const struct prefix *address)
{
	return address->len + 1u < addr_size(&address->addr) * 8 && !prefix_has_host_bits(address);
}

/*
 * The host that has the address before this interface, on the same network or in the same host.
 * NULL: none.
 */
static const struct lab_host *first_owner(const struct lab *lab, const struct lab_host *host,
	const struct lab_interface *interface, const struct addr *addr)
{
	for (size_t h = 0; h < lab->host_count; h++) {
		const struct lab_host *other = &lab->hosts[h];

		for (size_t i = 0; i < other->interface_count; i++) {
			const struct lab_interface *candidate = &other->interfaces[i];

			if (candidate == interface)
				return NULL;
			if ((other == host ||
				    identity_equal(&candidate->network, &interface->network)) &&
				lab_has_address(candidate, addr))
				return other;
		}
	}
	return NULL;
}

static int check_addresses(const struct lab *lab, const struct lab_host *host,
	const struct lab_interface *interface, const char *place, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < interface->addresses.count; i++) {
		const struct prefix *address = &interface->addresses.items[i];
		const struct lab_host *owner = first_owner(lab, host, interface, &address->addr);

		prefix_format(address, text);
		if (is_network_address(address))
			return refuse(problem,
				"%s.addresses.[%zu] (%s): %s is the network's own "
				"address; a host's has bits past the length",
				place, i, host->name.name, text);
		if (owner)
			return refuse(problem,
				"%s.addresses.[%zu] (%s): %s has that address already "
				"(%s); each needs its own",
				place, i, host->name.name, owner->name.name, text);
	}
	for (size_t i = 0; i < interface->gateway_count; i++) {
		const struct addr *gateway = &interface->gateways[i];

		addr_format(gateway, text);
		if (!lab_is_neighbour(interface, gateway))
			return refuse(problem,
				"%s.gateways.[%zu] (%s): %s is no neighbour on %s: it "
				"has to be in the network of one of its addresses, and another's",
				place, i, host->name.name, text, interface->name);
		if (i > 0 && gateway->family == interface->gateways[0].family)
			return refuse(problem,
				"%s.gateways.[%zu] (%s): %s is a second gateway of one "
				"family; one is enough",
				place, i, host->name.name, text);
	}
	return 0;
}

/* True if the name can be a word of command lines. */
static bool is_plain(const char *name)
{
	struct identity identity;

	return name[0] != '-' && identity_set(&identity, name, strlen(name)) == 0;
}

static int check_interface(
	const struct lab *lab, size_t host_at, size_t at, struct problem *problem)
{
	const struct lab_host *host = &lab->hosts[host_at];
	const struct lab_interface *interface = &host->interfaces[at];
	char place[64];

	(void)snprintf(place, sizeof(place), "hosts.[%zu].interfaces.[%zu]", host_at, at);
	if (!is_plain(interface->name) || strcmp(interface->name, "lo") == 0)
		return refuse(problem,
			"%s.name (%s): \"%s\" cannot be the name of an interface here; use letters, "
			"digits, . _ and -, as in \"eth0\"",
			place, host->name.name, interface->name);
	for (size_t i = 0; i < at; i++)
		if (strcmp(host->interfaces[i].name, interface->name) == 0)
			return refuse(problem,
				"%s.name (%s): there is a %s in this host already; each "
				"needs a name of its own",
				place, host->name.name, interface->name);
	if (!lab_find_link(lab, &interface->network) && !lab_find_lan(lab, &interface->network))
		return refuse(problem,
			"%s.network (%s): there is no link or LAN named \"%s\"; add it to "
			"links or lans",
			place, host->name.name, interface->network.name);
	return check_addresses(lab, host, interface, place, problem);
}

static int check_routes(const struct lab *lab, size_t host_at, struct problem *problem)
{
	const struct lab_host *host = &lab->hosts[host_at];
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < host->route_count; i++) {
		const struct lab_route *route = &host->routes[i];

		if (!lab_interface_towards(host, &route->via) ||
			route->via.family != route->to.addr.family)
			return refuse(problem,
				"hosts.[%zu].routes.[%zu].via (%s): %s is no neighbour: it "
				"has to be in the network of one of this host's addresses, and another's",
				host_at, i, host->name.name, addr_format(&route->via, text));
	}
	return 0;
}

static int check_hosts(const struct lab *lab, struct problem *problem)
{
	int r = 0;

	for (size_t h = 0; h < lab->host_count && r == 0; h++) {
		for (size_t i = 0; i < lab->hosts[h].interface_count && r == 0; i++)
			r = check_interface(lab, h, i, problem);
		if (r == 0)
			r = check_routes(lab, h, problem);
	}
	return r;
}

/* ---- links and LANs ---- */

size_t lab_link_arguments(
	const struct lab_link *link, const char *ret_arguments[static LAB_LINK_ARGUMENTS_MAX])
{
	const struct {
		const char *option, *value;
	} given[] = {
		{ "--rate", link->rate },
		{ "--delay", link->delay },
		{ "--jitter", link->jitter },
		{ "--queue", link->queue },
		{ "--loss", link->loss },
		{ "--seed", link->seed },
		{ "--forward", link->forward },
		{ "--backward", link->backward },
	};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (given[i].value[0] == '\0')
			continue;
		ret_arguments[count++] = given[i].option;
		ret_arguments[count++] = given[i].value;
	}
	return count;
}

/* The emulator's own parser checks its options. */
static int check_emulation(const struct lab_link *link, struct problem *problem)
{
	const char *arguments[LAB_LINK_ARGUMENTS_MAX];
	char words[LAB_LINK_ARGUMENTS_MAX][LAB_SPEC_MAX + 1];
	char program[] = "link_emulator", a[] = "a", b[] = "b";
	char *argv[LAB_LINK_ARGUMENTS_MAX + 3] = { program };
	size_t count = lab_link_arguments(link, arguments);
	struct options options;

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "%s", arguments[i]);
		argv[i + 1] = words[i];
	}
	argv[count + 1] = a;
	argv[count + 2] = b;
	return options_parse(&options, (int)count + 3, argv, problem);
}

static int check_link(const struct lab *lab, size_t at, struct problem *problem)
{
	const struct lab_link *link = &lab->links[at];
	const struct lab_host *a, *b, *third;

	if (!lab_interface_on(lab, &link->name, 0, &a) ||
		!lab_interface_on(lab, &link->name, 1, &b))
		return refuse(problem,
			"links.[%zu] (%s): a link has two ends, and fewer than two "
			"interfaces are on it: give one of each host network = \"%s\";",
			at, link->name.name, link->name.name);
	if (lab_interface_on(lab, &link->name, 2, &third))
		return refuse(problem,
			"links.[%zu] (%s): a link has two ends, and %s is a third; for "
			"more than two make it one of the lans",
			at, link->name.name, third->name.name);
	if (a == b)
		return refuse(problem,
			"links.[%zu] (%s): both ends are at %s; a link joins two hosts", at,
			link->name.name, a->name.name);
	if (check_emulation(link, problem) < 0) {
		problem_prepend(problem, "links.[%zu] (%s)", at, link->name.name);
		return -EINVAL;
	}
	return 0;
}

static int check_networks(const struct lab *lab, struct problem *problem)
{
	const struct lab_host *host;
	int r = 0;

	for (size_t i = 0; i < lab->link_count && r == 0; i++)
		r = check_link(lab, i, problem);
	for (size_t i = 0; i < lab->lan_count && r == 0; i++)
		if (!lab_interface_on(lab, &lab->lans[i].name, 0, &host))
			r = refuse(problem,
				"lans.[%zu] (%s): no interface is on it; give one network = "
				"\"%s\";, or take it out",
				i, lab->lans[i].name.name, lab->lans[i].name.name);
	return r;
}

/* ---- tunnels ---- */

static int check_servers(const struct lab *lab, struct problem *problem)
{
	for (size_t i = 0; i < lab->server_count; i++) {
		const struct identity *host = &lab->servers[i].host;

		if (lab->servers[i].is_implied)
			break; /* the tunnels' check reports these */
		if (!lab_find_host(lab, host))
			return refuse(problem, "servers.[%zu].host: there is no host named \"%s\"",
				i, host->name);
		for (size_t j = 0; j < i; j++)
			if (identity_equal(&lab->servers[j].host, host))
				return refuse(problem,
					"servers.[%zu].host: %s has an entry already; put "
					"both into one",
					i, host->name);
	}
	return 0;
}

static bool is_somewhere(const struct lab *lab, const struct addr *addr)
{
	for (size_t h = 0; h < lab->host_count; h++)
		for (size_t i = 0; i < lab->hosts[h].interface_count; i++)
			if (lab_has_address(&lab->hosts[h].interfaces[i], addr))
				return true;
	return false;
}

/* culvert-pki gives a name only once, whatever its role and case. */
static const char *taken_by(const struct lab *lab, size_t at)
{
	const char *name = lab->tunnels[at].name.name;

	for (size_t i = 0; i < lab->server_count; i++)
		if (strcasecmp(lab->servers[i].host.name, name) == 0)
			return "the server there";
	for (size_t i = 0; i < at; i++)
		if (strcasecmp(lab->tunnels[i].name.name, name) == 0)
			return "another tunnel";
	return NULL;
}

static int check_tunnel(const struct lab *lab, size_t at, struct problem *problem)
{
	const struct lab_tunnel *tunnel = &lab->tunnels[at];
	const struct identity *ends[] = { &tunnel->client, &tunnel->server };
	const char *taken = taken_by(lab, at);
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < 2; i++)
		if (!lab_find_host(lab, ends[i]))
			return refuse(problem, "tunnels.[%zu].%s: there is no host named \"%s\"",
				at, i == 0 ? "client" : "server", ends[i]->name);
	if (identity_equal(ends[0], ends[1]))
		return refuse(problem, "tunnels.[%zu].server: %s cannot be at both ends", at,
			ends[0]->name);
	if (taken)
		return refuse(problem,
			"tunnels.[%zu].name: \"%s\" is taken by %s; give this tunnel a name "
			"of its own with name = \"...\";",
			at, tunnel->name.name, taken);
	int r = check_first("tunnels", at, &tunnel->name, problem);
	if (r == 0 && tunnel->remote_count == 0)
		r = refuse(problem, "tunnels.[%zu].remotes: expected an address of %s, got none",
			at, ends[1]->name);
	for (size_t i = 0; i < tunnel->remote_count && r == 0; i++)
		if (!is_somewhere(lab, &tunnel->remotes[i].addr))
			r = refuse(problem,
				"tunnels.[%zu].remotes.[%zu]: no interface has %s; give an "
				"address of %s",
				at, i, addr_format(&tunnel->remotes[i].addr, text), ends[1]->name);
	return r;
}

int lab_check(const struct lab *lab, struct problem *problem)
{
	int r = check_name(lab, problem);

	if (r == 0)
		r = check_names(lab, problem);
	if (r == 0)
		r = check_hosts(lab, problem);
	if (r == 0)
		r = check_networks(lab, problem);
	if (r == 0)
		r = check_servers(lab, problem);
	for (size_t i = 0; i < lab->tunnel_count && r == 0; i++)
		r = check_tunnel(lab, i, problem);
	return r;
}
