/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_JSON_H
#define CULVERT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

/*
 * Writes one JSON text (RFC 8259) to a stream, indented for a person to read. What comes out is
 * ASCII whatever goes in: everything else in a string is written as \uXXXX, so that text from a
 * peer can neither break the syntax nor reach a terminal. One owner; any thread.
 *
 * Calls nest as the text does: every _begin has its _end, and the text is whole when all are
 * closed. `key` is NULL for the outermost value and for elements of arrays, and a literal
 * otherwise. Errors are the stream's: ferror(3) at the end tells them.
 */

/* What is nested deeper is left out. */
enum { JSON_DEPTH_MAX = 16 };

struct json {
	FILE *out;
	unsigned depth;                  /* open objects and arrays */
	bool filled[JSON_DEPTH_MAX + 1]; /* something stands in the value of that depth already */
};

void json_init(struct json *json, FILE *out);

/*
 * Writes text that may hold anything as ASCII that a terminal can show: newlines, TABs and printable
 * ASCII as they are, all else as \uXXXX, as inside a string. JSON stays JSON and means the same; a
 * byte that is not UTF-8 becomes U+FFFD. Errors are the stream's.
 */
void json_put_plain(FILE *out, const char *text, size_t len);

void json_object_begin(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *key);
void json_array_end(struct json *json);

/* `text` is UTF-8; each byte that is not becomes U+FFFD. NULL is written as null. */
void json_string(struct json *json, const char *key, const char *text);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
/* Seconds with six decimals, cut to microseconds. */
void json_duration(struct json *json, const char *key, struct duration value);

#endif
