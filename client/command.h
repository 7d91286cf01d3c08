/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_COMMAND_H
#define CULVERT_CLIENT_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/nearest.h"

/*
 * The sub-commands of `culvert` that ask a running daemon, culvertd or culvert: down, reexec,
 * status, peers, routes, doctor. One thread, from main().
 */

/* True if `name` is one of these sub-commands. */
bool command_is(const char *name);
/* Compares the word that somebody typed with the names of these sub-commands. */
void command_try_names(struct nearest *nearest);

/*
 * Runs a sub-command. argv[0] is its name, for which command_is() is true, and its arguments
 * follow; the call may reorder argv. Prints the daemon's answer to stdout and errors to stderr.
 * Returns the program's exit status, an enum exit_code.
 */
int command_run(int argc, char **argv);

#endif
