/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_SCAN_H
#define CULVERT_CONFIG_CONF_SCAN_H

#include <stddef.h>

#include "base/problem.h"
#include "config/conf_token.h"

/*
 * Scans a configuration's text before libconfig parses it, for errors that libconfig does not find
 * or reports badly. It knows strings, comments, words and brackets, but not what a word means.
 * Private to config/conf. Any thread.
 */

enum {
	CONF_DEPTH_MAX = 8, /* brackets inside brackets */
};

/*
 * Refuses what no configuration may have: NUL bytes, @include, a key twice in one group, brackets
 * nested too deeply, a number that libconfig would truncate silently. It also refuses a string,
 * comment or bracket that is not closed, or is closed by another one. *problem says why, as
 * "FILE:LINE: ...". -EBADMSG: a bracket or quote does not fit, perhaps for an earlier mistake that
 * conf_grammar() finds. -EINVAL: any other reason. `path` is printed as FILE and is printable.
 */
int conf_scan(const char *text, size_t len, const char *path, struct problem *problem);

/*
 * Returns the line of the value at position `ordinal`, counted from 0 in the text's order without
 * brackets; 0 when there is none. The text must be one that libconfig has parsed: libconfig knows
 * only the lines of keys.
 */
unsigned conf_scan_value_line(const char *text, size_t len, size_t ordinal);

/* Returns the line of the last string, word or bracket; 1 when there is none. */
unsigned conf_scan_last_line(const char *text, size_t len);

/*
 * Writes the last word at or before the line to `out`, to show where a syntax error is, or "" when
 * there is none. The word is made printable and cut. Returns `out`.
 */
const char *conf_scan_near(const char *text, size_t len, unsigned line, char out[CONF_WORD_MAX]);

#endif
