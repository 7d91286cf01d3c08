/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_COMMAND_H
#define CULVERT_CLIENT_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/*
 * The sub-commands of `culvert` that ask a running daemon, culvertd or culvert: down, reexec,
 * status, peers, routes, doctor. One thread, from main().
 */

/* Is it one of them? */
bool command_is(const char *name);

/*
 * Runs one. argv[0] is the sub-command's name, for which command_is() holds, and what follows is
 * its own; argv may be reordered. Prints what the daemon answers to stdout and what is wrong to
 * stderr. Returns the program's exit status, an enum exit_code.
 */
int command_run(int argc, char **argv);

#endif
