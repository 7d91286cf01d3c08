/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_SSH_SESSION_H
#define CULVERT_CLIENT_SSH_SESSION_H

#include <stdbool.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * A person who starts a full tunnel over SSH cuts off that very session, and the host with it. So
 * `culvert up` warns first.
 */

/*
 * Returns true if the profile cuts off the caller that SSH_CONNECTION (ssh(1)) names; then
 * *ret_warning names the caller and the option to set. `connection` may be NULL or malformed: false.
 */
bool ssh_session_is_cut(
	const struct settings *settings, const char *connection, struct problem *ret_warning);

/* Logs the warning about this program's own session, if there is one. */
void ssh_session_warn(const struct settings *settings);

#endif
