/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_OPTIONS_H
#define CULVERT_DAEMON_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "base/problem.h"
#include "config/configuration_changes.h"
#include "config/settings.h"

/*
 * The options of culvertd.conf: one table for the parser, the defaults and the documentation. netd
 * and engine each load the same bytes. One thread, at the start.
 */

/*
 * Loads the settings. `path` is for messages only; no file is opened. The caller frees
 * *ret_settings with settings_free(). -EINVAL, -EFBIG, -ENOMEM; on failure *problem is one line
 * "FILE:LINE: KEY: ...".
 */
int daemon_options_load(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem);

/* Adds what differs between two configurations. -ENOMEM. */
int daemon_options_compare(const struct settings *before, const struct settings *after,
	struct configuration_changes *changes);

/* Writes the table as Markdown. -EIO. */
int daemon_options_describe(FILE *out);

#endif
