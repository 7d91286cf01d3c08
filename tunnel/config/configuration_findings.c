/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_internal.h"

#include "base/log.h"
#include "config/conf.h"

void configuration_find(const struct configuration *configuration, struct findings *findings,
	enum finding_level level, const char *check, struct problem *problem)
{
	/* Each line costs a pass over the whole text, so a thousand findings would take seconds. */
	if (findings->count < CONFIGURATION_LINES_MAX)
		conf_locate(configuration->text, configuration->len, configuration->path, problem);
	else
		problem_prepend(problem, "%s", configuration->path);
	(void)findings_add(findings, level, check, "%s", problem->text);
}

void configuration_log(const struct findings *findings)
{
	const struct finding *first = findings_first(findings, FINDING_ERROR);

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		if (finding->level == FINDING_ERROR && finding != first)
			log_error("%s", finding->text.text);
		else if (finding->level == FINDING_WARNING)
			log_warning("%s", finding->text.text);
	}
}
