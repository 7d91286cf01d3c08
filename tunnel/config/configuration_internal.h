/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONFIGURATION_INTERNAL_H
#define CULVERT_CONFIG_CONFIGURATION_INTERNAL_H

#include "config/configuration.h"

/* Shared by the configuration*.c files, which alone include it. */

enum { CONFIGURATION_LINES_MAX = 64 }; /* findings whose line is named; of others only the file */

/*
 * configuration_findings.c. Adds a finding whose text begins with an option's path, "pool4: ...", and puts file and line in
 * front. Changes *problem.
 */
void configuration_find(const struct configuration *configuration, struct findings *findings,
	enum finding_level level, const char *check, struct problem *problem);

/*
 * Logs warnings, and the errors after the first, which the caller of configuration_prepare() gets
 * as its problem.
 */
void configuration_log(const struct findings *findings);

/*
 * configuration_values.c: finds values that are valid and keep peers out all the same, whatever the
 * host is. Returns 0, or the errno of its first error.
 */
int configuration_examine_values(
	const struct configuration *configuration, struct findings *findings);

/* configuration_host.c: finds what the configuration needs and this host lacks, or has already. */
void configuration_examine_host(
	const struct configuration *configuration, struct findings *findings);

/*
 * configuration_places.c: finds places that another program has. Returns 0, or the errno of its
 * first error.
 */
int configuration_examine_places(const struct configuration *configuration,
	enum configuration_purpose purpose, struct findings *findings);

#endif
