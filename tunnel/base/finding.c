/* SPDX-License-Identifier: Apache-2.0 */
#include "base/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char *const levels[] = {
	[FINDING_OK] = "ok",
	[FINDING_NOTE] = "note",
	[FINDING_PROBLEM] = "problem",
	[FINDING_WARNING] = "warning",
	[FINDING_ERROR] = "error",
};

enum { LEVELS = ARRAY_SIZE(levels) };

const char *finding_level_text(enum finding_level level)
{
	return levels[level];
}

/* A finding is one line of fields between TABs, and it may contain names from other programs. */
static void flatten(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = ' ';
	}
}

static struct finding *reserve(struct findings *findings)
{
	struct finding *items = array_grow(
		findings->items, findings->count, &findings->capacity, sizeof(*items));

	if (!items) {
		findings->failed = true;
		return NULL;
	}
	findings->items = items;
	return &items[findings->count];
}

struct finding *findings_add(struct findings *findings, enum finding_level level, const char *check,
	const char *format, ...)
{
	struct finding *finding = reserve(findings);
	va_list args;

	if (!finding)
		return NULL;
	*finding = (struct finding){ .level = level };
	(void)snprintf(finding->check, sizeof(finding->check), "%s", check);
	va_start(args, format);
	(void)vsnprintf(finding->text.text, sizeof(finding->text.text), format, args);
	va_end(args);
	flatten(finding->check);
	flatten(finding->text.text);
	findings->count++;
	return finding;
}

void finding_cure(struct finding *finding, const char *format, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	(void)vsnprintf(finding->cure, sizeof(finding->cure), format, args);
	va_end(args);
	flatten(finding->cure);
}

void findings_free(struct findings *findings)
{
	free(findings->items);
	*findings = (struct findings){ .items = NULL };
}

const struct finding *findings_first(const struct findings *findings, enum finding_level level)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->items[i].level == level)
			return &findings->items[i];
	}
	return NULL;
}

bool findings_have_problem(const struct findings *findings)
{
	return findings_first(findings, FINDING_PROBLEM) != NULL;
}

size_t findings_count(const struct findings *findings, enum finding_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->items[i].level == level;
	return count;
}

void finding_print(const struct finding *finding, FILE *out)
{
	(void)fprintf(out, "%s: %s: %s%s%s\n", finding_level_text(finding->level), finding->check,
		finding->text.text, finding->cure[0] != '\0' ? "; fix it: " : "", finding->cure);
}

void finding_json(const struct finding *finding, struct json *json)
{
	json_object_begin(json, NULL);
	json_string(json, "level", finding_level_text(finding->level));
	json_string(json, "check", finding->check);
	json_string(json, "text", finding->text.text);
	json_string(json, "cure", finding->cure[0] != '\0' ? finding->cure : NULL);
	json_object_end(json);
}

/* ---- over the control socket ---- */

void finding_write(const struct finding *finding, FILE *out)
{
	(void)fprintf(out, "%s\t%s\t%s\t%s", finding_level_text(finding->level), finding->check,
		finding->text.text, finding->cure);
}

int finding_read(char *line, struct findings *findings)
{
	const char *level = strsep(&line, "\t"), *check = strsep(&line, "\t");
	const char *text = strsep(&line, "\t"), *cure = line;
	struct finding *finding;
	unsigned number = 0;

	if (!cure)
		return -EPROTO;
	while (number < LEVELS && strcmp(level, levels[number]) != 0)
		number++;
	if (number == LEVELS)
		return -EPROTO;
	finding = findings_add(findings, (enum finding_level)number, check, "%s", text);
	finding_cure(finding, "%s", cure);
	return finding ? 0 : -ENOMEM;
}
