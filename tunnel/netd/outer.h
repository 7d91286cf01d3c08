/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_OUTER_H
#define CULVERT_NETD_OUTER_H

#include <stdbool.h>

#include "config/settings.h"
#include "system/socket.h"

/*
 * The sockets of outer connections, those that listen (netd/places) and those that go out
 * (netd/requests): what the configuration wants of them, and a word when it does not get it. netd's
 * only thread.
 */

/* Borrows from the settings. */
struct socket_options outer_options(const struct settings *settings);

/*
 * An outgoing socket with them. An ordinary user (culvert run) does without what only root may have,
 * and is told, once, as `told` remembers. Errors are socket_outgoing()'s.
 */
int outer_socket(const struct settings *settings, uint8_t family, bool *told, int *ret_fd,
	struct problem *problem);

/* Says that MPTCP is wanted and `fd` is TCP; once, as `told` remembers. */
void outer_tell_fallback(const struct settings *settings, int fd, bool *told);

#endif
