/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_OPTIONS_H
#define CULVERT_CLIENT_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * The options of a client's profile: one table, from which the parser, the defaults and the
 * documentation come. netd and engine each load the same bytes. One thread, at start.
 */

/*
 * `path` is for messages and, where the profile has no name, gives it: the file's name without
 * ".conf". Nothing is opened. The caller frees *ret_settings by settings_free(). Errors are one
 * line "FILE:LINE: KEY: ..." in `problem`: -EINVAL, -EFBIG, -ENOMEM.
 */
int client_options_load(const char *text, size_t len, const char *path,
	struct settings **ret_settings, struct problem *problem);

/* The table as Markdown. -EIO. */
int client_options_describe(FILE *out);

#endif
