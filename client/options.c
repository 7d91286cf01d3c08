/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of a profile is a row here, or in config/option_rows.c if culvertd.conf has it, too.
 * docs/configuration.md repeats the rows as conf_describe() prints them, and a test compares the
 * two.
 *
 * A profile has one peer, the server. Its options are at the top level beside the others, and
 * become the one entry of settings.peers.
 */
#include "client/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "client/profile.h"
#include "config/option_rows.h"
#include "config/conf.h"

#define SERVER_FIELD(member) .offset = offsetof(struct profile, server.member)

struct profile {
	struct settings settings;
	struct settings_peer server;
};

static_assert(
	offsetof(struct profile, settings) == 0, "a row of the settings is one of the profile");

static const struct conf_name order_names[] = {
	{ "given", SETTINGS_ORDER_GIVEN },
	{ "random", SETTINGS_ORDER_RANDOM },
	{ 0 },
};

static const struct conf_option options[] = {
	{ .key = "name",
		.applies = CONF_RESTART,
		.type = CONF_NAME,
		OPTION_FIELD(name),
		.preset_note = "the file's name without `.conf`",
		.help = "Names this tunnel and its control socket." },
	{ .key = "remotes",
		.applies = CONF_NEXT,
		.type = CONF_REMOTE,
		.shape = CONF_ARRAY,
		OPTION_FIELD(remotes),
		.count_offset = offsetof(struct settings, remote_count),
		.limit = SETTINGS_REMOTES_MAX,
		.required = true,
		.help = "Where the server is: `\"HOST:PORT PRIORITY\"`. The port is 443 and the priority 1 where none is given. Those of the lowest number are tried first, a quarter of a second apart, and the first that answers is used." },
	{ .key = "remotes_order",
		.applies = CONF_NEXT,
		.type = CONF_NAMED,
		OPTION_FIELD(remotes_order),
		.names = order_names,
		.preset = "\"given\"",
		.help = "The order in which `remotes` of one priority are tried: as they are written, or a new one each time, which spreads many clients over several servers." },
	{ .key = "return_after",
		.applies = CONF_LIVE,
		.type = CONF_DURATION,
		OPTION_FIELD(return_after),
		.min = 1,
		.max = 86400,
		.preset = "30",
		.help = "A client that is connected to a remote of a worse priority returns to a better one when that has answered for so long." },
	{ .key = "proxy",
		.applies = CONF_NEXT,
		.type = CONF_PROXY,
		OPTION_FIELD(proxy),
		.help = "Reach the server through this proxy. With a password in it the profile must be 0600." },
	{ .key = "server_name",
		.applies = CONF_RESTART,
		.type = CONF_NAME,
		SERVER_FIELD(name),
		.required = true,
		.help = "The name that the server's certificate must have." },
	{ .also = &option_rows_common },
	{ .key = "netns",
		.applies = CONF_RESTART,
		.type = CONF_STRING,
		SERVER_FIELD(netns),
		.min = 1,
		.max = SETTINGS_NETNS_MAX,
		.preset_note = "the program's own",
		.help = "The network namespace of the tunnel's interface: a name in /run/netns, a path, or \"pid:NUMBER\"." },
	{ .key = "mtu",
		.applies = CONF_NEXT,
		.type = CONF_UINT,
		OPTION_FIELD(mtu),
		.min = SETTINGS_MTU_MIN,
		.max = SETTINGS_MTU_MAX,
		.or_zero = true,
		.preset = "0",
		.help = "Bytes of the largest packet in the tunnel; 0: the server decides." },
	{ .key = "accept_routes",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		SERVER_FIELD(accept_routes.items),
		.count_offset = offsetof(struct profile, server.accept_routes.count),
		.limit = SETTINGS_PREFIX_MAX,
		.preset = SETTINGS_PRIVATE,
		.help = "The server may announce these prefixes and prefixes inside them." },
	{ .key = "tunnel_addresses",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		OPTION_FIELD(tunnel_addresses.items),
		.count_offset = offsetof(struct settings, tunnel_addresses.count),
		.limit = SETTINGS_PREFIX_MAX,
		.preset = SETTINGS_PRIVATE,
		.help = "The server may give both ends of the tunnel addresses of these prefixes, and of `accept_routes`." },
	{ .key = "max_routes",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		SERVER_FIELD(max_routes),
		.max = SETTINGS_ROUTES_MAX,
		.preset = "256",
		.help = "How many prefixes the server may announce." },
	{ .key = "metric",
		.applies = CONF_NEXT,
		.type = CONF_UINT,
		SERVER_FIELD(metric),
		.min = 1,
		.max = SETTINGS_METRIC_MAX,
		.preset = "1024",
		.help = "The metric of this tunnel's routes: of two tunnels with the same prefix, the one with the lower metric is used." },
	{ .key = "kill_switch",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(kill_switch),
		.preset = "false",
		.help = "Nothing leaves this host except through the tunnel, from the start until it is taken down, even after a crash. `remotes` must be addresses." },
	{ .key = "kill_switch_time",
		.applies = CONF_LIVE,
		.type = CONF_ADDR,
		.shape = CONF_ARRAY,
		OPTION_FIELD(kill_switch_time),
		.count_offset = offsetof(struct settings, kill_switch_time_count),
		.limit = SETTINGS_TIME_SERVERS_MAX,
		.help = "With `kill_switch` or `full_tunnel`: time servers (NTP) that this host may ask past the tunnel, so that a wrong clock can be set." },
	{ .key = "full_tunnel",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(full_tunnel),
		.preset = "false",
		.help = "Everything goes through the tunnel: the server's default route is accepted, into a table of its own that comes before all others." },
	{ .key = "bypass",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		OPTION_FIELD(bypass.items),
		.count_offset = offsetof(struct settings, bypass.count),
		.limit = SETTINGS_BYPASS_MAX,
		.help = "With `full_tunnel`: packets to these prefixes go where they would go without the tunnel." },
	{ .key = "bypass_local_bridges",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(bypass_local_bridges),
		.preset = "true",
		.help = "With `full_tunnel` or `kill_switch`: this host's containers and virtual machines, on bridges without a way to the outside, stay reachable from here." },
	{ .key = "override_routes",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		OPTION_FIELD(override_routes.items),
		.count_offset = offsetof(struct settings, override_routes.count),
		.limit = SETTINGS_BYPASS_MAX,
		.help = "The server's routes to these prefixes, and to parts of them, are taken although a network here has the same addresses, which is then not reached. Without `full_tunnel` only to a part of that network." },
	{ .key = "answer_inbound",
		.applies = CONF_LIVE,
		.type = CONF_BOOL,
		OPTION_FIELD(answer_inbound),
		.preset = "false",
		.help = "With `full_tunnel` or `kill_switch`: who calls this host from outside the tunnel is answered there, so that SSH still reaches it." },
	{ .key = "renew",
		.applies = CONF_RESTART,
		.type = CONF_BOOL,
		OPTION_FIELD(renew),
		.preset = "false",
		.help = "Renew this end's certificate through the tunnel in the last third of its life, where the server has an `issuer`, and take new CA certificates and revocation lists from the server." },
	{ .key = "state_dir",
		.applies = CONF_RESTART,
		.type = CONF_PATH,
		OPTION_FIELD(state_dir),
		.min = 1,
		.max = SETTINGS_PATH_MAX,
		.preset_note = "with `renew`: `" SETTINGS_STATE_DIR "/NAME`",
		.help = "The directory for what was renewed." },
	{ .key = "use_dns",
		.applies = CONF_NEXT,
		.type = CONF_BOOL,
		OPTION_FIELD(use_dns),
		.preset = "true",
		.help = "Take the resolvers and domains that the server pushes." },
};

static const struct conf_table table = {
	.options = options,
	.count = ARRAY_SIZE(options),
	.size = sizeof(struct profile),
};

static int set_places(struct settings *settings, const char *path, struct problem *problem)
{
	struct identity name;

	if (settings->name[0] == '\0') {
		if (profile_name(path, &name) < 0) {
			problem_set(problem,
				"name: expected a key name, because the file's own name is not 1 to 64 characters of A-Z a-z 0-9 . _ -, got nothing");
			return -EINVAL;
		}
		memcpy(settings->name, name.name, sizeof(name.name));
	}
	settings_fill_paths(settings);
	return 0;
}

/* Makes the server the settings' one peer, which then owns the server's list. */
static int set_server(struct settings *settings, struct settings_peer *server)
{
	settings->peers = calloc(1, sizeof(*settings->peers));
	if (!settings->peers)
		return -ENOMEM;
	settings->peers[0] = *server;
	settings->peer_count = 1;
	server->accept_routes = (struct prefix_list){ .items = NULL };
	return 0;
}

int client_options_load(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem)
{
	struct profile profile = { .settings = { .peers = NULL } };
	struct settings *settings;
	int r = settings_new(SETTINGS_CLIENT, &settings);

	if (r < 0)
		return r;
	profile.settings = *settings;
	r = conf_load(text, len, path, &table, &profile, problem);
	*settings = profile.settings;
	explicit_bzero(&profile.settings.proxy, sizeof(profile.settings.proxy));
	if (r == 0)
		r = set_server(settings, &profile.server);
	if (r < 0)
		goto free;
	r = set_places(settings, path, problem);
	if (r == 0)
		r = settings_check(settings, problem);
	if (r == -EINVAL)
		conf_locate(text, len, path, problem);
	if (r < 0)
		goto free;
	*ret_settings = settings;
	return 0;

free:
	free(profile.server.accept_routes.items);
	settings_free(settings);
	return r;
}

/* Shows settings as the table's struct. It borrows everything. */
static struct profile profile_of(const struct settings *settings)
{
	return (struct profile){ .settings = *settings, .server = settings->peers[0] };
}

int client_options_compare(const struct settings *before, const struct settings *after,
	struct configuration_changes *changes)
{
	struct profile first = profile_of(before), second = profile_of(after);
	int r = configuration_changes_add(changes, &table, &first, &second);

	explicit_bzero(&first.settings.proxy, sizeof(first.settings.proxy));
	explicit_bzero(&second.settings.proxy, sizeof(second.settings.proxy));
	return r;
}

int client_options_describe(FILE *out)
{
	return conf_describe(&table, out);
}
