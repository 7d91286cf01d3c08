/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of a lab's file is a row here; docs/lab.md repeats the rows as conf_describe() prints them. */
#include "lab_options.h"

#include "base/array.h"
#include "lab.h"

#define MANUAL "docs/lab.md"

#define INTERFACE_FIELD(member) .offset = offsetof(struct lab_interface, member)

static const struct conf_option interface_options[] = {
	{ .key = "name",
		.type = CONF_IFNAME,
		INTERFACE_FIELD(name),
		.min = 1,
		.max = SETTINGS_IFNAME_MAX,
		.required = true,
		.help = "Its name in the host." },
	{ .key = "network",
		.type = CONF_NAME,
		INTERFACE_FIELD(network),
		.required = true,
		.help = "The link or the LAN that it is on." },
	{ .key = "addresses",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		INTERFACE_FIELD(addresses.items),
		.count_offset = offsetof(struct lab_interface, addresses.count),
		.limit = LAB_ADDRESSES_MAX,
		.host_bits = true,
		.help = "Its addresses." },
	{ .key = "gateways",
		.type = CONF_ADDR,
		.shape = CONF_ARRAY,
		INTERFACE_FIELD(gateways),
		.count_offset = offsetof(struct lab_interface, gateway_count),
		.limit = LAB_GATEWAYS_MAX,
		.help = "Where default routes go, one a family. The host's first interface that is up is preferred." },
	{ .key = "up",
		.type = CONF_BOOL,
		INTERFACE_FIELD(up),
		.preset = "true",
		.help = "Whether it is up at first; `scripts/lab link` switches it." },
};

static const struct conf_table interface_table = { interface_options, ARRAY_SIZE(interface_options),
	sizeof(struct lab_interface), MANUAL };

static const struct conf_option route_options[] = {
	{ .key = "to",
		.type = CONF_PREFIX,
		.offset = offsetof(struct lab_route, to),
		.required = true,
		.help = "Where it leads." },
	{ .key = "via",
		.type = CONF_ADDR,
		.offset = offsetof(struct lab_route, via),
		.required = true,
		.help = "The neighbour's address." },
};

static const struct conf_table route_table = { route_options, ARRAY_SIZE(route_options),
	sizeof(struct lab_route), MANUAL };

#define HOST_FIELD(member) .offset = offsetof(struct lab_host, member)

static const struct conf_option host_options[] = {
	{ .key = "name",
		.type = CONF_NAME,
		HOST_FIELD(name),
		.required = true,
		.help = "The host's name." },
	{ .key = "forward",
		.type = CONF_BOOL,
		HOST_FIELD(forward),
		.preset = "false",
		.help = "Forward packets, as a router does." },
	{ .key = "interfaces",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		HOST_FIELD(interfaces),
		.count_offset = offsetof(struct lab_host, interface_count),
		.limit = LAB_COUNT_MAX,
		.table = &interface_table,
		.help = "Its interfaces, each with the keys below." },
	{ .key = "routes",
		.type = CONF_GROUP,
		.shape = CONF_ALLOCATED,
		HOST_FIELD(routes),
		.count_offset = offsetof(struct lab_host, route_count),
		.limit = LAB_COUNT_MAX,
		.table = &route_table,
		.help = "Static routes, each with the keys below." },
};

static const struct conf_table host_table = { host_options, ARRAY_SIZE(host_options),
	sizeof(struct lab_host), MANUAL };

#define LINK_FIELD(member, longest) \
	.type = CONF_STRING, .offset = offsetof(struct lab_link, member), .min = 1, .max = (longest)

static const struct conf_option link_options[] = {
	{ .key = "name",
		.type = CONF_NAME,
		.offset = offsetof(struct lab_link, name),
		.required = true,
		.help = "The link's name." },
	{ .key = "rate",
		LINK_FIELD(rate, LAB_OPTION_MAX),
		.preset_note = "no limit",
		.help = "Bits a second, in each direction: `\"100mbit\"`." },
	{ .key = "delay", LINK_FIELD(delay, LAB_OPTION_MAX), .help = "One way: `\"20ms\"`." },
	{ .key = "jitter",
		LINK_FIELD(jitter, LAB_OPTION_MAX),
		.help = "How much the delay varies, up and down: `\"2ms\"`." },
	{ .key = "queue",
		LINK_FIELD(queue, LAB_OPTION_MAX),
		.preset_note = "`\"1mb\"`",
		.help = "Bytes that may wait for the link: `\"250kb\"`." },
	{ .key = "loss",
		LINK_FIELD(loss, LAB_OPTION_MAX),
		.help = "The share of packets that are lost, each independently: `\"1%\"`." },
	{ .key = "seed",
		LINK_FIELD(seed, LAB_OPTION_MAX),
		.preset_note = "`\"1\"`",
		.help = "The same seed loses the same packets." },
	{ .key = "forward",
		LINK_FIELD(forward, LAB_SPEC_MAX),
		.help = "What differs from the first end to the second: `\"rate=10mbit,delay=5ms\"`." },
	{ .key = "backward",
		LINK_FIELD(backward, LAB_SPEC_MAX),
		.help = "The same for the way back." },
	{ .key = "mtu",
		.type = CONF_UINT,
		.offset = offsetof(struct lab_link, mtu),
		.min = SETTINGS_MTU_MIN,
		.max = SETTINGS_MTU_MAX,
		.preset = "1500",
		.help = "Bytes of the largest packet." },
};

static const struct conf_table link_table = { link_options, ARRAY_SIZE(link_options),
	sizeof(struct lab_link), MANUAL };

static const struct conf_option lan_options[] = {
	{ .key = "name",
		.type = CONF_NAME,
		.offset = offsetof(struct lab_lan, name),
		.required = true,
		.help = "The LAN's name." },
	{ .key = "mtu",
		.type = CONF_UINT,
		.offset = offsetof(struct lab_lan, mtu),
		.min = SETTINGS_MTU_MIN,
		.max = SETTINGS_MTU_MAX,
		.preset = "1500",
		.help = "Bytes of the largest packet." },
};

static const struct conf_table lan_table = { lan_options, ARRAY_SIZE(lan_options),
	sizeof(struct lab_lan), MANUAL };

#define SERVER_FIELD(member) .offset = offsetof(struct lab_server, member)

static const struct conf_option server_options[] = {
	{ .key = "host",
		.type = CONF_NAME,
		SERVER_FIELD(host),
		.required = true,
		.help = "The host that it runs on; its certificate has the same name." },
	{ .key = "announce",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		SERVER_FIELD(announce.items),
		.count_offset = offsetof(struct lab_server, announce.count),
		.limit = SETTINGS_PREFIX_MAX,
		.help = "Prefixes behind it." },
	{ .key = "pool4",
		.type = CONF_PREFIX,
		SERVER_FIELD(pool4),
		.family = AF_INET,
		.preset_note = "`10.213.N.0/24`, N from 0",
		.help = "Addresses for its peers." },
	{ .key = "pool6",
		.type = CONF_PREFIX,
		SERVER_FIELD(pool6),
		.family = AF_INET6,
		.preset_note = "`fd00:c17:e27:N::/64`",
		.help = "The same for IPv6." },
	{ .key = "settings",
		.type = CONF_TEXT,
		SERVER_FIELD(settings),
		.max = LAB_TEXT_MAX,
		.help = "Lines for its configuration, which replace those that are made: `\"lanes = 4; mtu = 1400;\"`." },
};

static const struct conf_table server_table = { server_options, ARRAY_SIZE(server_options),
	sizeof(struct lab_server), MANUAL };

#define TUNNEL_FIELD(member) .offset = offsetof(struct lab_tunnel, member)

static const struct conf_option tunnel_options[] = {
	{ .key = "client",
		.type = CONF_NAME,
		TUNNEL_FIELD(client),
		.required = true,
		.help = "The host that connects." },
	{ .key = "server",
		.type = CONF_NAME,
		TUNNEL_FIELD(server),
		.required = true,
		.help = "The host that it connects to." },
	{ .key = "name",
		.type = CONF_NAME,
		TUNNEL_FIELD(name),
		.preset_note = "the client's",
		.help = "The name in the client's certificate, of the tunnel and of its files." },
	{ .key = "remotes",
		.type = CONF_ENDPOINT,
		.shape = CONF_ARRAY,
		TUNNEL_FIELD(remotes),
		.count_offset = offsetof(struct lab_tunnel, remote_count),
		.limit = SETTINGS_REMOTES_MAX,
		.required = true,
		.help = "Where the server is, tried in turn. The port is 443 where none is given." },
	{ .key = "announce",
		.type = CONF_PREFIX,
		.shape = CONF_ALLOCATED,
		TUNNEL_FIELD(announce.items),
		.count_offset = offsetof(struct lab_tunnel, announce.count),
		.limit = SETTINGS_PREFIX_MAX,
		.help = "Prefixes behind the client; the server's configuration accepts them." },
	{ .key = "settings",
		.type = CONF_TEXT,
		TUNNEL_FIELD(settings),
		.max = LAB_TEXT_MAX,
		.help = "Lines for the client's profile, which replace those that are made." },
};

static const struct conf_table tunnel_table = { tunnel_options, ARRAY_SIZE(tunnel_options),
	sizeof(struct lab_tunnel), MANUAL };

#define LIST(word, items, number, rows)                                                      \
	.key = word, .type = CONF_GROUP, .shape = CONF_ALLOCATED,                            \
	.offset = offsetof(struct lab, items), .count_offset = offsetof(struct lab, number), \
	.limit = LAB_COUNT_MAX, .table = &(rows)

static const struct conf_option options[] = {
	{ .key = "name",
		.type = CONF_STRING,
		.offset = offsetof(struct lab, name),
		.min = 1,
		.max = LAB_NAME_MAX,
		.preset_note = "the file's name without `.lab`",
		.help = "The lab's name: letters, digits and _." },
	{ LIST("hosts", hosts, host_count, host_table), .required = true, .help = "The hosts." },
	{ LIST("links", links, link_count, link_table), .help = "Cables between two interfaces." },
	{ LIST("lans", lans, lan_count, lan_table),
		.help = "Switches for any number of interfaces." },
	{ LIST("servers", servers, server_count, server_table),
		.help = "Settings of hosts that run culvertd. A host without settings needs no entry." },
	{ LIST("tunnels", tunnels, tunnel_count, tunnel_table),
		.help = "Tunnels, each a client on one host and culvertd on another." },
};

const struct conf_table lab_options = { options, ARRAY_SIZE(options), sizeof(struct lab), MANUAL };

int lab_describe(FILE *out)
{
	return conf_describe(&lab_options, out);
}
