/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_CONF_NEAREST_H
#define CULVERT_SYSTEM_CONF_NEAREST_H

#include "system/conf.h"

/*
 * The table's key that is most like the word, or NULL when none is like it. Private to system/conf.
 * Any thread.
 */
const char *conf_nearest_key(const struct conf_table *table, const char *word);

#endif
