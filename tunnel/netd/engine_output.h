/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_OUTPUT_H
#define CULVERT_NETD_ENGINE_OUTPUT_H

#include <stddef.h>

#include "base/log.h"
#include "base/problem.h"
#include "system/loop.h"

/*
 * Carries the engine's stdout and stderr when stderr is a terminal. A sound engine escapes peers'
 * text in its log; a subverted one does not, and root looks at that terminal. So the engine gets a
 * pipe instead. netd copies each line to the terminal and escapes every byte that is not printable
 * ASCII. All engines of one run share the pipe. What a line claims about its origin is still the
 * engine's claim.
 *
 * Where stderr is a file, a pipe or the journal, the engine writes there itself. netd's only
 * thread.
 */

struct engine_output {
	int reader, writer; /* -1: the engine writes to netd's stderr itself */
	struct loop *loop;
	struct loop_watch watch;
	char line[LOG_LINE_MAX]; /* the beginning of a line that is not complete yet */
	size_t len;
};

void engine_output_init(struct engine_output *output);

/*
 * Makes the pipe if stderr is a terminal. -EMFILE, -ENFILE, -ENOMEM. On failure *problem says why.
 */
int engine_output_open(struct engine_output *output, struct loop *loop, struct problem *problem);

/* Writes what is still in the pipe, and closes it. Does nothing when there is none. */
void engine_output_close(struct engine_output *output);

#endif
