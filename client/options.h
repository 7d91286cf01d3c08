/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_OPTIONS_H
#define CULVERT_CLIENT_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "base/problem.h"
#include "config/configuration_changes.h"
#include "config/settings.h"

/*
 * The options of a client's profile: one table gives the parser, the defaults and the
 * documentation. netd and engine each load the same bytes. One thread, at start.
 */

/*
 * Loads a profile's text; opens no file. `path` is for messages. If the profile has no name, the
 * file's name without ".conf" becomes its name. The caller frees *ret_settings with
 * settings_free(). On failure *problem is one line "FILE:LINE: KEY: ...". -EINVAL, -EFBIG, -ENOMEM.
 */
int client_options_load(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem);

/* Adds what differs between two profiles. -ENOMEM. */
int client_options_compare(const struct settings *before, const struct settings *after,
	struct configuration_changes *changes);

/* Prints the table as Markdown. -EIO. */
int client_options_describe(FILE *out);

#endif
