/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the documentation of an option table from the rows that also parse. Each option has one
 * line; the options of a group follow the list that they are in.
 */
#include <errno.h>

#include "config/conf.h"
#include "config/conf_value.h"

enum { GROUP_MAX = 64 }; /* bytes of the lists around a key, with dots and NUL */

static void describe_value(const struct conf_option *option, FILE *out)
{
	char text[CONF_VALUE_EXPECTED_MAX];

	if (option->shape != CONF_ONE)
		(void)fprintf(out, "list, at most %zu: ", option->limit);
	(void)fprintf(out, "%s", conf_value_expected(option, text));
}

static void describe_preset(const struct conf_option *option, FILE *out)
{
	if (option->required)
		(void)fprintf(out, "**required**");
	else if (option->preset_note)
		(void)fprintf(out, "%s", option->preset_note);
	else if (option->preset)
		(void)fprintf(out, "`%s`", option->preset);
	else
		(void)fprintf(out, "none");
}

static const char *applies_text(enum conf_applies applies)
{
	switch (applies) {
	case CONF_LIVE:
		return "at once";
	case CONF_NEXT:
		return "next connection";
	case CONF_RESTART:
		return "restart";
	default:
		return "";
	}
}

/* The configuration of a program that does not read it again has no such column. */
static void describe_table(/* NOLINT(misc-no-recursion): as deep as the tables are */
	const struct conf_table *table, const char *group, bool reloads, FILE *out)
{
	struct conf_walk walk = { .table = table }, groups = walk;
	const struct conf_option *option;

	while ((option = conf_next(&walk))) {
		(void)fprintf(out, "| `%s%s` | ", group, option->key);
		describe_value(option, out);
		(void)fprintf(out, " | ");
		describe_preset(option, out);
		if (reloads)
			(void)fprintf(out, " | %s", applies_text(option->applies));
		(void)fprintf(out, " | %s |\n", option->help);
	}
	while ((option = conf_next(&groups))) {
		char inner[GROUP_MAX];

		if (option->type != CONF_GROUP)
			continue;
		(void)snprintf(inner, sizeof(inner), "%s%s.", group, option->key);
		describe_table(option->table, inner, reloads, out);
	}
}

int conf_describe(const struct conf_table *table, FILE *out)
{
	struct conf_walk walk = { .table = table };
	const struct conf_option *first = conf_next(&walk);
	bool reloads = first && first->applies != CONF_APPLIES_UNSET;

	(void)fprintf(out, "| Key | Value | Default |%s Meaning |\n|---|---|---|%s---|\n",
		reloads ? " Applies |" : "", reloads ? "---|" : "");
	describe_table(table, "", reloads, out);
	return ferror(out) ? -EIO : 0;
}
