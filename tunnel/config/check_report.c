/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check_report.h"

#include <errno.h>
#include <stdio.h>

#include "config/changed_defaults.h"

struct report {
	const struct configuration *configuration;
	const struct check_options *options;
	struct findings findings;
	struct configuration_verdict verdict;
	int error;
};

static enum exit_code code_of(const struct report *report)
{
	if (report->error < 0 || report->findings.failed)
		return exit_code_of_error(
			report->error < 0 ? report->error : -ENOMEM, EXIT_CODE_CONFIG);
	if (findings_first(&report->findings, FINDING_ERROR) ||
		(report->options->strict && findings_first(&report->findings, FINDING_WARNING)))
		return EXIT_CODE_CONFIG;
	return EXIT_CODE_OK;
}

static void print_level(const struct report *report, enum finding_level level, FILE *out)
{
	for (size_t i = 0; i < report->findings.count; i++) {
		const struct finding *finding = &report->findings.items[i];

		if (finding->level == level)
			(void)fprintf(
				out, "%s: %s\n", finding_level_text(level), finding->text.text);
	}
}

static void print_text(const struct report *report, enum exit_code code)
{
	const struct configuration *configuration = report->configuration;
	const struct settings *settings = configuration->settings;

	print_level(report, FINDING_ERROR, stderr);
	print_level(report, FINDING_WARNING, stderr);
	if (code != EXIT_CODE_OK)
		return;
	if (settings->role == SETTINGS_SERVER)
		printf("%s: fine: a server named %s", configuration->path,
			report->verdict.identity.name);
	else
		printf("%s: fine: client %s of server %s", configuration->path,
			report->verdict.identity.name, settings->peers[0].name.name);
	printf("%s\n", report->verdict.key_locked ? CONFIGURATION_LOCKED_NOTE : "");
	print_level(report, FINDING_NOTE, stdout);
}

static void print_json(const struct report *report, enum exit_code code)
{
	const char *name = report->verdict.identity.name;
	struct json json;

	json_init(&json, stdout);
	json_object_begin(&json, NULL);
	json_string(&json, "file", report->configuration->path);
	json_bool(&json, "fine", code == EXIT_CODE_OK);
	json_string(&json, "name", name[0] != '\0' ? name : NULL);
	json_bool(&json, "key_checked", name[0] != '\0' && !report->verdict.key_locked);
	json_u64(&json, "errors", findings_count(&report->findings, FINDING_ERROR));
	json_u64(&json, "warnings", findings_count(&report->findings, FINDING_WARNING));
	json_u64(&json, "notes", findings_count(&report->findings, FINDING_NOTE));
	json_array_begin(&json, "findings");
	for (size_t i = 0; i < report->findings.count; i++)
		finding_json(&report->findings.items[i], &json);
	json_array_end(&json);
	json_object_end(&json);
}

enum exit_code check_report(const struct configuration *configuration,
	const struct configuration_role *role, int error, const struct problem *problem,
	const struct check_options *options)
{
	struct report report = {
		.configuration = configuration, .options = options, .error = error
	};
	enum exit_code code;

	if (error < 0) {
		(void)findings_add(&report.findings, FINDING_ERROR, "file", "%s", problem->text);
	} else {
		report.error = configuration_examine(configuration, role,
			options->file_only ? CONFIGURATION_FILE : CONFIGURATION_CHECK,
			&report.findings, &report.verdict);
		changed_defaults_find(configuration, &report.findings);
	}
	code = code_of(&report);
	if (options->json)
		print_json(&report, code);
	else
		print_text(&report, code);
	findings_free(&report.findings);
	return fflush(stdout) == 0 ? code : EXIT_CODE_FAILURE;
}
