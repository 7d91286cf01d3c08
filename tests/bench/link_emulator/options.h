/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_LINK_EMULATOR_OPTIONS_H
#define CULVERT_TESTS_BENCH_LINK_EMULATOR_OPTIONS_H

#include <stdbool.h>

#include "base/problem.h"
#include "schedule.h"

struct options {
	struct schedule_settings forward, backward;
	const char *interface[2]; /* from argv */
	const char *settings;     /* a file with options to take on SIGHUP; from argv; NULL: none */
	struct duration grain;
	bool realtime;
	bool help; /* true: the other members are not set */
};

/* -EINVAL: *problem names the word and what would be right. */
int options_parse(
	struct options *ret_options, int argc, char *const *argv, struct problem *problem);

/*
 * Takes `forward` and `backward` from the first line of the file `settings`, which has them as on
 * the command line. On an error nothing changes, and *problem says why.
 */
int options_take_settings(struct options *options, struct problem *problem);

#endif
