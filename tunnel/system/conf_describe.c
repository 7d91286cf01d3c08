/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documentation of an option table, made from the rows that also parse. One line an option; the
 * options of a group follow the list that holds it.
 */
#include <errno.h>

#include "system/conf.h"
#include "system/conf_value.h"

static void describe_value(const struct conf_option *option, FILE *out)
{
	char words[CONF_EXPECTED_MAX];

	if (option->shape != CONF_ONE)
		(void)fprintf(out, "list, at most %zu: ", option->limit);
	(void)fprintf(out, "%s", conf_value_expected(option, words));
}

static void describe_preset(const struct conf_option *option, FILE *out)
{
	if (option->required)
		(void)fprintf(out, "**required**");
	else if (option->preset_note != NULL)
		(void)fprintf(out, "%s", option->preset_note);
	else if (option->preset != NULL)
		(void)fprintf(out, "`%s`", option->preset);
	else
		(void)fprintf(out, "none");
}

static void describe_rows(const struct conf_table *table, const char *group, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_option *option = &table->options[i];

		(void)fprintf(
			out, "| `%s%s%s` | ", group, group[0] != '\0' ? "." : "", option->key);
		describe_value(option, out);
		(void)fprintf(out, " | ");
		describe_preset(option, out);
		(void)fprintf(out, " | %s |\n", option->help);
	}
}

int conf_describe(const struct conf_table *table, FILE *out)
{
	(void)fprintf(out, "| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
	describe_rows(table, "", out);
	/* Groups hold no groups: one level is all there is. */
	for (size_t i = 0; i < table->count; i++) {
		if (table->options[i].type == CONF_GROUP)
			describe_rows(table->options[i].table, table->options[i].key, out);
	}
	return ferror(out) ? -EIO : 0;
}
