/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NETD_H
#define CULVERT_NETD_NETD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/exit_code.h"
#include "config/configuration.h"
#include "config/settings.h"
#include "netd/guest.h"

/*
 * netd: the main process and the only privileged one. It makes sockets, TUN interfaces, addresses
 * and routes when the engine asks for them and its own copy of the configuration allows them. It
 * opens the files that the engine may not. When the engine dies, netd starts another one and offers
 * it the present interfaces and routes. netd reads nothing that came from the network.
 */

struct netd_program {
	const struct settings *settings; /* those of `configuration` */
	const char *config_path;         /* for messages */
	/* NULL-terminated. The engine's binary is this program's own: netd/program_file. */
	char *const *engine_argv;
	pid_t predecessor; /* the process that this one succeeds; 0: none */
	bool closed; /* kill_switch_close() has put the kill switch in force: netd takes it over */
	/*
	 * What the members above are part of; the engine gets its text. A reload exchanges its
	 * contents, so nobody keeps a pointer to the text, but not the place of its settings.
	 */
	struct configuration *configuration;
	const struct configuration_role *role; /* NULL: no reload */
	/*
	 * The command of `culvert run`, or NULL. The caller fills it in as netd/guest.h says, and
	 * netd uses it from then on. Afterwards its status is the exit code.
	 */
	struct guest *guest;
};

/* Parses the value of --succeed. -EINVAL: no process number. */
int netd_parse_predecessor(const char *text, pid_t *ret_pid);

/*
 * Runs until SIGINT, SIGTERM, SIGUSR1, SIGUSR2, an allowed EXIT of an engine, or the end of its command.
 * Then it removes everything that it has made, except that the kill switch stays in two cases:
 * after SIGUSR1 and SIGUSR2, and when netd ends with another code than 0. SIGUSR2 announces a
 * restart: where the supervisor keeps everything for the next run (netd/succession), nothing is
 * removed.
 */
enum exit_code netd_run(const struct netd_program *program);

#endif
