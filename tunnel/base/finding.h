/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_FINDING_H
#define CULVERT_BASE_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/json.h"
#include "base/problem.h"

/*
 * What an examination of a host found, one finding a check: `culvert doctor` prints them, netd logs
 * the problems at start, and the engine sends its own over the control socket, a line each. Plain
 * values in a list that its owner frees; one thread.
 */

enum finding_level {
	FINDING_OK,
	FINDING_NOTE,    /* worth knowing; nothing has to be done */
	FINDING_PROBLEM, /* something does not work, or soon will not */
};

enum { FINDING_CHECK_MAX = 24, FINDING_CURE_MAX = 200 };

struct finding {
	enum finding_level level;
	char check[FINDING_CHECK_MAX]; /* which check it is of: "forwarding", ... */
	struct problem text;           /* what was found */
	char cure[FINDING_CURE_MAX];   /* the command that mends it; "": there is none */
};

struct findings {
	struct finding *items;
	size_t count, capacity;
	bool failed; /* out of memory: some are missing */
};

/*
 * Adds one and returns it, for finding_cure(). Where memory is short `failed` is set and NULL comes
 * back. What is not printable ASCII becomes spaces.
 */
struct finding *findings_add(struct findings *findings, enum finding_level level, const char *check,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The command that mends it. `finding` may be NULL. */
void finding_cure(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void findings_free(struct findings *findings);

bool findings_have_problem(const struct findings *findings);

/* "ok", "note", "problem" */
const char *finding_level_text(enum finding_level level);

/* For a person: "problem: forwarding: …; fix it: COMMAND". */
void finding_print(const struct finding *finding, FILE *out);
void finding_json(const struct finding *finding, struct json *json);

/*
 * Its form on the control socket, without the newline: LEVEL, CHECK, TEXT and CURE with TABs
 * between. finding_read() takes the line apart in place and adds it to the list; -EPROTO: it is
 * none; -ENOMEM.
 */
void finding_write(const struct finding *finding, FILE *out);
int finding_read(char *line, struct findings *findings);

#endif
