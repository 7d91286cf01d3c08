/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_EXIT_CODE_H
#define CULVERT_BASE_EXIT_CODE_H

#include <stdbool.h>

/*
 * What the programs return to the shell; documented in docs/exit-codes.md and in --help.
 *
 * USAGE, CONFIG and PERMISSION say that only a person can fix it: the systemd units never start again
 * after them. What clears by itself must end with none of them, or a host stays without its tunnel for
 * good: that is what exit_code_of_error() is for.
 */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILURE = 1, /* something failed while running; the log says what */
	EXIT_CODE_USAGE = 2,   /* the command line was not understood */
	EXIT_CODE_CONFIG =
		3, /* a configuration, certificate or key file was refused; nothing was started */
	EXIT_CODE_UNREACHABLE = 4, /* no daemon of that name is running, or it does not answer */
	EXIT_CODE_REFUSED = 5,     /* the other end or the daemon refused what was asked */
	EXIT_CODE_PERMISSION =
		6, /* the person may not do this (not root, or a missing capability) */
};

/*
 * Does this negative errno tell of the host's present state, which may change without anybody doing
 * anything: memory, descriptors, a full disk, an address or a network that is not there? Then the same
 * step is worth another try.
 */
bool error_is_passing(int error);

/* EXIT_CODE_FAILURE for an error that is passing; `otherwise` for any other. */
enum exit_code exit_code_of_error(int error, enum exit_code otherwise);

#endif
