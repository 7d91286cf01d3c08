/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_OUTER_H
#define CULVERT_NETD_OUTER_H

#include <stdbool.h>

#include "config/settings.h"
#include "system/socket.h"

/*
 * The sockets of outer connections: listeners (netd/engine_files) and outgoing ones
 * (netd/requests). This module applies the configured options and logs when the host does not
 * support one. netd's only thread.
 */

/*
 * Makes the kernel load BBR where lanes may choose it (settings_chooses_congestion()): an engine
 * without privileges can use it only then. -ENOENT: this kernel has none. Other negative errno: no
 * socket could be made, or an ordinary user may not have it loaded.
 */
int outer_load_congestion(const struct settings *settings);

/* Returns the options; they borrow from the settings. */
struct socket_options outer_options(const struct settings *settings);

/*
 * Makes an outgoing socket with them. Without the options that only root may set, an ordinary user
 * (culvert run) gets a socket all the same; netd logs that once and records it in *logged. Errors:
 * those of socket_outgoing(). On failure *problem says why.
 */
int outer_socket(const struct settings *settings, uint8_t family, bool *logged, int *ret_fd,
	struct problem *problem);

/* Logs that MPTCP is wanted and `fd` is TCP; once, as *logged records. */
void outer_log_fallback(const struct settings *settings, int fd, bool *logged);

#endif
