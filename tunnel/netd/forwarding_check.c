/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/forwarding_check.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "system/netlink_lookup.h"
#include "system/sysctl.h"

/* ---- the interfaces that lead to announced prefixes ---- */

static void add_link(struct forwarding_links *links, uint32_t index)
{
	char name[IF_NAMESIZE];

	if (!if_indextoname(index, name))
		return; /* it has just been deleted */
	for (size_t i = 0; i < links->count; i++) {
		if (strcmp(links->names[i], name) == 0)
			return;
	}
	if (links->count < FORWARDING_LINKS_MAX)
		memcpy(links->names[links->count++], name, sizeof(links->names[0]));
}

/* Returns true if the network of an address, by its length, overlaps the prefix. */
static bool network_overlaps(const struct prefix *address, const struct prefix *prefix)
{
	return address->len < prefix->len ? prefix_contains_addr(address, &prefix->addr)
					  : prefix_contains_addr(prefix, &address->addr);
}

static bool is_own_address(
	const struct netlink_address *addresses, size_t count, const struct prefix *prefix)
{
	struct prefix host = prefix_host(&prefix->addr);

	for (size_t i = 0; prefix_equal(&host, prefix) && i < count; i++) {
		if (addr_equal(&addresses[i].prefix.addr, &prefix->addr))
			return true;
	}
	return false;
}

/* Returns true if an interface was found for the prefix. */
static bool find_link(struct netlink *netlink, const struct netlink_address *addresses,
	size_t count, const struct prefix *prefix, struct forwarding_links *links)
{
	struct netlink_way way;
	struct addr inside = prefix->addr;
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		const struct netlink_address *here = &addresses[i];

		/* A host's own address (a /32, a /128) is no network. */
		if (here->prefix.addr.family != prefix->addr.family ||
			here->prefix.len >= 8 * addr_size(&prefix->addr) ||
			!network_overlaps(&here->prefix, prefix))
			continue;
		add_link(links, here->index);
		found = true;
	}
	/* The first address of a network may be its broadcast address; the one after it is not. */
	if (!found && prefix->len < 8 * addr_size(&prefix->addr) - 1)
		(void)addr_add(&prefix->addr, 1, &inside);
	if (found || netlink_lookup(netlink, &inside, &way, NULL) < 0 || !way.unicast ||
		way.len == 0)
		return found;
	add_link(links, way.index);
	return true;
}

/*
 * Returns true for a prefix wider than any single network, such as half of all addresses or
 * 2000::/3. It stands for the networks behind this host's default route.
 */
static bool is_anywhere(const struct prefix *prefix)
{
	return prefix->len < (prefix->addr.family == AF_INET ? 8 : 7);
}

static void take_default(void *context, const struct netlink_seen_route *route)
{
	struct forwarding_links *links = context;

	if (route->prefix.len != 0 || route->protocol == RTPROT_CULVERT)
		return;
	for (size_t i = 0; i < route->link_count; i++) {
		add_link(links, route->links[i]);
		links->uplinks = true;
	}
}

/* Adds the interfaces of default routes: answers come back by them. */
static int find_uplinks(struct netlink *netlink, int family, struct forwarding_links *links,
	struct problem *problem)
{
	const struct netlink_query query = { .family = (uint8_t)family };

	return netlink_routes(netlink, &query, take_default, links, problem);
}

int forwarding_find_links(struct netlink *netlink, const struct prefix_list *announced, int family,
	struct forwarding_links *ret_links, struct problem *problem)
{
	struct forwarding_links links = { .count = 0 };
	struct netlink_address *addresses;
	size_t count, lost_wide = 0;
	int r = netlink_addresses(netlink, &addresses, &count, problem);

	if (r < 0)
		return r;
	for (size_t i = 0; i < announced->count; i++) {
		const struct prefix *prefix = &announced->items[i];

		if (prefix->addr.family != family || is_own_address(addresses, count, prefix))
			continue;
		links.anywhere = links.anywhere || is_anywhere(prefix);
		if (prefix->len == 0)
			continue;
		links.behind++;
		if (find_link(netlink, addresses, count, prefix, &links))
			continue;
		if (is_anywhere(prefix))
			lost_wide++;
		else
			links.lost++;
	}
	free(addresses);
	if (links.anywhere)
		r = find_uplinks(netlink, family, &links, problem);
	if (r < 0)
		return r;
	if (!links.uplinks)
		links.lost += lost_wide;
	*ret_links = links;
	return 0;
}

/* ---- whether they forward ---- */

static bool is_on(const char *root, int family, const char *name)
{
	char key[SYSCTL_KEY_MAX];
	int value = 0;

	(void)snprintf(key, sizeof(key), "%s/conf/%s/%s", family == AF_INET ? "ipv4" : "ipv6", name,
		family == AF_INET ? "forwarding" : "force_forwarding");
	return sysctl_read(root, key, &value) == 0 && value != 0;
}

static bool all_on(const char *root)
{
	int value = 0;

	return sysctl_read(root, "ipv6/conf/all/forwarding", &value) == 0 && value != 0;
}

/* The interfaces that do not forward: as a text with commas, and as arguments of sysctl(8). */
struct off {
	char names[PROBLEM_TEXT_MAX / 2], settings[FINDING_CURE_MAX];
	size_t len, settings_len; /* the length that all would have */
};

static size_t put(char *out, size_t size, size_t len, const char *before, const char *text)
{
	if (len < size)
		(void)snprintf(&out[len], size - len, "%s%s", before, text);
	return len + strlen(before) + strlen(text);
}

static void list_off(const char *root, int family, const char *name, struct off *off)
{
	char setting[SYSCTL_KEY_MAX];
	/* With dots between the parts, a dot in a name would be a separator. */
	const char *format = !strchr(name, '.') ? "net.ipv4.conf.%s.forwarding=1"
						: "net/ipv4/conf/%s/forwarding=1";

	if (is_on(root, family, name))
		return;
	(void)snprintf(setting, sizeof(setting), format, name);
	off->settings_len = put(
		off->settings, sizeof(off->settings), off->settings_len, " ", setting);
	off->len = put(off->names, sizeof(off->names), off->len, off->len > 0 ? ", " : "",
		strcmp(name, "default") == 0 ? "interfaces of the tunnel" : name);
}

/*
 * The kernel copies the value of "all" to the interfaces only when it changes. Where it is on
 * already, the remedy names the interfaces.
 */
static void set_cure(struct finding *finding, const char *root, int family, const struct off *off)
{
	static const char verb[] = "sysctl -w";

	if (family == AF_INET6)
		finding_cure(finding, "%s net.ipv6.conf.all.forwarding=1", verb);
	else if (!is_on(root, family, "all"))
		finding_cure(finding, "%s net.ipv4.ip_forward=1", verb);
	else if (off->settings_len + sizeof(verb) <= FINDING_CURE_MAX)
		finding_cure(finding, "%s%s", verb, off->settings);
	else
		finding_cure(finding, "%s net.ipv4.ip_forward=0 net.ipv4.ip_forward=1", verb);
}

static const char *wanted_for(const struct forwarding_links *links)
{
	return links->behind > 0 ? "announces prefixes"
		: links->between ? "is between peers that reach each other"
				 : "announces the default route";
}

void forwarding_check(const char *root, const struct forwarding_links *links, int family,
	const char *const *tunnels, size_t tunnel_count, struct findings *findings)
{
	const char *protocol = family == AF_INET ? "IPv4" : "IPv6";
	const char *check = family == AF_INET ? "forwarding4" : "forwarding6";
	struct off off = { .len = 0 };
	struct finding *finding;

	if (links->behind == 0 && !links->anywhere && !links->between)
		return;
	for (size_t i = 0; i < links->count; i++)
		list_off(root, family, links->names[i], &off);
	for (size_t i = 0; i < tunnel_count; i++)
		list_off(root, family, tunnels[i], &off);
	if (tunnel_count == 0 && !links->switched)
		list_off(root, family, "default", &off);
	if (off.len == 0 || (family == AF_INET6 && all_on(root))) {
		findings_add(findings, FINDING_OK, check, "this host %s, and forwards %s",
			wanted_for(links), protocol);
	} else {
		finding = findings_add(findings, FINDING_PROBLEM, check,
			"%s: this host %s, but does not forward packets that arrive by: %s (`forwarding = true` switches it on)",
			protocol, wanted_for(links), off.names);
		set_cure(finding, root, family, &off);
	}
	if (links->lost > 0)
		findings_add(findings, FINDING_NOTE, check,
			"no interface or route of this host leads to %zu of the %zu announced %s prefixes",
			links->lost, links->behind, protocol);
}
