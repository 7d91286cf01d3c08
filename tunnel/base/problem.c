/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Texts from libraries may contain a newline; a problem is one line. */
static void flatten(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n' || *text == '\r')
			*text = ' ';
	}
}

void problem_set(struct problem *problem, const char *format, ...)
{
	char text[PROBLEM_TEXT_MAX]; /* the arguments may point into problem->text */
	va_list args;

	if (!problem)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	flatten(text);
	memcpy(problem->text, text, strlen(text) + 1);
}

void problem_prepend(struct problem *problem, const char *format, ...)
{
	char context[PROBLEM_TEXT_MAX];
	char joined[2 * PROBLEM_TEXT_MAX + 2];
	va_list args;

	if (!problem)
		return;
	va_start(args, format);
	(void)vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	(void)snprintf(joined, sizeof(joined), "%s: %s", context, problem->text);
	problem_set(problem, "%s", joined);
}

/* Writes bytes that are not plain as \xNN, and also the plain byte `also` (NUL: none). */
static const char *escape(char *out, size_t size, const void *text, size_t len, char also)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *bytes = text;
	size_t at = 0;

	if (size == 0)
		return out;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];
		bool plain = byte >= 0x20 && byte <= 0x7e && (char)byte != also;
		size_t need = plain ? 1 : 4;

		if (size - at <= need)
			break;
		if (plain) {
			out[at++] = (char)byte;
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = hex[byte >> 4];
		out[at++] = hex[byte & 15];
	}
	out[at] = '\0';
	return out;
}

const char *problem_escape(char *out, size_t size, const void *text, size_t len)
{
	return escape(out, size, text, len, '\\');
}

const char *problem_escape_rest(char *out, size_t size, const void *text, size_t len)
{
	return escape(out, size, text, len, '\0');
}
