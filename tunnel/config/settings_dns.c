/* SPDX-License-Identifier: Apache-2.0 */
/* The resolvers and domains that a server pushes: to all peers, or to one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/settings.h"

enum { KEY_MAX = 128 }; /* "peers.[12].dns (NAME)" with NUL */

/* ---- a list without its duplicates ---- */

/* Returns false if there is no room. */
static bool add_server(struct nameservers *out, const struct addr *server)
{
	for (size_t i = 0; i < out->server_count; i++) {
		if (addr_equal(&out->server[i], server))
			return true;
	}
	if (out->server_count == NAMESERVERS_MAX)
		return false;
	out->server[out->server_count++] = *server;
	return true;
}

static bool add_domain(struct nameservers *out, const char *domain)
{
	for (size_t i = 0; i < out->domain_count; i++) {
		if (strcmp(out->domain[i], domain) == 0)
			return true;
	}
	if (out->domain_count == NAMESERVERS_DOMAINS_MAX)
		return false;
	memcpy(out->domain[out->domain_count++], domain, strlen(domain) + 1);
	return true;
}

/* Returns false if the peer's own list, with the common one in it, is over the limit. */
static bool expand_servers(
	const struct nameservers *common, const struct addr_list *own, struct nameservers *out)
{
	bool fits = true;

	for (size_t i = 0; i < own->count; i++) {
		bool is_common = !addr_is_set(&own->items[i]);

		if (!is_common)
			fits = add_server(out, &own->items[i]) && fits;
		for (size_t n = 0; n < common->server_count && is_common; n++)
			fits = add_server(out, &common->server[n]) && fits;
	}
	return fits;
}

static bool expand_domains(
	const struct nameservers *common, const struct domain_list *own, struct nameservers *out)
{
	bool fits = true;

	for (size_t i = 0; i < own->count; i++) {
		bool is_common = own->items[i][0] == '\0';

		if (!is_common)
			fits = add_domain(out, own->items[i]) && fits;
		for (size_t n = 0; n < common->domain_count && is_common; n++)
			fits = add_domain(out, common->domain[n]) && fits;
	}
	return fits;
}

void settings_nameservers(const struct settings *settings, const struct settings_peer *peer,
	struct nameservers *ret_nameservers)
{
	struct nameservers out = settings->dns;

	if (peer && peer->has_dns) {
		memset(out.server, 0, sizeof(out.server));
		out.server_count = 0;
		(void)expand_servers(&settings->dns, &peer->dns, &out);
	}
	if (peer && peer->has_domains) {
		memset(out.domain, 0, sizeof(out.domain));
		out.domain_count = 0;
		(void)expand_domains(&settings->dns, &peer->domains, &out);
	}
	*ret_nameservers = out;
}

/* ---- checks ---- */

static int check_server(
	const struct addr *server, const char *key, size_t at, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	if (nameservers_server_is_valid(server))
		return 0;
	problem_set(problem, "%s.[%zu]: %s is no address that a resolver can have", key, at,
		addr_format(server, text));
	return -EINVAL;
}

static int check_domain(const char *domain, const char *key, size_t at, struct problem *problem)
{
	if (nameservers_domain_is_valid(domain, strlen(domain)))
		return 0;
	problem_set(problem,
		"%s.[%zu]: expected a domain of A-Z a-z 0-9 . _ -, such as corp.example.org, got "
		"\"%s\"",
		key, at, domain);
	return -EINVAL;
}

static int check_limit(bool fits, const char *key, const char *name, size_t limit,
	const char *things, struct problem *problem)
{
	if (fits)
		return 0;
	problem_set(problem,
		"%s (%s): expected at most %zu %s together with those of the common list, got more",
		key, name, limit, things);
	return -EINVAL;
}

static int check_peer(const struct settings *settings, size_t index, struct problem *problem)
{
	const struct settings_peer *peer = &settings->peers[index];
	struct nameservers out = { .server_count = 0 };
	char dns[KEY_MAX], domains[KEY_MAX];
	int r = 0;

	(void)snprintf(dns, sizeof(dns), "peers.[%zu].dns", index);
	(void)snprintf(domains, sizeof(domains), "peers.[%zu].domains", index);
	for (size_t i = 0; i < peer->dns.count && r == 0; i++) {
		if (addr_is_set(&peer->dns.items[i]))
			r = check_server(&peer->dns.items[i], dns, i, problem);
	}
	for (size_t i = 0; i < peer->domains.count && r == 0; i++) {
		if (peer->domains.items[i][0] != '\0')
			r = check_domain(peer->domains.items[i], domains, i, problem);
	}
	if (r == 0)
		r = check_limit(expand_servers(&settings->dns, &peer->dns, &out), dns,
			peer->name.name, NAMESERVERS_MAX, "resolvers", problem);
	if (r == 0)
		r = check_limit(expand_domains(&settings->dns, &peer->domains, &out), domains,
			peer->name.name, NAMESERVERS_DOMAINS_MAX, "domains", problem);
	return r;
}

int settings_check_dns(const struct settings *settings, struct problem *problem)
{
	const struct nameservers *dns = &settings->dns;
	int r = 0;

	for (size_t i = 0; i < dns->server_count && r == 0; i++)
		r = check_server(&dns->server[i], "dns", i, problem);
	for (size_t i = 0; i < dns->domain_count && r == 0; i++)
		r = check_domain(dns->domain[i], "domains", i, problem);
	for (size_t i = 0; i < settings->peer_count && r == 0; i++)
		r = check_peer(settings, i, problem);
	return r;
}
