/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option_announce.h"

#include <linux/rtnetlink.h>
#include <stddef.h>

#include "base/array.h"
#include "config/settings.h"

#define ANNOUNCE_FIELD(member) .offset = offsetof(struct settings_announce, member)

static const struct conf_name tables[] = {
	{ "main", RT_TABLE_MAIN },
	{ "default", RT_TABLE_DEFAULT },
	{ NULL, 0 },
};

/* The protocols of linux/rtnetlink.h whose routes lead to networks, with the names of iproute2. */
static const struct conf_name protocols[] = {
	{ "kernel", RTPROT_KERNEL },
	{ "boot", RTPROT_BOOT },
	{ "static", RTPROT_STATIC },
	{ "ra", RTPROT_RA },
	{ "zebra", RTPROT_ZEBRA },
	{ "bird", RTPROT_BIRD },
	{ "dhcp", RTPROT_DHCP },
	{ "keepalived", RTPROT_KEEPALIVED },
	{ "babel", RTPROT_BABEL },
	{ "openr", RTPROT_OPENR },
	{ "bgp", RTPROT_BGP },
	{ "isis", RTPROT_ISIS },
	{ "ospf", RTPROT_OSPF },
	{ "rip", RTPROT_RIP },
	{ "eigrp", RTPROT_EIGRP },
	{ NULL, 0 },
};

static const struct conf_option options[] = {
	{ .key = "prefix",
		.applies = CONF_LIVE,
		.type = CONF_PREFIX,
		ANNOUNCE_FIELD(prefix),
		.help = "This prefix; a plain value means the same." },
	{ .key = "interface",
		.applies = CONF_LIVE,
		.type = CONF_IFNAME,
		ANNOUNCE_FIELD(interface),
		.min = 1,
		.max = SETTINGS_IFNAME_MAX,
		.help = "The networks that this interface is connected to, as they come and go." },
	{ .key = "table",
		.applies = CONF_LIVE,
		.type = CONF_NAMED,
		ANNOUNCE_FIELD(table),
		.names = tables,
		.min = 1,
		.max = UINT32_MAX,
		.help = "The routes in this routing table of the kernel, as they come and go." },
	{ .key = "protocol",
		.applies = CONF_LIVE,
		.type = CONF_NAMED,
		ANNOUNCE_FIELD(protocol),
		.names = protocols,
		.min = 1,
		.max = UINT8_MAX,
		.preset_note = "all",
		.help = "With `table`: only the routes of this routing protocol." },
	{ .key = "probe",
		.applies = CONF_LIVE,
		.type = CONF_ENDPOINT,
		ANNOUNCE_FIELD(probe),
		.or_zero = true,
		.preset_note = "none",
		.help = "With `prefix`: it is withdrawn while this does not answer: a TCP port, or with an address alone ICMP echo." },
	{ .key = "probe_interval",
		.applies = CONF_LIVE,
		.type = CONF_DURATION,
		ANNOUNCE_FIELD(probe_interval),
		.min = 0.1,
		.max = 60,
		.preset_note = "400ms",
		.help = "The time from one probe to the next, and for an answer." },
	{ .key = "probe_down",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		ANNOUNCE_FIELD(probe_down),
		.min = 1,
		.max = 100,
		.preset_note = "3",
		.help = "So many probes in a row without an answer: the prefix is withdrawn." },
	{ .key = "probe_up",
		.applies = CONF_LIVE,
		.type = CONF_UINT,
		ANNOUNCE_FIELD(probe_up),
		.min = 1,
		.max = 100,
		.preset_note = "5",
		.help = "So many answers in a row: it is announced again." },
};

const struct conf_table option_announce_table = {
	.options = options,
	.count = ARRAY_SIZE(options),
	.size = sizeof(struct settings_announce),
};
