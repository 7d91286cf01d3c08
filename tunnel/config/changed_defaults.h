/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CHANGED_DEFAULTS_H
#define CULVERT_CONFIG_CHANGED_DEFAULTS_H

#include "config/configuration.h"

/*
 * The defaults that differ from those of the release before, as docs/upgrading.md lists them for
 * people. `check` prints those that apply to a configuration, so that nobody has to read the list
 * to learn what an upgrade changes. A change of a default adds a row in changed_defaults.c and a
 * line to that page. A row is removed with the second release after the change.
 */

/*
 * Adds a note "KEY is not set, ..." for each changed default whose key the configuration does not
 * have, and "KEY is set, ..." for each key that means more than before. The configuration must be
 * loaded.
 */
void changed_defaults_find(const struct configuration *configuration, struct findings *findings);

#endif
