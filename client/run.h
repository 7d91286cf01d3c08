/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RUN_H
#define CULVERT_CLIENT_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * `culvert run PROFILE -- COMMAND`: an ordinary user runs one command inside the VPN.
 *
 *   the user's namespaces                    the command's
 *   culvert run ── enters a user namespace ──┐ fork
 *     netd: outer sockets here, TUN there    │ client/run_inside: network and mount namespace
 *     engine: TLS, as always                 └ the command, when the tunnel is up
 *
 * netd stays in the host's network, where the outer sockets belong. It makes TUN, addresses and
 * routes in the command's network namespace as for `netns = "pid:NUMBER"`. It may do so because its
 * user namespace owns that one. The command runs as the user, without further rights. Nothing
 * changes on the host; when the processes end, the kernel removes the namespaces. One thread, from
 * main().
 */

enum { RUN_TIMEOUT_S = 30, RUN_TIMEOUT_MAX_S = 86400 };

struct run_arguments {
	const char *profile;
	char **command; /* NULL-terminated, at least one word */
	struct duration timeout;
	bool verbose;
	bool help; /* help is requested; nothing else counts */
};

/*
 * Parses the arguments; argv[0] is "run". Options end at the profile, the first word that is no
 * option. The command follows it, after an optional "--". -EINVAL: *problem says why.
 */
int run_parse(int argc, char **argv, struct run_arguments *ret_arguments, struct problem *problem);

/*
 * Runs it. Returns the command's exit status, or 128 plus the signal that killed it. As env(1)
 * does: 125 if Culvert failed, 126 if the command could not be executed, 127 if it was not found.
 */
int run_command(int argc, char **argv);

/*
 * For the engine: client_options_load() with the changes of culvert run. run_load_quiet() logs only
 * warnings and errors, because the terminal is the command's. run_load_verbose() logs everything
 * that log_level allows.
 */
int run_load_quiet(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem);
int run_load_verbose(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem);

#endif
