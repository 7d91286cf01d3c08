/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_OUTPUT_H
#define CULVERT_NETD_ENGINE_OUTPUT_H

#include <stddef.h>

#include "base/log.h"
#include "base/problem.h"
#include "system/loop.h"

/*
 * What the engine writes to its stdout and stderr, on its way to a terminal. An engine that works
 * escapes what its log says, a subverted one does not, and root looks at that terminal: so the engine
 * gets a pipe in the terminal's place, and netd writes each line on with every byte escaped that is not
 * printable ASCII. All engines of one run share the pipe. What a line claims about its origin stays the
 * engine's claim.
 *
 * Where stderr is a file, a pipe or the journal, the engine writes there itself. netd's only thread.
 */

struct engine_words {
	int reader, writer; /* -1: the engine writes to our stderr itself */
	struct loop *loop;
	struct loop_watch watch;
	char line[LOG_LINE_MAX]; /* the part of a line that is here */
	size_t len;
};

void engine_words_init(struct engine_words *words);

/* Makes the pipe if stderr is a terminal. Negative errno with words: -EMFILE, -ENFILE, -ENOMEM. */
int engine_output_open(struct engine_words *words, struct loop *loop, struct problem *problem);

/* Writes on what is still in the pipe, and closes it. Fine when there is none. */
void engine_output_close(struct engine_words *words);

#endif
