/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of a profile is a row here and nowhere else. docs/configuration.md repeats the rows
 * as conf_describe() prints them, and a test compares the two.
 *
 * A profile knows one peer, the server: its options stand at the top level beside the others, and
 * the one entry of settings.peers is made of them afterwards.
 */
#include "client/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "system/conf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(member) .offset = offsetof(struct profile, settings.member)
#define SERVER_FIELD(member) .offset = offsetof(struct profile, server.member)

struct profile {
	struct settings settings;
	struct settings_peer server;
};

static const struct conf_option options[] = {
	{ .key = "name",
		.type = CONF_NAME,
		FIELD(name),
		.preset_note = "the file's name without `.conf`",
		.help = "Names this tunnel: its control socket and its state directory." },
	{ .key = "remotes",
		.type = CONF_REMOTE,
		.shape = CONF_ARRAY,
		FIELD(remotes),
		.count_offset = offsetof(struct profile, settings.remote_count),
		.limit = SETTINGS_REMOTES_MAX,
		.required = true,
		.help = "Where the server is, tried in turn. The port is 443 where none is given." },
	{ .key = "server_name",
		.type = CONF_NAME,
		SERVER_FIELD(name),
		.required = true,
		.help = "The name that the server's certificate must have." },
	{ .key = "certificate",
		.type = CONF_MATERIAL,
		FIELD(certificate),
		.required = true,
		.help = "This end's certificate, with intermediates after it where there are any." },
	{ .key = "key",
		.type = CONF_MATERIAL,
		FIELD(key),
		.required = true,
		.help = "The certificate's private key. The file that holds it must be 0600." },
	{ .key = "ca",
		.type = CONF_MATERIAL,
		FIELD(ca),
		.required = true,
		.help = "The certificates of the authorities that the server's comes from." },
	{ .key = "crl",
		.type = CONF_MATERIAL,
		FIELD(crl),
		.help = "Revocation lists; once given, one must be valid for each authority." },
	{ .key = "user",
		.type = CONF_STRING,
		FIELD(user),
		.min = 1,
		.max = SETTINGS_USER_MAX,
		.preset = "\"nobody\"",
		.help = "The user that the engine, which talks to the network, runs as." },
	{ .key = "control_socket",
		.type = CONF_PATH,
		FIELD(control_socket),
		.min = 1,
		.max = SETTINGS_SOCKET_MAX,
		.preset_note = "`" SETTINGS_RUN_DIR "/NAME.sock`",
		.help = "The socket that `culvert status` and others ask." },
	{ .key = "state_dir",
		.type = CONF_PATH,
		FIELD(state_dir),
		.min = 1,
		.max = SETTINGS_PATH_MAX,
		.preset_note = "`" SETTINGS_STATE_DIR "/NAME`",
		.help = "The directory of what outlives a restart." },
	{ .key = "log_level",
		.type = CONF_LOG_LEVEL,
		FIELD(log_level),
		.preset = "\"info\"",
		.help = "What is logged: this level and all before it." },
	{ .key = "workers",
		.type = CONF_UINT,
		FIELD(workers),
		.max = SETTINGS_WORKERS_MAX,
		.preset = "1",
		.help = "Threads that carry packets; 0: one for each processor." },
	{ .key = "congestion",
		.type = CONF_STRING,
		FIELD(congestion),
		.max = SETTINGS_CONGESTION_MAX,
		.preset_note = "the kernel's",
		.help = "TCP congestion control of the outer connection, such as `\"bbr\"`." },
	{ .key = "mark",
		.type = CONF_UINT,
		FIELD(mark),
		.max = UINT32_MAX,
		.preset = "0",
		.help = "Firewall mark (SO_MARK) of the outer connection; 0: none." },
	{ .key = "handshake_timeout",
		.type = CONF_DURATION,
		FIELD(handshake_timeout),
		.min = 1,
		.max = 60,
		.preset = "10",
		.help = "From the first packet to the session, in total, for one attempt." },
	{ .key = "interface",
		.type = CONF_IFNAME,
		FIELD(interface),
		.min = 1,
		.max = SETTINGS_IFNAME_MAX,
		.preset = "\"cv%d\"",
		.help = "The tunnel interface's name; %d becomes the first free number." },
	{ .key = "mtu",
		.type = CONF_UINT,
		FIELD(mtu),
		.min = SETTINGS_MTU_MIN,
		.max = SETTINGS_MTU_MAX,
		.or_zero = true,
		.preset = "0",
		.help = "Bytes of the largest packet in the tunnel; 0: as the server says." },
	{ .key = "offloads",
		.type = CONF_BOOL,
		FIELD(offloads),
		.preset = "true",
		.help = "Carry large TCP and UDP packets whole, where the server takes them." },
	{ .key = "announce",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		FIELD(announce.items),
		.count_offset = offsetof(struct profile, settings.announce.count),
		.limit = SETTINGS_PREFIX_MAX,
		.help = "Prefixes behind this end, announced to the server." },
	{ .key = "accept_routes",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		SERVER_FIELD(accept_routes.items),
		.count_offset = offsetof(struct profile, server.accept_routes.count),
		.limit = SETTINGS_PREFIX_MAX,
		.preset = "[ \"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\", "
			  "\"100.64.0.0/10\", \"fc00::/7\" ]",
		.help = "The server may announce these prefixes and what lies inside them." },
	{ .key = "max_routes",
		.type = CONF_UINT,
		SERVER_FIELD(max_routes),
		.max = SETTINGS_ROUTES_MAX,
		.preset = "256",
		.help = "How many prefixes the server may announce." },
};

static const struct conf_table table = {
	.options = options,
	.count = COUNT(options),
	.size = sizeof(struct profile),
};

/* "/etc/culvert/branch-a.conf" is branch-a. -EINVAL: no valid name comes of it. */
static int name_from_path(const char *path, char out[SETTINGS_NAME_MAX + 1])
{
	static const char suffix[] = ".conf";
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? &slash[1] : path;
	size_t len = strlen(base), suffix_len = sizeof(suffix) - 1;
	struct identity identity;

	if (len > suffix_len && strcmp(&base[len - suffix_len], suffix) == 0)
		len -= suffix_len;
	if (identity_set(&identity, base, len) < 0)
		return -EINVAL;
	memcpy(out, identity.name, sizeof(identity.name));
	return 0;
}

static int set_places(struct settings *settings, const char *path, struct problem *problem)
{
	if (settings->name[0] == '\0' && name_from_path(path, settings->name) < 0) {
		problem_set(problem,
			"name: expected a key name, since the file's own name is none "
			"of 1 to 64 of A-Z a-z 0-9 . _ -, got nothing");
		return -EINVAL;
	}
	settings_fill_places(settings);
	return 0;
}

/* The settings get the server as their one peer, which owns its list from here on. */
static int set_server(struct settings *settings, struct settings_peer *server)
{
	settings->peers = calloc(1, sizeof(*settings->peers));
	if (settings->peers == NULL)
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

int client_options_describe(FILE *out)
{
	return conf_describe(&table, out);
}
