/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_DIFFERENCE_H
#define CULVERT_CONFIG_CONF_DIFFERENCE_H

#include "config/conf.h"

/*
 * Compares two structs that conf_load() has filled by the same table, option by option. One thread;
 * never on a packet's path.
 */

enum conf_difference {
	CONF_CHANGED,
	CONF_ADDED,   /* an entry of a named list, such as `peers`, that only the second has */
	CONF_REMOVED, /* one that only the first has */
};

/*
 * Called for each option with another value. `path` is as in "mtu" or "peers.berlin.reach", and as
 * in "peers.berlin" for a whole entry; borrowed. `option` is the one that differs, for a whole
 * entry that of the list.
 */
typedef void conf_difference_fn(void *context, const char *path, const struct conf_option *option,
	enum conf_difference difference);

/*
 * Calls `found` for each difference, in the table's order. A list of groups whose first option is a
 * required name is compared entry by entry, whatever their order; any other list is equal if it has
 * the same values in the same order. Of two entries with one name only one is compared. Takes time
 * in proportion to n log n for lists of n entries. -ENOMEM: differences may be missing.
 */
int conf_differences(const struct conf_table *table, const void *before, const void *after,
	conf_difference_fn *found, void *context);

#endif
