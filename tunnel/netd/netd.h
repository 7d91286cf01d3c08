/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NETD_H
#define CULVERT_NETD_NETD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/exit_code.h"
#include "config/settings.h"
#include "netd/guest.h"

/*
 * netd: the main process and the only privileged one. It makes sockets, TUN interfaces, addresses
 * and routes when the engine asks and its own copy of the configuration allows, opens the files the
 * engine may not, and starts the engine again when it dies: the next one is offered the interfaces
 * and routes that are there. It reads nothing that came from the network.
 */

struct netd_program {
	const struct settings *settings;
	const char *config_path; /* for messages */
	/* The very bytes `settings` were loaded from: handed to the engine. */
	const char *config_text;
	size_t config_len;
	/* NULL-terminated; the engine's binary is this program's own: netd/program_file. */
	char *const *engine_argv;
	bool closed; /* kill_switch_close() has put the kill switch in force: netd takes it over */
	/*
	 * The command of `culvert run`, or NULL: filled in as netd/guest.h says, and netd's from here
	 * on. What to end with is in its status afterwards.
	 */
	struct guest *guest;
};

/*
 * Runs until SIGINT, SIGTERM, SIGUSR1, an engine's EXIT that is allowed, or the end of its command;
 * takes everything down it made. But the kill switch stays unless a person has ended it: after
 * SIGUSR1, which is for whoever starts it again at once, and when it ends with another code than 0.
 */
enum exit_code netd_run(const struct netd_program *program);

#endif
