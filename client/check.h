/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CHECK_H
#define CULVERT_CLIENT_CHECK_H

#include <stdbool.h>

#include "base/exit_code.h"
#include "config/check_report.h"
#include "config/configuration.h"

/*
 * `culvert check`: checks that a profile or a server's configuration could run. One thread, from
 * main().
 */

/*
 * Reports on the file as check_report() does. For a server's configuration this process becomes
 * culvertd, which checks it.
 */
enum exit_code check_run(const char *path, const struct check_options *options);

/*
 * True if the file is for culvertd, false if it is for culvert, even if something else is wrong
 * with it.
 */
bool check_is_server(const struct configuration *file);

/*
 * For `culvert up` with a file that did not load: true if it has a key that only servers have, and
 * none of a profile's. *problem then names the program that starts it.
 */
bool check_explain_server(const struct configuration *file, struct problem *problem);

#endif
