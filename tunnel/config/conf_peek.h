/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_PEEK_H
#define CULVERT_CONFIG_CONF_PEEK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads one value of a configuration that conf_load() may refuse or has refused, for values that
 * must apply however broken the file is. It allocates nothing. Any thread.
 */

/*
 * Writes the value of `key`, as it is in the text but without quotes, to `out`, a string of `size`
 * bytes. If the key is there several times, the last one counts. Brackets are not matched, since
 * one may be missing, so no group may have the same key. Comments and strings are skipped as
 * libconfig does; after an unclosed one nothing is found. Returns false when the text has no value
 * that fits into `out`, and `out` is untouched then.
 */
bool conf_peek(const char *text, size_t len, const char *key, char *out, size_t size);

#endif
