/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_STAGES_STAGE_H
#define CULVERT_TESTS_BENCH_STAGES_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/*
 * One stage of a packet's way, or another frequent operation, on its own. Preparations come first,
 * and only the operations are measured. One thread, one stage at a time, so a file's stages share
 * what they prepared. Every operation is checked: a failed one ends the program.
 */

enum { STAGE_COUNT_MAX = 4096 }; /* operations in a run; some are prepared for each */

struct stage {
	const char *name;
	const char *what; /* one operation, for a person */
	bool foreign;     /* most of it is OpenSSL's, which has different code for each processor */
	/* For one run of `count` operations. */
	void (*prepare)(const struct stage *stage, size_t count);
	void (*run)(size_t count);
	void (*finish)(void); /* NULL: nothing to release */
	int kind;             /* for the file's own use, as is size */
	size_t size;
};

struct stage_group {
	const struct stage *stages;
	size_t count;
};

extern const struct stage_group frame_stages, packet_stages, reach_stages, queue_stages,
	message_stages, tls_stages, path_stages;

/*
 * Runs the operations and measures their time. callgrind counts only inside this function
 * (tests/bench/instructions names it). It has a file of its own, so that the compiler cannot merge
 * it with its callers.
 */
struct duration stage_measure(const struct stage *stage, size_t count);

/* Ends the program with this text unless `holds` is true. */
void stage_require(bool holds, const char *what);

#endif
