/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_LEFTOVERS_H
#define CULVERT_CLIENT_LEFTOVERS_H

#include "base/finding.h"

/*
 * Finds what a killed client left in this network namespace and what may be why the user asks: a
 * kill switch, a full tunnel, resolvers. Anything of a running client is no leftover. For the
 * command line, with or without a running program. It removes nothing: netd/sweep does.
 */

/*
 * Adds a finding for each leftover, with the command that removes it, and FINDING_OK for each kind
 * without one. What it could not see becomes a note.
 */
void leftovers_examine(struct findings *findings);

#endif
