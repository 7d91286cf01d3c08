/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_FINDING_H
#define CULVERT_BASE_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/json.h"
#include "base/problem.h"

/*
 * The findings of an examination. `culvert doctor` examines a host with a running instance, and has
 * one finding for each check; the engine sends its own over the control socket, a line each.
 * `check` and each start examine a configuration, and have one finding for each error, warning or
 * note. Plain values in a list that its owner frees; one thread.
 */

enum finding_level {
	FINDING_OK,
	FINDING_NOTE,    /* worth knowing; needs no action */
	FINDING_PROBLEM, /* something does not work, or soon will not */
	/* Of a configuration. A warning: it can start, and something does not work, or not yet. */
	FINDING_WARNING,
	FINDING_ERROR, /* it cannot be used, and only a person can change that */
};

enum { FINDING_CHECK_MAX = 24, FINDING_CURE_MAX = 200 };

struct finding {
	enum finding_level level;
	char check[FINDING_CHECK_MAX]; /* the name of the check: "forwarding", ... */
	struct problem text;           /* what the check found */
	char cure[FINDING_CURE_MAX];   /* the command that fixes it; "": none */
};

struct findings {
	struct finding *items;
	size_t count, capacity;
	bool failed; /* out of memory: some findings are missing */
};

/*
 * Adds a finding and returns it for finding_cure(); the list owns it. Bytes that are not printable
 * ASCII become spaces. Out of memory: sets `failed` and returns NULL.
 */
struct finding *findings_add(struct findings *findings, enum finding_level level, const char *check,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Sets the command that fixes the problem. Accepts NULL for `finding`. */
void finding_cure(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void findings_free(struct findings *findings);

bool findings_have_problem(const struct findings *findings);
size_t findings_count(const struct findings *findings, enum finding_level level);
/* Returns the first finding of that level, or NULL. It belongs to the list. */
const struct finding *findings_first(const struct findings *findings, enum finding_level level);

/* "ok", "note", "problem", "warning", "error" */
const char *finding_level_text(enum finding_level level);

/* Prints the finding for a person: "problem: forwarding: …; fix it: COMMAND". */
void finding_print(const struct finding *finding, FILE *out);
void finding_json(const struct finding *finding, struct json *json);

/*
 * A finding as a line on the control socket: LEVEL, CHECK, TEXT and CURE, separated by TABs.
 * finding_write() writes it without the newline. finding_read() splits the line in place and adds
 * the finding to the list. -EPROTO: not such a line; -ENOMEM.
 */
void finding_write(const struct finding *finding, FILE *out);
int finding_read(char *line, struct findings *findings);

#endif
