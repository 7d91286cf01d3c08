/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_NEAREST_H
#define CULVERT_CONFIG_CONF_NEAREST_H

#include "config/conf.h"

/*
 * Returns the table's key that is most similar to `word`, or NULL when none is similar. Private to
 * config/conf. Any thread.
 */
const char *conf_nearest_key(const struct conf_table *table, const char *word);

#endif
