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
 *     netd: outer sockets, TUN over there    │ client/run_inside: network and mount namespace
 *     engine: TLS, as ever                   └ the command, when the tunnel is up
 *
 * netd stays in the host's network, where the outer sockets are to be, and makes TUN, addresses and
 * routes in the command's network namespace as for `netns = "pid:NUMBER"`: it has every right there, as
 * its user namespace owns it. The command is the user's own and has no rights over anything. Of the
 * host nothing is changed; whatever ends, the kernel takes the namespaces apart. From main(), one thread.
 */

enum { RUN_TIMEOUT_S = 30, RUN_TIMEOUT_MAX_S = 86400 };

struct run_arguments {
	const char *profile;
	char **command; /* NULL-terminated, at least one word */
	struct duration timeout;
	bool verbose;
	bool help; /* is wanted, and nothing else counts */
};

/*
 * argv[0] is "run". Options end at the first other word, the profile; what comes after it, and after a
 * "--" that may stand there, is the command's. -EINVAL with words.
 */
int run_parse(int argc, char **argv, struct run_arguments *ret_arguments, struct problem *problem);

/*
 * Runs it. Returns the command's exit status, 128 and the signal that it died of, or 125 when Culvert
 * failed, 126 and 127 when the command could not be executed or found, as env(1) does.
 */
int run_command(int argc, char **argv);

/*
 * The engine's side: client_options_load(), and what culvert run makes of it. Warnings and errors only,
 * as the terminal is the command's, or all that log_level says.
 */
int run_load_quiet(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem);
int run_load_verbose(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem);

#endif
