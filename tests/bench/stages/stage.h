/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_STAGES_STAGE_H
#define CULVERT_TESTS_BENCH_STAGES_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/*
 * A stage of a packet's way, or something else that is done often enough to be watched, by itself: what surrounds it is
 * made before, and only its operations are measured. One thread, one stage at a time, so a file's stages share what they
 * prepared. Every operation is judged: one that fails ends the program.
 */

enum { STAGE_COUNT_MAX = 4096 }; /* operations in a run; some are prepared for each */

struct stage {
	const char *name;
	const char *what; /* one operation, for a person */
	bool foreign;     /* most of it is OpenSSL's, which has other code for other processors */
	void (*prepare)(const struct stage *stage, size_t count); /* for one run of so many */
	void (*run)(size_t count);
	void (*finish)(void); /* NULL: nothing is to be given back */
	int kind;             /* the file's own, as is size */
	size_t size;
};

struct stage_group {
	const struct stage *stages;
	size_t count;
};

extern const struct stage_group frame_stages, packet_stages, reach_stages, queue_stages,
	message_stages, tls_stages, path_stages;

/*
 * Runs the operations between two looks at the clock. Where callgrind is to count (tests/bench/instructions names it), so
 * it stands in a file of its own: the compiler cannot merge it with its callers.
 */
struct duration stage_measure(const struct stage *stage, size_t count);

/* Ends the program with these words unless it holds. */
void stage_require(bool holds, const char *what);

#endif
