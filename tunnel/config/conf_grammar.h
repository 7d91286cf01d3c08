/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_GRAMMAR_H
#define CULVERT_CONFIG_CONF_GRAMMAR_H

#include <stddef.h>

#include "base/problem.h"

/*
 * Names the mistake in a text that libconfig refuses, which says "syntax error" and the line where
 * it noticed: a missing quote, bracket, sign or value, a curly quote, an invisible character.
 * Private to config/conf. Any thread.
 */

/*
 * Returns the line of the first mistake, and *problem says "FILE:LINE: ...", with its cure. 0: none
 * is found, and *problem is unchanged. Brackets that do not match are left to conf_scan(). `path`
 * is printable. `problem` may be NULL.
 */
unsigned conf_grammar(const char *text, size_t len, const char *path, struct problem *problem);

#endif
