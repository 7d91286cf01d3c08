/* SPDX-License-Identifier: Apache-2.0 */
#include "client/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/error_text.h"
#include "client/forward_rules.h"
#include "client/leftovers.h"
#include "netd/forwarding_check.h"
#include "system/netlink.h"
#include "system/netlink_lookup.h"
#include "system/sysctl.h"
#include "system/tool.h"
#include "system/tool_listing.h"

/* What this host's own state means for a tunnel, check by check. */

enum {
	NFT_PATIENCE_S = 5,
	PATH_MTU_LEAST = 1280, /* IPv6's minimum: RFC 8200, section 5 */
};

/* ---- the host itself ---- */

static void examine_tun(struct findings *findings)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (error == 0)
		findings_add(findings, FINDING_OK, "tun", "/dev/net/tun exists");
	else if (error == EACCES || error == EPERM)
		findings_add(findings, FINDING_NOTE, "tun",
			"/dev/net/tun exists, but this user may not open it: whether it works was not checked");
	else
		finding_cure(findings_add(findings, FINDING_PROBLEM, "tun",
				     "/dev/net/tun cannot be opened (%s); a container has to be "
				     "given that device",
				     error_text(error)),
			"modprobe tun");
}

/* With a clock that nothing corrects, certificates seem not yet or no longer valid: adjtimex(2). */
static void examine_clock(struct findings *findings)
{
	struct timex timex = { .modes = 0 };
	int state = adjtimex(&timex);

	if (state < 0 || (state != TIME_ERROR && (timex.status & STA_UNSYNC) == 0))
		findings_add(findings, FINDING_OK, "clock", "this host's clock is %s",
			state < 0 ? "cannot be checked from here" : "synchronised");
	else
		finding_cure(
			findings_add(findings, FINDING_NOTE, "clock",
				"no service synchronises this host's clock, by which certificates are judged"),
			"timedatectl set-ntp true");
}

static void examine_congestion(const struct doctor_facts *facts, struct findings *findings)
{
	bool chosen = strcmp(facts->congestion, SETTINGS_CONGESTION_AUTO) == 0;
	const char *wanted = chosen ? "bbr" : facts->congestion;
	char text[512] = "", *rest = NULL;
	int fd = open(SYSCTL_NET "/ipv4/tcp_available_congestion_control", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (facts->congestion[0] == '\0' || len < 0)
		return;
	for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		if (strcmp(word, wanted) == 0) {
			findings_add(findings, FINDING_OK, "congestion", "the kernel has %s", word);
			return;
		}
	}
	if (chosen) {
		finding_cure(
			findings_add(findings, FINDING_NOTE, "congestion",
				"congestion = \"" SETTINGS_CONGESTION_AUTO
				"\", and this kernel has no BBR now: a path that loses packets will be slow"),
			"modprobe tcp_bbr");
		return;
	}
	finding_cure(findings_add(findings, FINDING_PROBLEM, "congestion",
			     "congestion = \"%s\", which this kernel does not have now",
			     facts->congestion),
		"modprobe tcp_%s", facts->congestion);
}

/* ---- the path outside ---- */

/*
 * The kernel's path MTU to `addr` for outer connections with this mark. Sends nothing. -EPERM: only
 * root can set a mark.
 */
static int path_mtu(const struct addr *addr, uint32_t mark, int *ret_mtu)
{
	struct endpoint endpoint = { .addr = *addr, .port = SETTINGS_PORT };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &sa), size = sizeof(*ret_mtu);
	int fd = socket(addr->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if ((mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) ||
		connect(fd, (const struct sockaddr *)&sa, len) < 0 ||
		(addr->family == AF_INET
				? getsockopt(fd, IPPROTO_IP, IP_MTU, ret_mtu, &size)
				: getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, ret_mtu, &size)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void examine_outer(const struct addr *outer, uint32_t mark, struct findings *findings)
{
	char text[ADDR_TEXT_MAX];
	int mtu = 0, r = path_mtu(outer, mark, &mtu);

	(void)addr_format(outer, text);
	if (r == -EPERM && mark != 0)
		findings_add(findings, FINDING_NOTE, "path",
			"the path to %s outside the tunnel was not checked: the connection's mark needs CAP_NET_ADMIN; run this as root",
			text);
	else if (r < 0)
		findings_add(findings, FINDING_PROBLEM, "path",
			"no path to %s outside the tunnel: %s", text, error_text(r));
	else if (mtu < PATH_MTU_LEAST)
		findings_add(findings, FINDING_NOTE, "path",
			"packets to %s may have %d bytes only: the tunnel works, slower than it could",
			text, mtu);
	else
		findings_add(
			findings, FINDING_OK, "path", "packets to %s may have %d bytes", text, mtu);
}

/* ---- forwarding ---- */

/* The kernel uses the stricter of the two: ip-sysctl.rst. */
static bool is_strict(const char *name)
{
	char key[SYSCTL_KEY_MAX];
	int all = 0, own = 0;

	(void)snprintf(key, sizeof(key), "ipv4/conf/%s/rp_filter", name);
	(void)sysctl_read(SYSCTL_NET, "ipv4/conf/all/rp_filter", &all);
	(void)sysctl_read(SYSCTL_NET, key, &own);
	return (all > own ? all : own) == 1;
}

/*
 * Strict reverse-path filtering drops packets from a prefix that arrive by another interface than
 * the one of the route to it.
 */
static void examine_route(struct netlink *netlink, const struct doctor_facts *facts,
	const struct doctor_route *route, struct findings *findings)
{
	const char *tunnel = facts->tunnels[route->tunnel];
	char text[ADDR_TEXT_MAX], other[IF_NAMESIZE];
	struct netlink_way way;

	if (route->prefix.addr.family != AF_INET ||
		netlink_lookup(netlink, &route->prefix.addr, &way, NULL) < 0 ||
		way.len > route->prefix.len || /* a part of the prefix has its own route */
		way.index == if_nametoindex(tunnel) || !if_indextoname(way.index, other))
		return;
	(void)prefix_format(&route->prefix, text);
	if (is_strict(tunnel))
		finding_cure(
			findings_add(findings, FINDING_PROBLEM, "rp_filter",
				"the kernel reaches %s by %s, so it drops packets from there that arrive by %s (rp_filter is strict)",
				text, other, tunnel),
			"sysctl -w net/ipv4/conf/%s/rp_filter=2", tunnel);
	else
		findings_add(findings, FINDING_NOTE, "rp_filter",
			"the kernel reaches %s by %s instead of %s", text, other, tunnel);
}

static void examine_rp_filter(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	size_t before = findings->count;

	for (size_t i = 0; i < facts->route_count; i++)
		examine_route(netlink, facts, &facts->routes[i], findings);
	if (findings->count == before && facts->route_count > 0)
		findings_add(findings, FINDING_OK, "rp_filter",
			"the kernel reaches each prefix of a peer by the tunnel of that peer");
}

/* Examines one direction of a pair. True: it added a finding. */
static bool examine_pair(
	const char *listing, const char *in, const char *out, struct findings *findings)
{
	struct forward_verdict verdict;
	char *text = strdup(listing);
	int r = text ? forward_rules_judge(text, in, out, &verdict) : -ENOMEM;

	free(text);
	if (r < 0) {
		findings_add(findings, FINDING_NOTE, "firewall", "its rules could not be read: %s",
			error_text(r));
		return true;
	}
	if (!verdict.drops)
		return false;
	finding_cure(findings_add(findings, verdict.unsure ? FINDING_NOTE : FINDING_PROBLEM,
			     "firewall", "chain %s of table %s %s %s packets from %s to %s%s",
			     verdict.chain, verdict.family, verdict.table,
			     verdict.unsure ? "may drop" : "drops", in, out,
			     verdict.unsure
				     ? ", unless one of its rules with more conditions accepts them"
				     : ""),
		"nft 'insert rule %s %s %s iifname \"%s\" oifname \"%s\" accept'", verdict.family,
		verdict.table, verdict.chain, in, out);
	return true;
}

static void examine_links(const char *listing, const struct forwarding_links *links,
	const struct doctor_facts *facts, struct findings *findings)
{
	bool found = false;

	for (size_t i = 0; i < links->count; i++) {
		for (size_t j = 0; j < facts->tunnel_count; j++) {
			found |= examine_pair(
				listing, links->names[i], facts->tunnels[j], findings);
			found |= examine_pair(
				listing, facts->tunnels[j], links->names[i], findings);
		}
	}
	for (size_t i = 0; i < facts->pair_count; i++) {
		const char *first = facts->pairs[i].first, *second = facts->pairs[i].second;

		found |= examine_pair(listing, first, second, findings);
		found |= examine_pair(listing, second, first, findings);
	}
	if (!found && links->count > 0 && facts->tunnel_count > 0)
		findings_add(findings, FINDING_OK, "firewall",
			"no nftables rule drops packets forwarded between %s and %s",
			links->names[0], facts->tunnels[0]);
	else if (!found && facts->pair_count > 0)
		findings_add(findings, FINDING_OK, "firewall",
			"no nftables rule drops packets forwarded between %s and %s",
			facts->pairs[0].first, facts->pairs[0].second);
}

/* True: nothing new to report, since the verdict is the previous one or unknown. */
static bool judge_listen(
	const char *listing, const struct endpoint *listen, struct forward_verdict *verdict)
{
	struct forward_verdict before = *verdict;
	char *text = strdup(listing);
	int r = text ? forward_rules_judge_input(text, listen->addr.family, listen->port, verdict)
		     : -ENOMEM;

	free(text);
	return r < 0 ||
		(before.drops && strcmp(before.family, verdict->family) == 0 &&
			strcmp(before.table, verdict->table) == 0 &&
			strcmp(before.chain, verdict->chain) == 0);
}

/* Examines connections to the server's listening sockets. */
static void examine_listens(
	const char *listing, const struct doctor_facts *facts, struct findings *findings)
{
	struct forward_verdict verdict = { .drops = false };
	unsigned port = 0;
	bool found = false;

	for (size_t i = 0; i < facts->listen_count; i++) {
		const struct endpoint *listen = &facts->listens[i];

		if (addr_is_loopback(&listen->addr))
			continue;
		if (listen->port != port)
			verdict = (struct forward_verdict){ .drops = false };
		port = listen->port;
		if (judge_listen(listing, listen, &verdict) || !verdict.drops)
			continue;
		found = true;
		finding_cure(
			findings_add(findings, verdict.unsure ? FINDING_NOTE : FINDING_PROBLEM,
				"firewall",
				"chain %s of table %s %s %s TCP connections to port %u, where this "
				"server listens%s",
				verdict.chain, verdict.family, verdict.table,
				verdict.unsure ? "may drop" : "drops", port,
				verdict.unsure
					? ", unless one of its rules with more conditions accepts them"
					: ""),
			"nft insert rule %s %s %s tcp dport %u accept", verdict.family,
			verdict.table, verdict.chain, port);
	}
	if (!found && port != 0)
		findings_add(findings, FINDING_OK, "firewall",
			"no nftables rule drops TCP connections to port %u", port);
}

/* `links`: NULL if this host forwards nothing. */
static void examine_firewall(const struct forwarding_links *links, const struct doctor_facts *facts,
	struct findings *findings)
{
	char nft[TOOL_PATH_MAX], *listing = NULL;
	const char *const argv[] = { nft, "list", "ruleset", NULL };
	int r = tool_find("nft", nft);

	if (r == 0)
		r = tool_listing(argv, DURATION_S(NFT_PATIENCE_S), &listing);
	if (!listing) {
		findings_add(findings, FINDING_NOTE, "firewall",
			"the firewall's rules for forwarded and incoming packets were not checked: %s",
			r == -ENOENT           ? "nft is not installed"
				: r == -EPROTO ? "nft needs CAP_NET_ADMIN; run this as root"
					       : error_text(r));
		return;
	}
	if (links)
		examine_links(listing, links, facts, findings);
	examine_listens(listing, facts, findings);
	free(listing);
	/* The older iptables, which nft does not list; only root may read this file. */
	if (access("/proc/net/ip_tables_names", F_OK) == 0)
		findings_add(findings, FINDING_NOTE, "firewall",
			"this kernel has legacy iptables loaded; its rules were not checked: iptables-legacy-save shows them");
}

static void examine_forwarding(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct prefix items[SETTINGS_PREFIX_MAX];
	const struct prefix_list announced = { .items = items, .count = facts->announced_count };
	struct forwarding_links links[2] = { { .count = 0 }, { .count = 0 } };
	bool needed = false;
	const char *tunnels[DOCTOR_TUNNELS_MAX];
	struct problem problem;

	memcpy(items, facts->announced, sizeof(items));
	for (size_t i = 0; i < facts->tunnel_count; i++)
		tunnels[i] = facts->tunnels[i];
	for (size_t i = 0; i < 2; i++) {
		if (forwarding_find_links(netlink, &announced, families[i], &links[i], &problem) <
			0)
			findings_add(findings, FINDING_NOTE, "forwarding", "%s", problem.text);
		links[i].between = i == 0 ? facts->between4 : facts->between6;
		links[i].switched = facts->forwarding;
		needed |= links[i].behind > 0 || links[i].anywhere || links[i].between;
		forwarding_check(
			SYSCTL_NET, &links[i], families[i], tunnels, facts->tunnel_count, findings);
	}
	if (!needed)
		findings_add(findings, FINDING_OK, "forwarding",
			"this host announces no network behind it, so it need not forward packets");
	if (needed || facts->listen_count > 0)
		examine_firewall(!needed             ? NULL
				: links[0].count > 0 ? &links[0]
						     : &links[1],
			facts, findings);
}

void doctor_examine_host(const struct doctor_facts *facts, struct findings *findings)
{
	struct netlink *netlink;
	struct problem problem;

	leftovers_examine(findings);
	examine_tun(findings);
	examine_clock(findings);
	examine_congestion(facts, findings);
	for (size_t i = 0; i < facts->outer_count; i++)
		examine_outer(&facts->outers[i], facts->mark, findings);
	if (netlink_open(&netlink, &problem) < 0) {
		findings_add(findings, FINDING_NOTE, "forwarding", "%s", problem.text);
		return;
	}
	examine_forwarding(netlink, facts, findings);
	examine_rp_filter(netlink, facts, findings);
	doctor_examine_ways(netlink, facts, findings);
	netlink_close(netlink);
}
