/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/needs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "netd/resolv_conf.h"
#include "system/netlink_diag.h"
#include "system/netlink_lookup.h"

/* resolv.conf(5) allows three; files that list the servers of several links have more. */
enum { RESOLVERS_MAX = 16 };

/*
 * The files in which local resolvers, such as those at 127.0.0.53, name the servers that they ask.
 */
static const char *const upstream_paths[] = { "/run/systemd/resolve/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf" };

const char *need_kind_text(enum need_kind kind)
{
	switch (kind) {
	case NEED_REMOTE:
		return "in `remotes` or `proxy`";
	case NEED_CONNECTION:
		return "the other end of an outer connection";
	case NEED_RESOLVER:
		return "a resolver of this host";
	}
	return "needed";
}

static int add(struct needs *needs, const struct addr *addr, enum need_kind kind)
{
	struct need *items = reallocarray(needs->items, needs->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	needs->items = items;
	items[needs->count++] = (struct need){ .addr = *addr, .kind = kind };
	return 0;
}

static int add_all(struct needs *needs, const struct addr *addrs, size_t count, enum need_kind kind)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = add(needs, &addrs[i], kind);
	return r;
}

/* ---- connections ---- */

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/*
 * Sorts the addresses and removes repetitions: a peer has a connection for each lane, but is one
 * need.
 */
static size_t without_repeats(struct addr *addrs, size_t count)
{
	size_t kept = 0;

	if (count > 1)
		qsort(addrs, count, sizeof(addrs[0]), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !addr_equal(&addrs[kept - 1], &addrs[i]))
			addrs[kept++] = addrs[i];
	}
	return kept;
}

static int add_connections(
	struct needs *needs, const struct settings *settings, struct problem *problem)
{
	const uint32_t own = settings_mark(settings);
	struct addr *addrs = NULL;
	size_t count = 0;
	int r = netlink_diag_connections(NETLINK_DIAG_PROVEN,
		SETTINGS_MARK_DEFAULT & SETTINGS_MARK_MASK, SETTINGS_MARK_MASK, &addrs, &count,
		problem);

	if (r == 0 && own != SETTINGS_MARK_DEFAULT && own != SETTINGS_MARK_PLAIN)
		r = netlink_diag_connections(
			NETLINK_DIAG_PROVEN, own, UINT32_MAX, &addrs, &count, problem);
	count = without_repeats(addrs, count);
	if (r == 0)
		r = add_all(needs, addrs, count, NEED_CONNECTION);
	free(addrs);
	return r;
}

/* ---- resolvers ---- */

/*
 * Parses "nameserver ADDRESS", also after the "#|" of a line that Culvert keeps. Returns false for
 * any other line.
 */
static bool read_line(char *line, struct addr *ret_addr)
{
	static const char word[] = "nameserver";
	char *end;

	if (strncmp(line, word, sizeof(word) - 1) != 0)
		return false;
	line += sizeof(word) - 1;
	if (!isblank((unsigned char)*line))
		return false;
	line += strspn(line, " \t");
	end = &line[strcspn(line, " \t\r%")]; /* a scope, as in fe80::1%eth0, only names the link */
	*end = '\0';
	return addr_parse(line, ret_addr) == 0;
}

size_t needs_parse_resolvers(const char *text, struct addr *out, size_t max, bool *ret_local)
{
	static const char kept[] = "#|";
	bool ours = resolv_conf_text_is_ours(text, strlen(text));
	char *copy = strdup(text), *rest = copy, *line;
	size_t count = 0;

	*ret_local = false;
	while (copy && count < max && (line = strsep(&rest, "\n"))) {
		if (ours && strncmp(line, kept, sizeof(kept) - 1) != 0)
			continue; /* a resolver that came with the tunnel */
		if (!read_line(&line[ours ? sizeof(kept) - 1 : 0], &out[count]))
			continue;
		if (addr_is_loopback(&out[count]))
			*ret_local = true;
		else
			count++;
	}
	free(copy);
	return count;
}

static bool is_pushed(const struct nameservers *pushed, const struct addr *addr)
{
	for (size_t i = 0; pushed && i < pushed->server_count; i++) {
		if (addr_equal(&pushed->server[i], addr))
			return true;
	}
	return false;
}

static int add_resolvers_of(
	struct needs *needs, const char *path, const struct nameservers *pushed, bool *ret_local)
{
	struct addr resolvers[RESOLVERS_MAX];
	struct problem ignored;
	size_t len, count;
	char *text;
	int r = file_read(path, FILE_PUBLIC, &text, &len, &ignored);

	*ret_local = false;
	if (r < 0)
		/* without a readable file nothing here looks up names by it */
		return r == -ENOMEM ? r : 0;
	count = needs_parse_resolvers(text, resolvers, RESOLVERS_MAX, ret_local);
	free(text);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (!is_pushed(pushed, &resolvers[i]))
			r = add(needs, &resolvers[i], NEED_RESOLVER);
	}
	return r;
}

static int add_resolvers(struct needs *needs, const struct nameservers *pushed)
{
	bool local, ignored;
	int r = add_resolvers_of(needs, RESOLV_CONF_PATH, pushed, &local);

	for (size_t i = 0; local && r == 0 && i < ARRAY_SIZE(upstream_paths); i++)
		r = add_resolvers_of(needs, upstream_paths[i], pushed, &ignored);
	return r;
}

/* Returns true if a name has to be looked up before the tunnel is up. */
static bool asks_for_names(const struct settings *settings)
{
	struct addr addr;

	if (settings->proxy.kind != PROXY_NONE)
		return addr_parse(settings->proxy.host, &addr) < 0;
	for (size_t i = 0; i < settings->remote_count; i++) {
		if (addr_parse(settings->remotes[i].host, &addr) < 0)
			return true;
	}
	return false;
}

/* ---- all needs ---- */

void needs_gather(const struct settings *settings, const struct nameservers *pushed,
	struct needs *ret_needs, struct problem *problem)
{
	struct addr remotes[SETTINGS_REMOTES_MAX];
	struct needs needs = { .items = NULL };
	int r;

	problem->text[0] = '\0';
	r = add_all(&needs, remotes, settings_outer(settings, remotes), NEED_REMOTE);
	if (r == 0 && asks_for_names(settings))
		r = add_resolvers(&needs, pushed);
	if (r < 0)
		problem_set(problem, "out of memory");
	else
		(void)add_connections(&needs, settings, problem);
	*ret_needs = needs;
}

void needs_free(struct needs *needs)
{
	free(needs->items);
	*needs = (struct needs){ .items = NULL };
}

const struct need *needs_next(const struct needs *needs, const struct prefix *prefix, size_t *at)
{
	while (*at < needs->count) {
		const struct need *need = &needs->items[(*at)++];

		if (prefix_contains_addr(prefix, &need->addr))
			return need;
	}
	return NULL;
}

/* Returns true if packets to the address would take a new route to the prefix. */
static bool captures(const struct interfaces *interfaces, struct netlink *netlink,
	const struct prefix *prefix, const struct need *need)
{
	static const struct netns_id here; /* all zero */
	struct netlink_way way;
	struct problem ignored;
	int r = netlink_lookup(netlink, &need->addr, &way, &ignored);

	/*
	 * A resolver that cannot be reached without a tunnel is not one that the tunnel needs.
	 * -EHOSTUNREACH is the answer of a held route, which stands in for a tunnel's.
	 */
	if (r < 0)
		return need->kind != NEED_RESOLVER || r == -EHOSTUNREACH;
	if (interfaces_have_link(interfaces, &here, way.index))
		return true;
	return !way.local && way.len <= prefix->len;
}

int needs_judge_route(const struct needs *needs, const struct interfaces *interfaces,
	struct netlink *netlink, const struct prefix *prefix, struct problem *why)
{
	const struct need *need;
	char text[ADDR_TEXT_MAX];
	size_t at = 0;

	do
		need = needs_next(needs, prefix, &at);
	while (need && !captures(interfaces, netlink, prefix, need));
	if (!need)
		return 0;
	problem_set(why, "%s is %s; to accept it, add a route to that address",
		addr_format(&need->addr, text), need_kind_text(need->kind));
	return -EADDRINUSE;
}
