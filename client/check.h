/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CHECK_H
#define CULVERT_CLIENT_CHECK_H

#include <stdbool.h>

#include "base/exit_code.h"
#include "config/configuration.h"

/*
 * `culvert check`: whether a profile, or a server's configuration, could be run. From main(), one
 * thread.
 */

/*
 * Says on stdout that the file is fine, or on stderr why not. A server's configuration is culvertd's
 * to judge, which this process then becomes.
 */
enum exit_code check_run(const char *path);

/* Which of the two programs a file is for: true, culvertd. Whatever else may be wrong with it. */
bool check_is_server(const struct configuration *file);

/*
 * For `culvert up` with a file that did not load: true where it has a key that only servers have, and
 * none of a profile's. `problem` then names the program that starts it.
 */
bool check_explain_server(const struct configuration *file, struct problem *problem);

#endif
