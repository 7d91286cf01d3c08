/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_JSON_H
#define CULVERT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

/*
 * Writes one JSON text (RFC 8259) to a stream, indented for people. The output is always ASCII:
 * other characters in a string become \uXXXX. So text from a peer can neither break the syntax nor
 * reach a terminal. One owner; any thread.
 *
 * Calls nest as the text does: each _begin needs its _end. `key` is NULL for the outermost value
 * and for elements of an array, else a literal. Errors are those of the stream: check ferror(3) at
 * the end.
 */

/* The writer leaves out values that are nested deeper. */
enum { JSON_DEPTH_MAX = 16 };

struct json {
	FILE *out;
	unsigned depth;                  /* open objects and arrays */
	bool filled[JSON_DEPTH_MAX + 1]; /* the value at that depth has a member already */
};

void json_init(struct json *json, FILE *out);

/*
 * Writes any text as ASCII that a terminal can show: newlines, TABs and printable ASCII unchanged,
 * all else as \uXXXX. A byte that is not UTF-8 becomes U+FFFD. JSON stays JSON with the same
 * meaning. Errors are those of the stream.
 */
void json_put_plain(FILE *out, const char *text, size_t len);

void json_object_begin(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *key);
void json_array_end(struct json *json);

/* `text` is UTF-8; a byte that is not UTF-8 becomes U+FFFD. NULL becomes null. */
void json_string(struct json *json, const char *key, const char *text);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
/* Seconds with six decimals, cut to microseconds. */
void json_duration(struct json *json, const char *key, struct duration value);

#endif
