/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comma precedes every member but the first of its object or array, so the writer need not know
 * what follows. Past the greatest depth it only counts, and writes again once the depth is back.
 */
#include "base/json.h"

#include <inttypes.h>

#include "base/array.h"
#include "base/bytes.h"

enum { REPLACEMENT = 0xfffd }; /* U+FFFD replaces a byte that is not UTF-8 */

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out };
}

static void put_line(struct json *json)
{
	(void)fputc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		(void)fputs("  ", json->out);
}

/*
 * Takes one code point by RFC 3629's table: no overlong form, no surrogate, nothing past U+10FFFF.
 * If there is none, takes one byte and returns the replacement.
 */
static uint32_t take_code_point(struct reader *reader)
{
	static const struct {
		uint8_t first, last; /* range of the leading byte */
		uint8_t low, high;   /* range of the byte after it */
		uint8_t more;        /* bytes after the leading one */
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 1 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 2 },
		{ 0xe1, 0xec, 0x80, 0xbf, 2 },
		{ 0xed, 0xed, 0x80, 0x9f, 2 },
		{ 0xee, 0xef, 0x80, 0xbf, 2 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 3 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 3 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 3 },
	};
	uint8_t lead = 0, byte;

	if (reader_u8(reader, &lead) < 0)
		return REPLACEMENT;
	if (lead < 0x80)
		return lead;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct reader ahead = *reader;
		uint32_t code = lead & (0x3fu >> forms[i].more);

		if (lead < forms[i].first || lead > forms[i].last)
			continue;
		for (unsigned n = 0; n < forms[i].more; n++) {
			uint8_t low = n == 0 ? forms[i].low : 0x80;
			uint8_t high = n == 0 ? forms[i].high : 0xbf;

			if (reader_u8(&ahead, &byte) < 0 || byte < low || byte > high)
				return REPLACEMENT;
			code = code << 6 | (byte & 0x3fu);
		}
		*reader = ahead;
		return code;
	}
	return REPLACEMENT;
}

static void put_ascii(FILE *out, uint32_t code)
{
	if (code >= 0x20 && code <= 0x7e) {
		(void)fputc((int)code, out);
	} else if (code <= 0xffff) {
		(void)fprintf(out, "\\u%04" PRIx32, code);
	} else { /* a pair of surrogates: RFC 8259, section 7 */
		code -= 0x10000;
		(void)fprintf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (code >> 10),
			0xdc00 + (code & 0x3ff));
	}
}

static void put_code_point(FILE *out, uint32_t code)
{
	if (code == '"' || code == '\\') {
		(void)fputc('\\', out);
		(void)fputc((int)code, out);
	} else if (code == '\n') {
		(void)fputs("\\n", out);
	} else {
		put_ascii(out, code);
	}
}

void json_put_plain(FILE *out, const char *text, size_t len)
{
	struct reader reader;

	reader_init(&reader, text, len);
	while (reader_left(&reader) > 0) {
		uint32_t code = take_code_point(&reader);

		if (code == '\n' || code == '\t')
			(void)fputc((int)code, out);
		else
			put_ascii(out, code);
	}
}

static void put_text(FILE *out, const char *text)
{
	struct reader reader;

	reader_init(&reader, text, strlen(text));
	(void)fputc('"', out);
	while (reader_left(&reader) > 0)
		put_code_point(out, take_code_point(&reader));
	(void)fputc('"', out);
}

/* Writes everything before the value itself. False: nested too deep, write nothing. */
static bool put_key(struct json *json, const char *key)
{
	if (json->depth > JSON_DEPTH_MAX)
		return false;
	if (json->filled[json->depth])
		(void)fputc(',', json->out);
	json->filled[json->depth] = true;
	if (json->depth > 0)
		put_line(json);
	if (key) {
		put_text(json->out, key);
		(void)fputs(": ", json->out);
	}
	return true;
}

static void begin(struct json *json, const char *key, char bracket)
{
	if (json->depth < JSON_DEPTH_MAX && put_key(json, key)) {
		(void)fputc(bracket, json->out);
		json->filled[json->depth + 1] = false;
	}
	json->depth++;
}

static void end(struct json *json, char bracket)
{
	if (json->depth == 0)
		return;
	json->depth--;
	if (json->depth >= JSON_DEPTH_MAX)
		return;
	if (json->filled[json->depth + 1])
		put_line(json);
	(void)fputc(bracket, json->out);
	if (json->depth == 0)
		(void)fputc('\n', json->out);
}

void json_object_begin(struct json *json, const char *key)
{
	begin(json, key, '{');
}

void json_object_end(struct json *json)
{
	end(json, '}');
}

void json_array_begin(struct json *json, const char *key)
{
	begin(json, key, '[');
}

void json_array_end(struct json *json)
{
	end(json, ']');
}

void json_string(struct json *json, const char *key, const char *text)
{
	if (!text)
		json_null(json, key);
	else if (put_key(json, key))
		put_text(json->out, text);
}

void json_bool(struct json *json, const char *key, bool value)
{
	if (put_key(json, key))
		(void)fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	if (put_key(json, key))
		(void)fputs("null", json->out);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	if (put_key(json, key))
		(void)fprintf(json->out, "%" PRIu64, value);
}

void json_i64(struct json *json, const char *key, int64_t value)
{
	if (put_key(json, key))
		(void)fprintf(json->out, "%" PRId64, value);
}

/* Uses integers: a locale's decimal comma would not be JSON. */
void json_duration(struct json *json, const char *key, struct duration value)
{
	int64_t us = value.ns / 1000;
	uint64_t magnitude = us < 0 ? (uint64_t)-us : (uint64_t)us;

	if (put_key(json, key))
		(void)fprintf(json->out, "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "",
			magnitude / 1000000, magnitude % 1000000);
}
