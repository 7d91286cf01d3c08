/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CHANGED_DEFAULTS_H
#define CULVERT_CONFIG_CHANGED_DEFAULTS_H

#include <stdio.h>

#include "config/configuration.h"

/*
 * The defaults that are others than in the release before, as docs/upgrading.md lists them for people. A check
 * prints those that a configuration leaves as they are, so that nobody has to read the list to learn what an
 * upgrade changes here. A change of a default adds a row in changed_defaults.c and a line to that page; a row goes
 * with the second release after the change.
 */

/*
 * Prints a line "note: KEY: ..." for each changed default that holds for the configuration because it does not have
 * the key. The configuration is loaded.
 */
void changed_defaults_print(const struct configuration *configuration, FILE *out);

#endif
