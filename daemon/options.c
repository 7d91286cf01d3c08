/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each option of culvertd.conf has a row here, or in config/option_rows.c if a profile has it too.
 * docs/configuration.md repeats the rows as conf_describe() prints them, and a test compares the
 * two.
 */
#include "daemon/options.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/array.h"
#include "config/option_rows.h"
#include "config/conf.h"

#define PEER_FIELD(member) .offset = offsetof(struct settings_peer, member)
#define ISSUER_FIELD(member) .offset = offsetof(struct settings_issuer, member)

static const struct conf_option peer_options[] = {
	{ .key = "name",
		.applies = CONF_LIVE,
		.type = CONF_NAME,
		PEER_FIELD(name),
		.required = true,
		.help = "The peer's name, and without `identity` that in its certificate." },
	{ .key = "identity",
		.applies = CONF_LIVE,
		.type = CONF_TEXT,
		PEER_FIELD(identity),
		.min = 1,
		.max = SETTINGS_PEER_NAME_MAX,
		.preset_note = "the plain name in it is `name`",
		.help = "What the peer's certificate must have, as \"KIND:VALUE\", compared exactly. KIND is dns, uri, email, upn, cn, subject, sha256 or spki-sha256." },
	{ .key = "issuer",
		.applies = CONF_LIVE,
		.type = CONF_TEXT,
		PEER_FIELD(issuer),
		.min = 1,
		.max = SETTINGS_PEER_NAME_MAX,
		.preset_note = "any in `ca`",
		.help = "A CA that must be above the peer's certificate: \"sha256:...\" or \"spki-sha256:...\" of any, or \"subject:...\" of the one in `ca`." },
	{ .key = "interface",
		.applies = CONF_RESTART,
		.type = CONF_IFNAME,
		PEER_FIELD(interface),
		.min = 1,
		.max = SETTINGS_IFNAME_MAX,
		.preset_note = "the common `interface`",
		.help = "The name of this peer's tunnel interface." },
	{ .key = "netns",
		.applies = CONF_RESTART,
		.type = CONF_STRING,
		PEER_FIELD(netns),
		.min = 1,
		.max = SETTINGS_NETNS_MAX,
		.preset_note = "the program's own",
		.help = "The network namespace of this peer's interface: a name in /run/netns, a path, or \"pid:NUMBER\"." },
	{ .key = "address4",
		.applies = CONF_LIVE,
		.type = CONF_ADDR,
		PEER_FIELD(address4),
		.family = AF_INET,
		.preset_note = "from `pool4`",
		.help = "A fixed address in `pool4`, kept for this peer alone." },
	{ .key = "address6",
		.applies = CONF_LIVE,
		.type = CONF_ADDR,
		PEER_FIELD(address6),
		.family = AF_INET6,
		.preset_note = "from `pool6`",
		.help = "A fixed address in `pool6`, kept for this peer alone." },
	{ .key = "accept_routes",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		PEER_FIELD(accept_routes.items),
		.count_offset = offsetof(struct settings_peer, accept_routes.count),
		.limit = SETTINGS_PREFIX_MAX,
		.help = "The peer may announce these prefixes and prefixes inside them." },
	{ .key = "max_routes",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		PEER_FIELD(max_routes),
		.max = SETTINGS_ROUTES_MAX,
		.preset = "64",
		.help = "How many prefixes the peer may announce." },
	{ .key = "metric",
		.applies = CONF_NEXT,
		.type = CONF_UINT,
		PEER_FIELD(metric),
		.min = 1,
		.max = SETTINGS_METRIC_MAX,
		.preset = "1024",
		.help = "The metric of the routes to this peer: of two peers with the same prefix, the one with the lower metric is used." },
	{ .key = "reach",
		.applies = CONF_LIVE,
		.type = CONF_NAME,
		.shape = CONF_ALLOCATED,
		PEER_FIELD(reach.items),
		.count_offset = offsetof(struct settings_peer, reach.count),
		.limit = SETTINGS_REACH_MAX,
		.keyword = SETTINGS_REACH_ALL,
		.help = "Other peers that this one may reach through the server, which announces their routes to it; \"@all\" is every other entry." },
	{ .key = "lanes",
		.applies = CONF_NEXT,
		.type = CONF_UINT,
		PEER_FIELD(lanes),
		.min = 1,
		.max = SETTINGS_LANES_MAX,
		.preset_note = "the common `lanes`",
		.help = "Connections that this peer's session may use in parallel." },
	{ .key = "announce",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		PEER_FIELD(announce.items),
		.count_offset = offsetof(struct settings_peer, announce.count),
		.given_offset = offsetof(struct settings_peer, has_announce),
		.limit = SETTINGS_PREFIX_MAX,
		.keyword = SETTINGS_COMMON,
		.preset_note = "the common `announce`",
		.help = "Prefixes announced to this peer instead of the common ones; \"@common\" stands for those, also for tracked networks." },
	{ .key = "dns",
		.applies = CONF_LIVE,
		.type = CONF_ADDR,
		.shape = CONF_ALLOCATED,
		PEER_FIELD(dns.items),
		.count_offset = offsetof(struct settings_peer, dns.count),
		.given_offset = offsetof(struct settings_peer, has_dns),
		.limit = NAMESERVERS_MAX,
		.keyword = SETTINGS_COMMON,
		.preset_note = "the common `dns`",
		.help = "Resolvers for this peer instead of the common ones." },
	{ .key = "domains",
		.applies = CONF_LIVE,
		.type = CONF_STRING,
		.shape = CONF_ALLOCATED,
		PEER_FIELD(domains.items),
		.count_offset = offsetof(struct settings_peer, domains.count),
		.given_offset = offsetof(struct settings_peer, has_domains),
		.limit = NAMESERVERS_DOMAINS_MAX,
		.min = 1,
		.max = NAMESERVERS_DOMAIN_MAX,
		.keyword = SETTINGS_COMMON,
		.preset_note = "the common `domains`",
		.help = "Domains for this peer instead of the common ones." },
};

static const struct conf_table peer_table = {
	.options = peer_options,
	.count = ARRAY_SIZE(peer_options),
	.size = sizeof(struct settings_peer),
};

static const struct conf_option issuer_options[] = {
	{ .key = "certificate",
		.applies = CONF_RESTART,
		.type = CONF_PATH,
		ISSUER_FIELD(certificate),
		.min = 1,
		.max = SETTINGS_PATH_MAX,
		.required = true,
		.help = "The file with the certificate of the CA that issues, and those above it that clients need; best an intermediate CA with a path length of 0." },
	{ .key = "key",
		.applies = CONF_RESTART,
		.type = CONF_PATH,
		ISSUER_FIELD(key),
		.min = 1,
		.max = SETTINGS_PATH_MAX,
		.required = true,
		.help = "The file with its private key, which the issuing process gets and no other. It must be 0600." },
	{ .key = "lifetime",
		.applies = CONF_RESTART,
		.type = CONF_DURATION,
		ISSUER_FIELD(lifetime),
		.min = 30,
		.max = 365.0 * 86400,
		.preset = "\"30d\"",
		.help = "How long what it issues is valid, but no longer than its own certificate." },
	{ .key = "user",
		.applies = CONF_RESTART,
		.type = CONF_STRING,
		ISSUER_FIELD(user),
		.min = 1,
		.max = SETTINGS_USER_MAX,
		.preset_note = "the common `user`",
		.help = "The user that runs the issuing process; best one that has nothing else." },
};

static const struct conf_table issuer_table = {
	.options = issuer_options,
	.count = ARRAY_SIZE(issuer_options),
	.size = sizeof(struct settings_issuer),
};

static const struct conf_option options[] = {
	{ .key = "name",
		.applies = CONF_RESTART,
		.type = CONF_NAME,
		OPTION_FIELD(name),
		.preset = "\"culvertd\"",
		.help = "Names this instance: its control socket and its state directory." },
	{ .key = "listen",
		.applies = CONF_LIVE,
		.type = CONF_ENDPOINT,
		.shape = CONF_ARRAY,
		OPTION_FIELD(listen),
		.count_offset = offsetof(struct settings, listen_count),
		.limit = SETTINGS_LISTEN_MAX,
		.preset = "[ \"[::]:443\", \"0.0.0.0:443\" ]",
		.help = "Addresses that peers connect to. The port is 443 where none is given." },
	{ .also = &option_rows_common },
	{ .key = "state_dir",
		.applies = CONF_RESTART,
		.type = CONF_PATH,
		OPTION_FIELD(state_dir),
		.min = 1,
		.max = SETTINGS_PATH_MAX,
		.preset_note = "`" SETTINGS_STATE_DIR "/NAME`",
		.help = "The directory for state that survives a restart: the leases of addresses." },
	{ .key = "mtu",
		.applies = CONF_NEXT,
		.type = CONF_UINT,
		OPTION_FIELD(mtu),
		.min = SETTINGS_MTU_MIN,
		.max = SETTINGS_MTU_MAX,
		.preset = "1500",
		.help = "Bytes of the largest packet in the tunnel." },
	{ .key = "ping_interval",
		.applies = CONF_NEXT,
		.type = CONF_DURATION,
		OPTION_FIELD(ping_interval),
		.min = 0.1,
		.max = 3600,
		.preset = "5",
		.help = "How long a connection may be silent before this end sends a ping." },
	{ .key = "dead_after",
		.applies = CONF_NEXT,
		.type = CONF_DURATION,
		OPTION_FIELD(dead_after),
		.min = 0.3,
		.max = 86400,
		.preset = "15",
		.help = "A peer that is silent for this long is dead. More than `ping_interval`." },
	{ .key = "linger",
		.applies = CONF_LIVE,
		.type = CONF_DURATION,
		OPTION_FIELD(linger),
		.min = 0,
		.max = 86400,
		.preset = "120",
		.help = "How long a session whose connection is lost keeps interface, addresses and routes, so that its peer can return. 0: not at all." },
	{ .key = "pool4",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		OPTION_FIELD(pool4),
		.family = AF_INET,
		.help = "Addresses for peers; the first is the server's. One pool at least is needed." },
	{ .key = "pool6",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		OPTION_FIELD(pool6),
		.family = AF_INET6,
		.help = "The same for IPv6." },
	{ .key = "nat",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(nat),
		.preset = "false",
		.help = "Masquerade the pools' addresses where peers reach networks beyond this host." },
	{ .key = "dns",
		.applies = CONF_LIVE,
		.type = CONF_ADDR,
		.shape = CONF_ARRAY,
		OPTION_FIELD(dns.server),
		.count_offset = offsetof(struct settings, dns.server_count),
		.limit = NAMESERVERS_MAX,
		.help = "Resolvers for clients, which reach them through the tunnel." },
	{ .key = "domains",
		.applies = CONF_LIVE,
		.type = CONF_STRING,
		.shape = CONF_ARRAY,
		OPTION_FIELD(dns.domain),
		.count_offset = offsetof(struct settings, dns.domain_count),
		.limit = NAMESERVERS_DOMAINS_MAX,
		.min = 1,
		.max = NAMESERVERS_DOMAIN_MAX,
		.help = "Domains that the resolvers know; clients also search short names in them." },
	{ .key = "max_sessions",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		OPTION_FIELD(max_sessions),
		.min = 1,
		.max = SETTINGS_SESSIONS_MAX,
		.preset = "1024",
		.help = "How many peers can be connected at the same time. A low limit of open files (LimitNOFILE) allows fewer." },
	{ .key = "max_handshakes",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		OPTION_FIELD(max_handshakes),
		.min = 1,
		.max = SETTINGS_SESSIONS_MAX,
		.preset = "256",
		.help = "How many connections may wait for a whole TLS ClientHello at the same time, and how many more between that and their session." },
	{ .key = "unlisted",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(unlisted),
		.preset = "false",
		.help = "Admit every peer with a valid certificate, listed or not." },
	{ .key = "issuer",
		.applies = CONF_RESTART,
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		OPTION_FIELD(issuer),
		.count_offset = offsetof(struct settings, issuer_count),
		.limit = 1,
		.table = &issuer_table,
		.help = "Renew the certificates of clients that ask for it through the tunnel (`renew`), with the keys below." },
	{ .key = "peers",
		.applies = CONF_LIVE,
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		OPTION_FIELD(peers),
		.count_offset = offsetof(struct settings, peer_count),
		.limit = SETTINGS_PEERS_MAX,
		.table = &peer_table,
		.help = "The peers that may connect, each with the keys below." },
};

static const struct conf_table table = {
	.options = options,
	.count = ARRAY_SIZE(options),
	.size = sizeof(struct settings),
};

int daemon_options_load(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem)
{
	struct settings *settings;
	int r = settings_new(SETTINGS_SERVER, &settings);

	if (r < 0)
		return r;
	r = conf_load(text, len, path, &table, settings, problem);
	if (r < 0)
		goto free;
	r = settings_gather_own(settings);
	if (r < 0) {
		problem_set(problem, "%s: not enough memory to read it", path);
		goto free;
	}
	settings_fill_paths(settings);
	r = settings_check(settings, problem);
	if (r == 0)
		r = settings_index(settings, problem);
	if (r == -EINVAL)
		conf_locate(text, len, path, problem);
	if (r < 0)
		goto free;
	*ret_settings = settings;
	return 0;

free:
	settings_free(settings);
	return r;
}

int daemon_options_compare(const struct settings *before, const struct settings *after,
	struct configuration_changes *changes)
{
	configuration_changes_pools(changes, before, after);
	return configuration_changes_add(changes, &table, before, after);
}

int daemon_options_describe(FILE *out)
{
	return conf_describe(&table, out);
}
