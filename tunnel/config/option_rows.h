/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_OPTION_ROWS_H
#define CULVERT_CONFIG_OPTION_ROWS_H

#include <stddef.h>

#include "config/settings.h"
#include "config/option_announce.h"
#include "config/conf.h"

/*
 * The rows that both programs' option tables share, so that an option is declared once; what has
 * another range, default or meaning in the two (name, mtu, state_dir, ...) is a row of the
 * program's own. For a table whose target begins with a struct settings.
 */

static const struct conf_name option_crl_missing_names[] = {
	{ "warn", SETTINGS_CRL_WARN },
	{ "refuse", SETTINGS_CRL_REFUSE },
	{ NULL, 0 },
};

#define OPTION_FIELD(member) .offset = offsetof(struct settings, member)

/* NOLINTBEGIN(bugprone-macro-parentheses): offsetof takes a member's name and nothing else */
#define OPTION_HOOK(member)                                                                        \
	.type = CONF_TEXT, .shape = CONF_ALLOCATED, OPTION_FIELD(member.words),                    \
	.count_offset = offsetof(struct settings, member.count), .limit = SETTINGS_HOOK_WORDS_MAX, \
	.max = SETTINGS_HOOK_WORD_MAX
/* NOLINTEND(bugprone-macro-parentheses) */

#define OPTION_ROWS_COMMON                                                                                                         \
	{                                                                                                                          \
		.key = "certificate",                                                                                              \
		.type = CONF_MATERIAL,                                                                                             \
		OPTION_FIELD(certificate),                                                                                         \
		.required = true,                                                                                                  \
		.help = "This end's certificate, with intermediates after it where there are any."                                 \
	},                                                                                                                         \
		{ .key = "key",                                                                                                    \
			.type = CONF_MATERIAL,                                                                                     \
			OPTION_FIELD(key),                                                                                         \
			.required = true,                                                                                          \
			.help = "The certificate's private key. The file that holds it must be 0600." },                           \
		{ .key = "ca",                                                                                                     \
			.type = CONF_MATERIAL,                                                                                     \
			OPTION_FIELD(ca),                                                                                          \
			.required = true,                                                                                          \
			.help = "The certificates of the authorities that the other end's comes from." },                          \
		{ .key = "crl",                                                                                                    \
			.type = CONF_MATERIAL,                                                                                     \
			OPTION_FIELD(crl),                                                                                         \
			.help = "Revocation lists, of each authority and of each CA between; one that has expired refuses all." }, \
		{ .key = "crl_missing",                                                                                            \
			.type = CONF_NAMED,                                                                                        \
			OPTION_FIELD(crl_missing),                                                                                 \
			.names = option_crl_missing_names,                                                                         \
			.preset = "\"warn\"",                                                                                      \
			.help = "A certificate whose issuer has no list in `crl` is let in with a warning, or refused." },         \
		{ .key = "user",                                                                                                   \
			.type = CONF_STRING,                                                                                       \
			OPTION_FIELD(user),                                                                                        \
			.min = 1,                                                                                                  \
			.max = SETTINGS_USER_MAX,                                                                                  \
			.preset = "\"nobody\"",                                                                                    \
			.help = "The user that the engine, which talks to the network, runs as; not root, nor in root's group." }, \
		{ .key = "control_socket",                                                                                         \
			.type = CONF_PATH,                                                                                         \
			OPTION_FIELD(control_socket),                                                                              \
			.min = 1,                                                                                                  \
			.max = SETTINGS_SOCKET_MAX,                                                                                \
			.preset_note = "`" SETTINGS_RUN_DIR "/NAME.sock`",                                                         \
			.help = "The socket that `culvert status` and others ask." },                                              \
		{ .key = "log_level",                                                                                              \
			.type = CONF_LOG_LEVEL,                                                                                    \
			OPTION_FIELD(log_level),                                                                                   \
			.preset = "\"info\"",                                                                                      \
			.help = "What is logged: this level and all before it." },                                                 \
		{ .key = "workers",                                                                                                \
			.type = CONF_UINT,                                                                                         \
			OPTION_FIELD(workers),                                                                                     \
			.max = SETTINGS_WORKERS_MAX,                                                                               \
			.preset = "0",                                                                                             \
			.help = "Threads that carry packets; 0: one for each processor, on a client one for each lane at most." }, \
		{ .key = "congestion",                                                                                             \
			.type = CONF_STRING,                                                                                       \
			OPTION_FIELD(congestion),                                                                                  \
			.max = SETTINGS_CONGESTION_MAX,                                                                            \
			.preset_note = "the kernel's",                                                                             \
			.help = "TCP congestion control of outer connections, such as `\"bbr\"`." },                               \
		{ .key = "mark",                                                                                                   \
			.type = CONF_UINT,                                                                                         \
			OPTION_FIELD(mark),                                                                                        \
			.max = UINT32_MAX,                                                                                         \
			.preset = "0",                                                                                             \
			.help = "Firewall mark (SO_MARK) of outer connections; 0: Culvert's own." },                               \
		{ .key = "handshake_timeout",                                                                                      \
			.type = CONF_DURATION,                                                                                     \
			OPTION_FIELD(handshake_timeout),                                                                           \
			.min = 1,                                                                                                  \
			.max = 60,                                                                                                 \
			.preset = "10",                                                                                            \
			.help = "From a connection's first packet to its session, in total." },                                    \
		{ .key = "interface",                                                                                              \
			.type = CONF_IFNAME,                                                                                       \
			OPTION_FIELD(interface),                                                                                   \
			.min = 1,                                                                                                  \
			.max = SETTINGS_IFNAME_MAX,                                                                                \
			.preset = "\"cv%d\"",                                                                                      \
			.help = "A tunnel interface's name; %d becomes the first free number." },                                  \
		{ .key = "offloads",                                                                                               \
			.type = CONF_BOOL,                                                                                         \
			OPTION_FIELD(offloads),                                                                                    \
			.preset = "true",                                                                                          \
			.help = "Carry large TCP and UDP packets whole, where the other end takes them." },                        \
		{ .key = "gro",                                                                                                    \
			.type = CONF_BOOL,                                                                                         \
			OPTION_FIELD(gro),                                                                                         \
			.preset = "true",                                                                                          \
			.help = "Put TCP segments that the other end sends one by one together before the kernel gets them." },    \
		{ .key = "check_destination",                                                                                      \
			.type = CONF_BOOL,                                                                                         \
			OPTION_FIELD(check_destination),                                                                           \
			.preset = "true",                                                                                          \
			.help = "Drop what the other end sends to neither this end nor what it is announced or may `reach`." },    \
		{ .key = "lanes",                                                                                                  \
			.type = CONF_UINT,                                                                                         \
			OPTION_FIELD(lanes),                                                                                       \
			.min = 1,                                                                                                  \
			.max = SETTINGS_LANES_MAX,                                                                                 \
			.preset = "1",                                                                                             \
			.help = "Connections that one session may use side by side; the smaller of both ends' wins." },            \
		{ .key = "mptcp",                                                                                                  \
			.type = CONF_BOOL,                                                                                         \
			OPTION_FIELD(mptcp),                                                                                       \
			.preset = "false",                                                                                         \
			.help = "Use Multipath TCP for outer connections, where the other end has it too." },                      \
		{ .key = "forwarding",                                                                                             \
			.type = CONF_BOOL,                                                                                         \
			OPTION_FIELD(forwarding),                                                                                  \
			.preset = "false",                                                                                         \
			.help = "Switch forwarding on for the tunnel and what leads to `announce`; back at the end." },            \
		{ .key = "on_up",                                                                                                  \
			OPTION_HOOK(on_up),                                                                                        \
			.help = "Program and arguments, run when a peer's interface has been made." },                             \
		{ .key = "on_down",                                                                                                \
			OPTION_HOOK(on_down),                                                                                      \
			.help = "The same when it has been removed." },                                                            \
		{ .key = "on_route",                                                                                               \
			OPTION_HOOK(on_route),                                                                                     \
			.help = "The same when a peer's route has been added or removed." },                                       \
		{ .key = "hook_timeout",                                                                                           \
			.type = CONF_DURATION,                                                                                     \
			OPTION_FIELD(hook_timeout),                                                                                \
			.min = 1,                                                                                                  \
			.max = 600,                                                                                                \
			.preset = "30",                                                                                            \
			.help = "A hook that runs for longer is ended." },                                                         \
	{                                                                                                                          \
		.key = "announce", .type = CONF_GROUP, .shape = CONF_ALLOCATED,                                                    \
		OPTION_FIELD(announce.items),                                                                                      \
		.count_offset = offsetof(struct settings, announce.count),                                                         \
		.limit = SETTINGS_PREFIX_MAX, .table = &option_announce_table,                                                     \
		.shorthand = "prefix",                                                                                             \
		.help = "What is behind this end, announced to whoever is connected: prefixes, "                                   \
			"and what is tracked in the kernel, each with the keys below."                                             \
	}

#endif
