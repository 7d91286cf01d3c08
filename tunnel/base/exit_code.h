/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_EXIT_CODE_H
#define CULVERT_BASE_EXIT_CODE_H

#include <stdbool.h>

/*
 * The exit codes of both programs, documented in docs/exit-codes.md and in --help.
 *
 * USAGE, CONFIG and PERMISSION mean that only a person can fix the cause, and the systemd units
 * never start the program again after them. A failure that clears by itself must not end with one
 * of them, or the host stays without its tunnel. exit_code_of_error() chooses the code for such a
 * failure.
 */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILURE = 1, /* something failed while running; the log says what */
	EXIT_CODE_USAGE = 2,   /* the command line is wrong */
	/* The program refused a configuration, certificate or key file and started nothing. */
	EXIT_CODE_CONFIG = 3,
	EXIT_CODE_UNREACHABLE = 4, /* no daemon of that name runs, or it does not answer */
	EXIT_CODE_REFUSED = 5,     /* the other end or the daemon refused the request */
	/* The user may not do this: not root, or without a capability. */
	EXIT_CODE_PERMISSION = 6,
};

/*
 * True if this negative errno comes from a state of the host that can change by itself: memory,
 * descriptors, a full disk, a missing address or network. Then the same step is worth another
 * attempt.
 */
bool error_is_passing(int error);

/* Returns EXIT_CODE_FAILURE if error_is_passing(error), else `otherwise`. */
enum exit_code exit_code_of_error(int error, enum exit_code otherwise);

#endif
