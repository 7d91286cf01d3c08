/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_EXIT_CODE_H
#define CULVERT_BASE_EXIT_CODE_H

/* What the programs return to the shell; documented in docs/exit-codes.md and in --help. */
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

#endif
