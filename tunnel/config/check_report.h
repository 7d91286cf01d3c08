/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CHECK_REPORT_H
#define CULVERT_CONFIG_CHECK_REPORT_H

#include <stdbool.h>

#include "base/exit_code.h"
#include "config/configuration.h"

/*
 * What `culvert check` and `culvertd --check` say about a configuration, in the same words and with
 * the same exit status. For main(), one thread.
 */

struct check_options {
	bool json;      /* the findings as JSON, on stdout */
	bool strict;    /* warnings count as errors do */
	bool file_only; /* the file and its certificates, and neither this host nor its clock */
	const char *certificate; /* only this file is judged, by check_certificate(); or NULL */
};

/*
 * Reports on a configuration after configuration_load(). `error` is what that returned, and
 * *problem says why; 0: it is examined here. Text: errors and warnings on stderr, notes and the
 * verdict on stdout. Returns the exit status: 0 without errors, EXIT_CODE_CONFIG with some, or
 * EXIT_CODE_FAILURE if the first of them can clear by itself, as on a disk that fails.
 */
enum exit_code check_report(const struct configuration *configuration,
	const struct configuration_role *role, int error, const struct problem *problem,
	const struct check_options *options);

#endif
