/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_LEFTOVERS_H
#define CULVERT_CLIENT_LEFTOVERS_H

#include "base/finding.h"

/*
 * What a client that was killed has left in this network namespace and what may be why a person asks: a kill
 * switch, a full tunnel, resolvers. For the command line, with or without a running program; what a running
 * one has is not left over. Removes nothing: netd/sweep does.
 */

/*
 * Adds a finding for each, whose cure takes it away, and FINDING_OK where there is none of a kind. What
 * could not be seen is a note.
 */
void leftovers_examine(struct findings *findings);

#endif
