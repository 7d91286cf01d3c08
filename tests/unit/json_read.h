/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads JSON back in tests: a checker of the whole grammar (RFC 8259) that can stop at one value,
 * named by its way from the top: "sessions.0.in_bytes". It shares nothing with the writer that it
 * checks.
 */
#ifndef CULVERT_TESTS_UNIT_JSON_READ_H
#define CULVERT_TESTS_UNIT_JSON_READ_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_read {
	const char *at;
	const char *path;  /* what is left of the way, NULL: this is not on the way */
	const char *found; /* where the value begins, once it is found */
	size_t found_len;
	bool broken;
};

static inline void json_read_value(struct json_read *in);

static inline void json_read_space(struct json_read *in)
{
	in->at += strspn(in->at, " \t\r\n");
}

static inline bool json_read_take(struct json_read *in, char byte)
{
	json_read_space(in);
	if (*in->at != byte)
		return false;
	in->at++;
	return true;
}

static inline void json_read_string(struct json_read *in)
{
	if (!json_read_take(in, '"'))
		in->broken = true;
	while (!in->broken && *in->at != '"') {
		unsigned char byte = (unsigned char)*in->at++;

		if (byte < 0x20 || (byte == '\\' && !strchr("\"\\/bfnrtu", *in->at)))
			in->broken = true;
		else if (byte == '\\' && *in->at++ == 'u') {
			for (int i = 0; i < 4 && !in->broken; i++, in->at++)
				in->broken = !isxdigit((unsigned char)*in->at);
		}
	}
	if (!in->broken)
		in->at++;
}

/* The member of an object or array called `name`: goes on along the path if that is its next step.
 */
static inline void json_read_member(struct json_read *in, const char *name, size_t len)
{
	const char *path = in->path;

	in->path = NULL;
	if (path && strncmp(path, name, len) == 0 && (path[len] == '.' || path[len] == '\0'))
		in->path = path[len] == '.' ? path + len + 1 : path + len;
	json_read_value(in);
	in->path = path;
}

static inline void json_read_members(struct json_read *in, bool object)
{
	char end = object ? '}' : ']';
	char number[16];

	in->at++;
	if (json_read_take(in, end))
		return;
	for (int i = 0; !in->broken; i++) {
		const char *name = number;
		size_t len = (size_t)snprintf(number, sizeof(number), "%d", i);

		if (object) {
			json_read_space(in);
			name = in->at + 1;
			json_read_string(in);
			len = in->broken ? 0 : (size_t)(in->at - name - 1);
			in->broken = in->broken || !json_read_take(in, ':');
		}
		json_read_member(in, name, len);
		if (json_read_take(in, end))
			return;
		in->broken = in->broken || !json_read_take(in, ',');
	}
}

static inline void json_read_scalar(struct json_read *in)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *start = in->at;

	for (int i = 0; i < 3; i++) {
		if (strncmp(in->at, words[i], strlen(words[i])) == 0) {
			in->at += strlen(words[i]);
			return;
		}
	}
	in->at += *in->at == '-';
	in->broken = in->broken || !isdigit((unsigned char)*in->at) ||
		(in->at[0] == '0' && isdigit((unsigned char)in->at[1]));
	in->at += strspn(in->at, "0123456789");
	if (*in->at == '.') {
		in->broken = in->broken || !isdigit((unsigned char)in->at[1]);
		in->at += 1 + strspn(in->at + 1, "0123456789");
	}
	in->broken = in->broken || in->at == start;
}

static inline void json_read_value(struct json_read *in)
{
	bool wanted = in->path && in->path[0] == '\0';
	const char *start;

	json_read_space(in);
	start = in->at;
	if (in->broken)
		return;
	if (*in->at == '{' || *in->at == '[')
		json_read_members(in, *in->at == '{');
	else if (*in->at == '"')
		json_read_string(in);
	else
		json_read_scalar(in);
	if (wanted && !in->broken) {
		in->found = start;
		in->found_len = (size_t)(in->at - start);
	}
}

/* The whole text is one JSON value, ended by a newline. */
static inline bool json_is_valid(const char *text)
{
	struct json_read in = { .at = text };

	json_read_value(&in);
	return !in.broken && strcmp(in.at, "\n") == 0;
}

/*
 * The value at the end of the way as it is written, in a buffer of the caller's ("-" when there is
 * none).
 * "" is the outermost value.
 */
static inline const char *json_at(const char *text, const char *path, char *out, size_t size)
{
	struct json_read in = { .at = text, .path = path };

	json_read_value(&in);
	if (in.broken || !in.found)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%.*s", (int)in.found_len, in.found);
	return out;
}

/* How many elements the array at the end of the way has; -1: there is no array. */
static inline int json_count(const char *text, const char *path)
{
	char way[256], value[4096];
	int count = 0;

	if (json_at(text, path, value, sizeof(value))[0] != '[')
		return -1;
	for (;; count++) {
		snprintf(way, sizeof(way), "%s%s%d", path, path[0] ? "." : "", count);
		if (strcmp(json_at(text, way, value, sizeof(value)), "-") == 0)
			return count;
	}
}

#endif
