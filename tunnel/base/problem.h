/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PROBLEM_H
#define CULVERT_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What went wrong, in words a person can act on: one line that names the cause and the cure.
 * Layers that must not log fill one of these; whoever meets the person prints it, once.
 * A plain value: no ownership, any thread.
 */

enum { PROBLEM_TEXT_MAX = 400 };

struct problem {
	char text[PROBLEM_TEXT_MAX]; /* empty: nothing is wrong; never holds a newline */
};

/*
 * Sets the text; a longer one is cut, a newline becomes a space. `problem` may be NULL (the words
 * are then not wanted). Arguments may point into the old text.
 */
void problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the text. */
void problem_prepend(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Makes text that came from outside safe to print: control characters, backslashes and bytes over
 * 0x7e become \xNN; the result is always terminated and cut at `size` bytes with its NUL, never
 * inside an escape. Returns `out`.
 */
const char *problem_escape(char *out, size_t size, const void *text, size_t len);

/*
 * The same, but a backslash stays: for a line whose parts may have been escaped already, and are
 * not to be escaped twice.
 */
const char *problem_escape_rest(char *out, size_t size, const void *text, size_t len);

#endif
