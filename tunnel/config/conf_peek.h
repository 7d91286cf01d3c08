/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_PEEK_H
#define CULVERT_CONFIG_CONF_PEEK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One value of a configuration that conf_load() may refuse, or has refused: for what must hold
 * whatever else is wrong with the file. Any thread; no allocation.
 */

/*
 * The value of `key` in the text, without quotes, as it stands there. The last one counts. Brackets
 * are not matched, since one may be missing: the key must be one that no group has, too. false: the
 * text gives no value that fits into `out`, a string of `size` bytes, and `out` is as before.
 * Comments and strings are skipped as libconfig does; after an unclosed one nothing is found.
 */
bool conf_peek(const char *text, size_t len, const char *key, char *out, size_t size);

#endif
