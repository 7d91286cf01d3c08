/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PROBLEM_H
#define CULVERT_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A failure's text for a person: one line that names the cause and the cure. Layers that must not
 * log fill it; the caller that talks to the person prints it, once. A plain value: it owns no
 * memory. Any thread.
 */

enum { PROBLEM_TEXT_MAX = 400 };

struct problem {
	char text[PROBLEM_TEXT_MAX]; /* empty: no problem; never has a newline */
};

/*
 * Sets the text. A longer text is cut, and a newline becomes a space. Does nothing when `problem`
 * is NULL. Arguments may point into the old text.
 */
void problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the text. */
void problem_prepend(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Makes text from outside safe to print: control characters, backslashes and bytes over 0x7e become
 * \xNN. The result is terminated, has at most `size` bytes with its NUL, and is never cut inside an
 * escape. Returns `out`.
 */
const char *problem_escape(char *out, size_t size, const void *text, size_t len);

/* Does the same but keeps backslashes, for a line whose parts may have been escaped already. */
const char *problem_escape_rest(char *out, size_t size, const void *text, size_t len);

#endif
