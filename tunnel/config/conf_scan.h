/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_SCAN_H
#define CULVERT_CONFIG_CONF_SCAN_H

#include <stddef.h>

#include "base/problem.h"

/*
 * A look over a configuration's text before libconfig sees it, for what libconfig does not do or
 * says badly. Private to config/conf. It knows strings, comments, words and brackets; what a word
 * means is libconfig's business. Any thread.
 */

enum {
	CONF_DEPTH_MAX = 8, /* brackets inside brackets */
	CONF_WORD_MAX = 64, /* bytes of a word that is shown, with its NUL */
};

/*
 * Refuses what no configuration may hold: NUL bytes, @include, a string, comment or bracket that is
 * never closed or closed by another, brackets nested too deeply, a key twice in one group, a number
 * that libconfig would cut in silence. -EINVAL with "FILE:LINE: ..." in `problem`; `path` is shown
 * as FILE and is printable.
 */
int conf_scan(const char *text, size_t len, const char *path, struct problem *problem);

/*
 * The line of the `ordinal`-th value that is not a bracket, counted from 0 in the text's order; 0
 * when there is none. For text that libconfig has taken: it knows the lines of keys only.
 */
unsigned conf_scan_value_line(const char *text, size_t len, size_t ordinal);

/* The line of the last string, word or bracket; 1 when there is none. */
unsigned conf_scan_last_line(const char *text, size_t len);

/*
 * The last word at or before the line, or "" if there is none: where a syntax error is. Made
 * printable and cut. Returns `out`.
 */
const char *conf_scan_near(const char *text, size_t len, unsigned line, char out[CONF_WORD_MAX]);

#endif
